-- How far the stored roots were looked through for keys of each remote signer, by the row's number.
CREATE TABLE countersign_root_walks (
    id     INTEGER PRIMARY KEY,
    signer TEXT    NOT NULL UNIQUE COLLATE BINARY,
    row_id INTEGER NOT NULL
) STRICT;
