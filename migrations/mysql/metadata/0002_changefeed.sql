-- One row per accepted publish, re-signing and deletion.
CREATE TABLE IF NOT EXISTS change_category (
    category varchar(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT IGNORE INTO change_category (category) VALUES ('update'), ('deletion');

CREATE TABLE IF NOT EXISTS changefeed (
    id         int NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_at datetime(6) NULL DEFAULT CURRENT_TIMESTAMP(6),
    gun        varbinary(1020) NOT NULL,
    version    int NOT NULL,
    sha256     char(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    category   varchar(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'update',
    KEY idx_changefeed_gun (gun),
    KEY category (category),
    FOREIGN KEY (category) REFERENCES change_category (category)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Timestamps that are older than the feed become its first rows.
INSERT INTO changefeed (created_at, gun, version, sha256, category)
SELECT created_at, gun, version, sha256, 'update'
FROM tuf_files
WHERE role = 'timestamp' AND deleted_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM (SELECT id FROM changefeed LIMIT 1) AS any_change)
ORDER BY created_at, id;
