-- From one passphrase to the next: the alias of the check value that holds, the one that is
-- proposed, and the processes that must be able to open it before it holds.
ALTER TABLE countersign_passphrase_check ADD COLUMN alias TEXT;

CREATE TABLE countersign_passphrase_proposal (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    alias  TEXT COLLATE BINARY,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE countersign_key_processes (
    id          INTEGER PRIMARY KEY,
    process_id  TEXT NOT NULL UNIQUE COLLATE BINARY,
    shown       TEXT NOT NULL,
    beat        INTEGER NOT NULL,
    opens       TEXT NOT NULL,
    seals_under TEXT NOT NULL
) STRICT;
