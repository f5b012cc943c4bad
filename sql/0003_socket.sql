-- NETWORK_SCHEME=socket: a gateway per task, on a port that the two parties agree on with the slot.
ALTER TABLE reservation ADD COLUMN IF NOT EXISTS port SMALLINT UNSIGNED NULL
  COMMENT 'of the gateway of this attempt, at the lower-named party; NULL: scheme agent';
