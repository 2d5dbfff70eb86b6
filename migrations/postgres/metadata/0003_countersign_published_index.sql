-- What was published lately, in the order it was stored: for signing again in the background.
CREATE INDEX IF NOT EXISTS countersign_published_idx ON tuf_files (created_at, id)
WHERE role NOT IN ('timestamp', 'snapshot') AND deleted_at IS NULL;
