-- A start tries its passphrases on the newest keys of each alias.
CREATE INDEX IF NOT EXISTS countersign_alias_idx ON private_keys (passphrase_alias COLLATE "C", id)
WHERE deleted_at IS NULL;
