-- Pending keys are looked up by GUN and role before every key creation, and listed in the order of
-- their bytes, whatever language the database sorts by.
CREATE INDEX IF NOT EXISTS countersign_pending_idx
ON private_keys (gun COLLATE "C", role COLLATE "C", key_id COLLATE "C");
