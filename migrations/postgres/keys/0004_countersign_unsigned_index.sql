-- Keys that have not signed yet are counted before others are made.
CREATE INDEX IF NOT EXISTS countersign_unsigned_idx ON private_keys (id)
WHERE last_used IS NULL AND deleted_at IS NULL;
