-- Pending keys are looked up by these columns before every key creation.
CREATE INDEX countersign_pending_idx ON private_keys (gun, role, algorithm, last_used);
