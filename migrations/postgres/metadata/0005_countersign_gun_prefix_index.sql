-- What is stored below a prefix is counted for its limits: in the order of bytes, which the index on
-- names has in few languages. Nothing else is looked up by it.
CREATE INDEX IF NOT EXISTS countersign_gun_prefix_idx ON tuf_files (gun COLLATE "C");
