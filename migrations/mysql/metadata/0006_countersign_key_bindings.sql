-- Which GUN and role each key of a remote signer is for. The signer itself does not say.
CREATE TABLE IF NOT EXISTS countersign_key_bindings (
    id        int NOT NULL AUTO_INCREMENT PRIMARY KEY,
    key_id    varbinary(255) NOT NULL,
    algorithm varbinary(50) NOT NULL,
    gun       varbinary(1020) NOT NULL,
    role      varbinary(255) NOT NULL,
    bound_at  datetime(6) NOT NULL,
    last_used datetime(6) NULL,
    UNIQUE KEY key_id (key_id),
    KEY countersign_key_bindings_idx (gun, role, key_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;
