-- Which GUN and role each key of a remote signer is for. The signer itself does not say.
CREATE TABLE countersign_key_bindings (
    id        INTEGER PRIMARY KEY,
    key_id    TEXT NOT NULL UNIQUE COLLATE BINARY,
    algorithm TEXT NOT NULL,
    gun       TEXT NOT NULL COLLATE BINARY,
    role      TEXT NOT NULL COLLATE BINARY,
    bound_at  TEXT NOT NULL,
    last_used TEXT
) STRICT;

CREATE INDEX countersign_key_bindings_idx ON countersign_key_bindings (gun, role, key_id);
