-- What was published lately, in the order it was stored: for signing again in the background. The
-- role is in it, so that what the server signed itself is passed over within the index.
CREATE INDEX countersign_published_idx ON tuf_files (created_at, id, role);
