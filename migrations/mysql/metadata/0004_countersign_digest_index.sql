-- The same bytes may be published under any number of names, so finding them under one of these must
-- not mean walking through the others.
CREATE INDEX countersign_digest_idx ON tuf_files (sha256, gun, role);
