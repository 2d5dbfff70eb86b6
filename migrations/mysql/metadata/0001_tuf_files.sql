-- Every stored version of every role. Tables that Notary's own migrations made are left as they
-- are. Those made here compare names byte for byte, and have columns of the same names.
CREATE TABLE IF NOT EXISTS tuf_files (
    id         int NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_at datetime(6) NULL,
    updated_at datetime(6) NULL,
    deleted_at datetime(6) NULL,
    gun        varbinary(1020) NOT NULL,
    role       varbinary(255) NOT NULL,
    version    int NOT NULL,
    data       longblob NOT NULL,
    sha256     char(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    UNIQUE KEY gun (gun, role, version),
    KEY sha256 (sha256)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
