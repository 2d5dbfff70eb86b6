-- Sealed private keys of timestamp and snapshot roles. A table that the Go signer's own migrations
-- made is left as it is. One made here compares names byte for byte, and has columns of the same
-- names.
CREATE TABLE IF NOT EXISTS private_keys (
    id               int NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_at       datetime(6) NULL,
    updated_at       datetime(6) NULL,
    deleted_at       datetime(6) NULL,
    key_id           varbinary(255) NOT NULL,
    encryption_alg   varchar(255) NOT NULL,
    keywrap_alg      varchar(255) NOT NULL,
    algorithm        varbinary(50) NOT NULL,
    passphrase_alias varbinary(200) NOT NULL,
    public           blob NOT NULL,
    private          blob NOT NULL,
    gun              varbinary(1020) NOT NULL,
    role             varbinary(255) NOT NULL,
    last_used        datetime(6) NULL,
    UNIQUE KEY key_id (key_id),
    UNIQUE KEY key_id_2 (key_id, algorithm)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
