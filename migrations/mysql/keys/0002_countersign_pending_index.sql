-- Pending keys are looked up by GUN and role before every key creation.
CREATE INDEX countersign_pending_idx ON private_keys (gun, role, key_id);
