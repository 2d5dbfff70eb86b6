-- At most one row: a value sealed with the first passphrase. A process whose passphrase does not
-- open it must not add keys.
CREATE TABLE countersign_passphrase_check (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
) STRICT;
