-- How far the stored roots were looked through for keys of each remote signer, by the row's number.
CREATE TABLE IF NOT EXISTS countersign_root_walks (
    id     serial PRIMARY KEY,
    signer text COLLATE "C" NOT NULL UNIQUE,
    row_id bigint NOT NULL
);
