-- Sealed private keys of timestamp and snapshot roles. Table and columns are named as in the Go
-- signer's databases.
CREATE TABLE private_keys (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at       TEXT,
    updated_at       TEXT,
    deleted_at       TEXT,
    key_id           TEXT NOT NULL COLLATE BINARY,
    encryption_alg   TEXT NOT NULL,
    keywrap_alg      TEXT NOT NULL,
    algorithm        TEXT NOT NULL COLLATE BINARY,
    passphrase_alias TEXT NOT NULL,
    public           BLOB NOT NULL,
    private          BLOB NOT NULL,
    gun              TEXT NOT NULL COLLATE BINARY,
    role             TEXT NOT NULL COLLATE BINARY,
    last_used        TEXT
) STRICT;

CREATE UNIQUE INDEX key_id ON private_keys (key_id);

CREATE UNIQUE INDEX key_id_2 ON private_keys (key_id, algorithm);
