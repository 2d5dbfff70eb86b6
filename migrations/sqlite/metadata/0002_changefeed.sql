-- One row per accepted publish, re-signing and deletion. AUTOINCREMENT, so that a number is never
-- given twice: readers remember the last one they saw.
CREATE TABLE change_category (
    category TEXT NOT NULL PRIMARY KEY COLLATE BINARY
) STRICT;

INSERT INTO change_category (category) VALUES ('update'), ('deletion');

CREATE TABLE changefeed (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TEXT    NOT NULL,
    gun        TEXT    NOT NULL COLLATE BINARY,
    version    INTEGER NOT NULL,
    sha256     TEXT    COLLATE BINARY,
    category   TEXT    NOT NULL DEFAULT 'update' COLLATE BINARY
               REFERENCES change_category (category)
) STRICT;

CREATE INDEX idx_changefeed_gun ON changefeed (gun);

-- Timestamps that are older than the feed become its first rows.
INSERT INTO changefeed (created_at, gun, version, sha256, category)
SELECT created_at, gun, version, sha256, 'update'
FROM tuf_files
WHERE role = 'timestamp' AND deleted_at IS NULL
ORDER BY created_at, id;
