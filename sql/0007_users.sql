-- Who may ask this party, and how much at once. Rows are written by an administrator (`pet user …`); the daemons only read them.
CREATE TABLE IF NOT EXISTS api_user (
  name          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'lower case: job.owner does not tell A from a',
  role          ENUM('operator','node','admin') NOT NULL
                COMMENT 'operator: own jobs; admin: all jobs; node: another party, to refuse it at once or to limit it',
  state         ENUM('normal','revoked') NOT NULL DEFAULT 'normal',
  tokens_from   BIGINT NOT NULL DEFAULT 0 COMMENT 'seconds since 1970: a token with an earlier iat is refused',
  max_running   INT UNSIGNED NULL COMMENT 'RUNNING jobs, above which no job is taken; NULL: the configured default, 0: no limit',
  max_queued    INT UNSIGNED NULL COMMENT 'INIT jobs; as above',
  max_bytes_day BIGINT UNSIGNED NULL COMMENT 'bytes that tasks of the last 24 hours'' jobs exchanged with other parties; as above',
  note          VARCHAR(255) NOT NULL DEFAULT '',
  created_at    DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  changed_at    DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
) COMMENT 'users of the API; a party may have a row too';

-- Locked while a limited submit counts and inserts, so that two at once do not both pass.
INSERT IGNORE INTO setting (name, value) VALUES ('limits', '');
