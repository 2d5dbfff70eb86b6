-- One row per accepted publish, re-signing and deletion, as Notary has it.
CREATE TABLE IF NOT EXISTS change_category (
    category varchar(20) PRIMARY KEY
);

INSERT INTO change_category (category) VALUES ('update'), ('deletion') ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS changefeed (
    id         serial PRIMARY KEY,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    gun        varchar(255) NOT NULL,
    version    integer NOT NULL,
    sha256     char(64) NULL,
    category   varchar(20) NOT NULL DEFAULT 'update' REFERENCES change_category (category)
);

CREATE INDEX IF NOT EXISTS idx_changefeed_gun ON changefeed (gun);

-- The changes of one GUN after a number, without walking through those of all others.
CREATE INDEX IF NOT EXISTS countersign_changefeed_gun_idx ON changefeed (gun, id);

-- Timestamps that are older than the feed become its first rows.
INSERT INTO changefeed (created_at, gun, version, sha256, category)
SELECT created_at, gun, version, sha256, 'update'
FROM tuf_files
WHERE role = 'timestamp' AND deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM changefeed)
ORDER BY created_at, id;
