-- The state of jobs lives here and nowhere else. One database per party.
-- Every state change is a compare-and-set on exactly one row and leaves an event row in the same transaction.
-- Times are UTC (every connection sets time_zone = '+00:00'); leases are counters, never times.

CREATE TABLE setting (
  name        VARCHAR(64) NOT NULL PRIMARY KEY,
  value       VARCHAR(255) NOT NULL
) COMMENT 'one row per fact about this database, e.g. party: it belongs to one party only';

CREATE TABLE mission (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name        VARCHAR(64) NOT NULL,
  version     INT UNSIGNED NOT NULL,
  digest      BINARY(32) NOT NULL COMMENT 'SHA-256 of the canonical DAG: both parties must hold the same',
  dag         LONGTEXT NOT NULL CHECK (JSON_VALID(dag)),
  params      LONGTEXT NOT NULL COMMENT 'the operators'' parameter tables, as --describe printed them' CHECK (JSON_VALID(params)),
  missing     VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'operators that are not installed; submit refuses by these names',
  loaded_at   DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  UNIQUE KEY mission_name (name, version)
);

CREATE TABLE job (
  id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  job_id        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  mission       BIGINT UNSIGNED NOT NULL,
  mission_name  VARCHAR(64) NOT NULL,
  mission_version INT UNSIGNED NOT NULL,
  request       LONGTEXT NOT NULL COMMENT 'canonical body of the submit' CHECK (JSON_VALID(request)),
  request_digest BINARY(32) NOT NULL,
  self          VARCHAR(64) NOT NULL COMMENT 'this party',
  role          ENUM('leader','follower') NOT NULL COMMENT 'the leader alone decides terminal states and epochs',
  main_party    VARCHAR(64) NOT NULL,
  submitter     VARCHAR(64) NOT NULL COMMENT 'the party where the user asked',
  owner         VARCHAR(64) NOT NULL COMMENT 'the user who asked; at the other party: the submitter''s name',
  peer          VARCHAR(64) NOT NULL COMMENT 'the other party; empty for a one-party job',
  parties       LONGTEXT NOT NULL COMMENT 'role -> party' CHECK (JSON_VALID(parties)),
  status        ENUM('INIT','RUNNING','SUCCESS','FAILED','CANCELED') NOT NULL DEFAULT 'INIT',
  accepted      ENUM('pending','accepted','refused') NOT NULL DEFAULT 'pending' COMMENT 'by the other party',
  epoch         INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'number of reruns',
  priority      INT NOT NULL DEFAULT 0,
  timeout_seconds INT UNSIGNED NULL,
  deadline_at   DATETIME(6) NULL COMMENT 'created_at + timeout_seconds; judged by the leader',
  accept_by     DATETIME(6) NULL COMMENT 'the other party must have answered the submit by then',
  max_retries   INT UNSIGNED NOT NULL DEFAULT 2,
  kill_reason   VARCHAR(255) NULL COMMENT 'set by a kill at the follower until the leader has decided',
  waiting_for   VARCHAR(255) NOT NULL DEFAULT '',
  context       LONGTEXT NOT NULL DEFAULT '{}' COMMENT 'public outputs of finished tasks, merged between the parties' CHECK (JSON_VALID(context)),
  seq_out       BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'last sequence number given to a message about this job',
  seq_in        BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'last one applied from the peer',
  rev           BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'grows at every change a user can see; status?wait= watches it',
  created_at    DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  started_at    DATETIME(6) NULL,
  ended_at      DATETIME(6) NULL,
  UNIQUE KEY job_job_id (job_id),
  KEY job_status (status, id),
  KEY job_owner (owner, id),
  KEY job_deadline (deadline_at),
  KEY job_accept (accepted, accept_by),
  KEY job_ended (ended_at),
  FOREIGN KEY (mission) REFERENCES mission (id)
);

CREATE TABLE job_group (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  job         BIGINT UNSIGNED NOT NULL,
  idx         INT UNSIGNED NOT NULL,
  name        VARCHAR(64) NOT NULL,
  level       INT UNSIGNED NOT NULL,
  depends     LONGTEXT NOT NULL DEFAULT '[]' COMMENT 'idx of the groups that must be DONE first' CHECK (JSON_VALID(depends)),
  own_tasks   INT UNSIGNED NOT NULL COMMENT 'tasks of this party',
  peer_tasks  INT UNSIGNED NOT NULL COMMENT 'tasks of the other party',
  state       ENUM('WAITING','READY','RESERVING','RESERVED','STARTING','RUNNING','PREPARED',
                   'COMMITTED','PUBLISHING','DONE','FAILED','CANCELED') NOT NULL DEFAULT 'WAITING',
  priority    INT NOT NULL DEFAULT 0 COMMENT 'the job''s',
  epoch       INT UNSIGNED NOT NULL DEFAULT 0,
  attempt     INT UNSIGNED NOT NULL DEFAULT 0,
  retries     INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'attempts that failed; max_retries bounds them',
  not_before  DATETIME(6) NULL COMMENT 'back-off; in RESERVED: when to give up; in FAILED: how long the leader waits for the peer''s own reason',
  reservation CHAR(32) CHARACTER SET ascii NULL,
  channel_key BINARY(32) NULL,
  lease_owner VARCHAR(64) NULL COMMENT 'scheduler instance',
  lease_gen   BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'grows at every take-over: the fence',
  lease_beat  BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'grows while the owner lives; judged by the observer''s monotonic clock',
  UNIQUE KEY job_group_idx (job, idx),
  KEY job_group_queue (state, priority DESC, id),
  FOREIGN KEY (job) REFERENCES job (id) ON DELETE CASCADE
) COMMENT 'tasks that talk to each other: the unit of attempt, completion, retry and rerun. READY only at the leader';

CREATE TABLE task (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  job         BIGINT UNSIGNED NOT NULL,
  job_group   BIGINT UNSIGNED NOT NULL,
  name        VARCHAR(64) NOT NULL,
  party       VARCHAR(64) NOT NULL COMMENT 'the party, not the role',
  role        VARCHAR(64) NOT NULL COMMENT 'party_a or party_b of the mission',
  operator    VARCHAR(64) NOT NULL,
  args        LONGTEXT NOT NULL COMMENT 'own tasks only; ${…} not yet filled in' CHECK (JSON_VALID(args)),
  depends     LONGTEXT NOT NULL DEFAULT '[]' CHECK (JSON_VALID(depends)),
  status      ENUM('INIT','RUNNING','PREPARED','PUBLISHING','SUCCESS','FAILED','CANCELED') NOT NULL DEFAULT 'INIT',
  attempt     INT UNSIGNED NOT NULL DEFAULT 0,
  progress    DOUBLE NOT NULL DEFAULT 0,
  stage       VARCHAR(64) NOT NULL DEFAULT '',
  started_at  DATETIME(6) NULL,
  ended_at    DATETIME(6) NULL,
  bytes_sent  BIGINT UNSIGNED NOT NULL DEFAULT 0,
  bytes_received BIGINT UNSIGNED NOT NULL DEFAULT 0,
  rounds      BIGINT UNSIGNED NOT NULL DEFAULT 0,
  peak_rss_bytes BIGINT UNSIGNED NOT NULL DEFAULT 0,
  error_code  VARCHAR(64) NOT NULL DEFAULT '',
  error_public VARCHAR(512) NOT NULL DEFAULT '' COMMENT 'may cross to the other party',
  error_local VARCHAR(2048) NOT NULL DEFAULT '' COMMENT 'never leaves this party',
  retryable   TINYINT NOT NULL DEFAULT 0 COMMENT 'of a FAILED one: another attempt may succeed',
  result      LONGTEXT NULL COMMENT 'the operator''s values; the private ones stay here' CHECK (result IS NULL OR JSON_VALID(result)),
  outputs     LONGTEXT NULL COMMENT 'slot -> path, as filled in when the task started' CHECK (outputs IS NULL OR JSON_VALID(outputs)),
  log_tail    MEDIUMTEXT NULL,
  UNIQUE KEY task_name (job, name),
  KEY task_group (job_group),
  FOREIGN KEY (job) REFERENCES job (id) ON DELETE CASCADE,
  FOREIGN KEY (job_group) REFERENCES job_group (id) ON DELETE CASCADE
);

CREATE TABLE job_error (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  job         BIGINT UNSIGNED NOT NULL,
  epoch       INT UNSIGNED NOT NULL,
  cause       TINYINT NOT NULL COMMENT '0 a cause of its own, 1 a consequence (the peer closed): shown after the causes',
  party       VARCHAR(64) NOT NULL,
  task        VARCHAR(64) NOT NULL DEFAULT '' COMMENT 'empty: the job',
  code        VARCHAR(64) NOT NULL,
  message     VARCHAR(512) NOT NULL COMMENT 'public text',
  local       VARCHAR(2048) NOT NULL DEFAULT '' COMMENT 'own errors only; never leaves this party',
  at          DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  UNIQUE KEY job_error_once (job, epoch, party, task, code),
  FOREIGN KEY (job) REFERENCES job (id) ON DELETE CASCADE
) COMMENT 'why a job ended: both parties'' reasons';

CREATE TABLE run (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  task        BIGINT UNSIGNED NOT NULL,
  job_group   BIGINT UNSIGNED NOT NULL,
  epoch       INT UNSIGNED NOT NULL,
  attempt     INT UNSIGNED NOT NULL,
  reservation CHAR(32) CHARACTER SET ascii NOT NULL COMMENT 'the slot that it keeps until it is gone',
  owner       VARCHAR(64) NOT NULL COMMENT 'scheduler instance whose machine runs it',
  UNIQUE KEY run_what (task, epoch, attempt),
  KEY run_owner (owner),
  KEY run_group (job_group),
  KEY run_reservation (reservation),
  FOREIGN KEY (task) REFERENCES task (id) ON DELETE CASCADE
) COMMENT 'operators that were started here and whose end is not recorded yet';

CREATE TABLE event (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at          DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  job         BIGINT UNSIGNED NULL,
  epoch       INT UNSIGNED NOT NULL DEFAULT 0,
  subject     VARCHAR(80) NOT NULL COMMENT 'job, group NAME, task NAME, peer, scheduler',
  from_state  VARCHAR(16) NOT NULL DEFAULT '',
  to_state    VARCHAR(16) NOT NULL DEFAULT '',
  actor       VARCHAR(96) NOT NULL COMMENT 'user, party or scheduler instance that caused it',
  detail      VARCHAR(1024) NOT NULL DEFAULT '',
  KEY event_job (job, id),
  KEY event_at (at)
) COMMENT 'append only';

CREATE TABLE outbox (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  peer        VARCHAR(64) NOT NULL,
  job         BIGINT UNSIGNED NOT NULL,
  seq         BIGINT UNSIGNED NULL COMMENT 'NULL: a request outside the order (rerun asked at the follower)',
  epoch       INT UNSIGNED NOT NULL,
  kind        VARCHAR(24) NOT NULL COMMENT 'submit, start, release, task, commit, kill, rerun (docs/agreement.md)',
  body        LONGTEXT NOT NULL CHECK (JSON_VALID(body)),
  tries       INT UNSIGNED NOT NULL DEFAULT 0,
  last_error  VARCHAR(255) NOT NULL DEFAULT '',
  next_at     DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  created_at  DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  UNIQUE KEY outbox_job_seq (job, seq),
  KEY outbox_peer (peer, next_at),
  FOREIGN KEY (job) REFERENCES job (id) ON DELETE CASCADE
) COMMENT 'messages to the other party, deleted once applied there';

CREATE TABLE tombstone (
  job_id      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  peer        VARCHAR(64) NOT NULL,
  reason      VARCHAR(255) NOT NULL,
  at          DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) COMMENT 'a kill that came before its submit';

CREATE TABLE reservation (
  queue_id    BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'the order of the one queue of this pair',
  id          CHAR(32) CHARACTER SET ascii NOT NULL,
  peer        VARCHAR(64) NOT NULL,
  leader      VARCHAR(64) NOT NULL,
  job_id      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  epoch       INT UNSIGNED NOT NULL,
  group_idx   INT UNSIGNED NOT NULL,
  attempt     INT UNSIGNED NOT NULL,
  priority    INT NOT NULL DEFAULT 0,
  state       ENUM('queued','granted','started') NOT NULL,
  expires_at  DATETIME(6) NULL,
  UNIQUE KEY reservation_id (id),
  KEY reservation_queue (state, priority DESC, queue_id)
) COMMENT 'slots: granted and started rows hold one each; deleted when no operator of theirs is left here';

CREATE TABLE scheduler (
  id          VARCHAR(64) NOT NULL PRIMARY KEY COMMENT 'host:pid:random',
  beat        BIGINT UNSIGNED NOT NULL DEFAULT 0,
  started_at  DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  seen_at     DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) COMMENT 'for people and /readyz; leases are judged by beat'
);

CREATE TABLE output (
  path        VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY COMMENT 'below the safe work dir',
  owner       VARCHAR(64) NOT NULL COMMENT 'of the job; the other party''s name for a job that it submitted',
  peer        VARCHAR(64) NOT NULL DEFAULT '' COMMENT 'the other party of that job',
  job_id      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  task        VARCHAR(64) NOT NULL,
  at          DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) COMMENT 'what was published where: an output replaces only an earlier output of the same owner, or of a job of the same two parties when one of them submitted one of the two';

CREATE TABLE data_grant (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  mission     VARCHAR(64) NOT NULL COMMENT 'a mission''s name, or * for any',
  peer        VARCHAR(64) NOT NULL,
  input_path  VARCHAR(512) NOT NULL COMMENT 'below the safe work dir; a trailing /* covers a folder',
  output_dir  VARCHAR(512) NOT NULL COMMENT 'results may be written below it; empty: none',
  note        VARCHAR(255) NOT NULL DEFAULT '',
  created_at  DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  KEY data_grant_peer (peer, mission)
) COMMENT 'no row, no job from the other party';

CREATE TABLE jti (
  iss         VARCHAR(64) NOT NULL,
  jti         CHAR(32) CHARACTER SET ascii NOT NULL,
  exp         BIGINT NOT NULL,
  PRIMARY KEY (iss, jti),
  KEY jti_exp (exp)
) COMMENT 'node tokens already used: each is good once';
