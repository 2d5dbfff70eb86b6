-- The same bytes may be published under any number of names; finding them under one of these must
-- not mean walking through the others.
CREATE INDEX IF NOT EXISTS countersign_digest_idx ON tuf_files (sha256, gun, role);
