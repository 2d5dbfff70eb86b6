-- At most one row: a value sealed with the first passphrase. A process whose passphrase does not
-- open it must not add keys.
CREATE TABLE IF NOT EXISTS countersign_passphrase_check (
    id     int NOT NULL PRIMARY KEY CHECK (id = 1),
    sealed blob NOT NULL
) ENGINE=InnoDB;
