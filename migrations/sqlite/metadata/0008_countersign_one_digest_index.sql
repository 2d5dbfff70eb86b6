-- The index on digest, GUN and role begins with the digest, so this one was written for nobody.
DROP INDEX tuf_files_sha256_idx;
