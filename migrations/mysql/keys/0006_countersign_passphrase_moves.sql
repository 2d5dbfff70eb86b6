-- From one passphrase to the next: the alias of the check value that holds, the one that is
-- proposed, and the processes that must be able to open it before it holds.
ALTER TABLE countersign_passphrase_check ADD COLUMN alias varbinary(200) NULL;

CREATE TABLE IF NOT EXISTS countersign_passphrase_proposal (
    id     int NOT NULL PRIMARY KEY CHECK (id = 1),
    alias  varbinary(200) NULL,
    sealed blob NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS countersign_key_processes (
    id          int NOT NULL AUTO_INCREMENT PRIMARY KEY,
    process_id  varbinary(64) NOT NULL,
    shown       varbinary(1020) NOT NULL,
    beat        bigint NOT NULL,
    opens       varbinary(64) NOT NULL,
    seals_under varbinary(200) NOT NULL,
    UNIQUE KEY process_id (process_id)
) ENGINE=InnoDB;
