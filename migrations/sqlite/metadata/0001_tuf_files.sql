-- Every stored version of every role. Table and columns are named as in Notary's databases.
-- `data` comes last: a row is read from its front, so heads are found without touching the
-- overflow pages of a large document.
CREATE TABLE tuf_files (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TEXT,
    updated_at TEXT,
    deleted_at TEXT,
    gun        TEXT    NOT NULL COLLATE BINARY,
    role       TEXT    NOT NULL COLLATE BINARY,
    version    INTEGER NOT NULL,
    sha256     TEXT    COLLATE BINARY,
    data       BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX idx_gun ON tuf_files (gun, role, version);

CREATE INDEX tuf_files_sha256_idx ON tuf_files (sha256);
