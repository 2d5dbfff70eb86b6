-- Which GUN and role each key of a remote signer is for. The signer itself does not say.
CREATE TABLE IF NOT EXISTS countersign_key_bindings (
    id        serial PRIMARY KEY,
    key_id    text COLLATE "C" NOT NULL UNIQUE,
    algorithm text NOT NULL,
    gun       text COLLATE "C" NOT NULL,
    role      text COLLATE "C" NOT NULL,
    bound_at  timestamp NOT NULL,
    last_used timestamp NULL
);

CREATE INDEX IF NOT EXISTS countersign_key_bindings_idx
ON countersign_key_bindings (gun, role, key_id);
