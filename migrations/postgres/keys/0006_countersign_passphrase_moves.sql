-- From one passphrase to the next: the alias of the check value that holds, the one that is
-- proposed, and the processes that must be able to open it before it holds.
ALTER TABLE countersign_passphrase_check ADD COLUMN IF NOT EXISTS alias text NULL;

CREATE TABLE IF NOT EXISTS countersign_passphrase_proposal (
    id     integer PRIMARY KEY CHECK (id = 1),
    alias  text NULL,
    sealed bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS countersign_key_processes (
    id          serial PRIMARY KEY,
    process_id  text NOT NULL UNIQUE,
    shown       text NOT NULL,
    beat        bigint NOT NULL,
    opens       text NOT NULL,
    seals_under text NOT NULL
);
