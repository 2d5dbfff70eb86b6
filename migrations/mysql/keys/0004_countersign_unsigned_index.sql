-- Keys that have not signed yet are counted before others are made.
CREATE INDEX countersign_unsigned_idx ON private_keys (last_used, deleted_at);
