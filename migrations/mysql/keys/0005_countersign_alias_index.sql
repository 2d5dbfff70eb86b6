-- A start tries its passphrases on the newest keys of each alias.
CREATE INDEX countersign_alias_idx ON private_keys (passphrase_alias, deleted_at);
