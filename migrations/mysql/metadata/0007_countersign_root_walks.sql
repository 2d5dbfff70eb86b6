-- How far the stored roots were looked through for keys of each remote signer, by the row's number.
CREATE TABLE IF NOT EXISTS countersign_root_walks (
    id     int NOT NULL AUTO_INCREMENT PRIMARY KEY,
    signer varbinary(300) NOT NULL,
    row_id bigint NOT NULL,
    UNIQUE KEY signer (signer)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;
