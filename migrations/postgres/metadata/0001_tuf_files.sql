-- Every stored version of every role, as Notary has it: a database that Notary's own migrations made
-- is left as it is.
CREATE TABLE IF NOT EXISTS tuf_files (
    id         serial PRIMARY KEY,
    created_at timestamp NULL,
    updated_at timestamp NULL,
    deleted_at timestamp NULL,
    gun        varchar(255) NOT NULL,
    role       varchar(255) NOT NULL,
    version    integer NOT NULL,
    data       bytea NOT NULL,
    sha256     char(64) NULL,
    UNIQUE (gun, role, version)
);

CREATE INDEX IF NOT EXISTS tuf_files_sha256_idx ON tuf_files (sha256);
