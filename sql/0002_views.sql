-- What a DBA opens first. docs/database.md shows how they are read.

CREATE VIEW v_job AS
SELECT j.job_id, j.mission_name, j.mission_version, j.status, j.role, j.peer, j.owner, j.submitter, j.epoch,
       j.waiting_for, j.created_at, j.started_at, j.ended_at,
       TIMESTAMPDIFF(SECOND, j.created_at, COALESCE(j.ended_at, UTC_TIMESTAMP(6))) AS age_seconds,
       (SELECT COUNT(*) FROM task t WHERE t.job = j.id) AS tasks,
       (SELECT COUNT(*) FROM task t WHERE t.job = j.id AND t.status = 'SUCCESS') AS tasks_done,
       (SELECT CONCAT(e.party, ' ', e.task, ' ', e.code, ': ', e.message) FROM job_error e
         WHERE e.job = j.id AND e.epoch = j.epoch ORDER BY e.cause, e.id LIMIT 1) AS root_cause
  FROM job j;

-- All of job_group but the channel key.
CREATE VIEW v_group AS
SELECT j.job_id, g.idx, g.name, g.level, g.state, g.epoch, g.attempt, g.retries, g.not_before, g.reservation,
       g.lease_owner, g.lease_gen, g.lease_beat, g.own_tasks, g.peer_tasks
  FROM job_group g JOIN job j ON j.id = g.job;

CREATE VIEW v_running AS
SELECT j.job_id, t.name AS task, t.party, t.operator, t.status, t.stage, ROUND(t.progress * 100, 2) AS percent,
       g.state AS group_state, g.attempt, g.lease_owner AS owner, t.started_at,
       TIMESTAMPDIFF(SECOND, t.started_at, UTC_TIMESTAMP(6)) AS age_seconds,
       EXISTS (SELECT 1 FROM run r WHERE r.task = t.id) AS runs_here
  FROM job_group g JOIN job j ON j.id = g.job JOIN task t ON t.job_group = g.id
 WHERE g.state IN ('RESERVED', 'STARTING', 'RUNNING', 'PREPARED', 'COMMITTED', 'PUBLISHING');

CREATE VIEW v_timeline AS
SELECT j.job_id, e.at, e.epoch, e.subject, e.from_state, e.to_state, e.actor, e.detail, e.id
  FROM event e JOIN job j ON j.id = e.job;

CREATE VIEW v_stuck AS
SELECT j.job_id, 'message' AS what, CONCAT(o.kind, ' ', COALESCE(o.seq, '-'), ' to ', o.peer) AS which,
       CONCAT(o.tries, ' tries, last: ', o.last_error) AS why,
       TIMESTAMPDIFF(SECOND, o.created_at, UTC_TIMESTAMP(6)) AS since_seconds
  FROM outbox o JOIN job j ON j.id = o.job
 WHERE o.created_at < UTC_TIMESTAMP(6) - INTERVAL 30 SECOND
UNION ALL
SELECT j.job_id, 'group', CONCAT(g.name, ' ', g.state),
       IF(s.id IS NULL, CONCAT('no scheduler ', COALESCE(g.lease_owner, '(none)')),
          CONCAT('scheduler ', s.id, ' was last seen ', TIMESTAMPDIFF(SECOND, s.seen_at, UTC_TIMESTAMP(6)), ' s ago')),
       TIMESTAMPDIFF(SECOND, j.started_at, UTC_TIMESTAMP(6))
  FROM job_group g JOIN job j ON j.id = g.job LEFT JOIN scheduler s ON s.id = g.lease_owner
 WHERE g.state IN ('RESERVING', 'RESERVED', 'STARTING', 'RUNNING', 'COMMITTED', 'PUBLISHING')
   AND (s.id IS NULL OR s.seen_at < UTC_TIMESTAMP(6) - INTERVAL 30 SECOND)
UNION ALL
SELECT j.job_id, 'prepared', g.name, CONCAT('waits for the commit of ', j.main_party),
       TIMESTAMPDIFF(SECOND, j.started_at, UTC_TIMESTAMP(6))
  FROM job_group g JOIN job j ON j.id = g.job
 WHERE g.state = 'PREPARED' AND j.role = 'follower'
UNION ALL
SELECT j.job_id, 'queue', g.name, IF(j.waiting_for = '', 'waits for a slot', j.waiting_for),
       TIMESTAMPDIFF(SECOND, j.created_at, UTC_TIMESTAMP(6))
  FROM job_group g JOIN job j ON j.id = g.job
 WHERE g.state IN ('READY', 'RESERVING') AND j.created_at < UTC_TIMESTAMP(6) - INTERVAL 600 SECOND;
