-- v_stuck also shows a publish that keeps failing, and one that has not ended for half a minute.
-- since: from the group's own event, since a job may have waited long before it came to publish.
CREATE OR REPLACE VIEW v_stuck AS
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
SELECT p.job_id, 'publish', p.name, COALESCE(CONCAT('waits', p.said), 'has not ended yet'),
       TIMESTAMPDIFF(SECOND, p.since, UTC_TIMESTAMP(6))
  FROM (SELECT j.job_id, g.name,
               (SELECT MAX(e.at) FROM event e WHERE e.job = g.job AND e.subject = CONCAT('group ', g.name)
                  AND e.to_state = 'PUBLISHING') AS since,
               (SELECT SUBSTRING(e.detail, 6) FROM event e WHERE e.job = g.job AND e.epoch = g.epoch
                  AND e.subject = CONCAT('group ', g.name) AND e.detail LIKE 'waits to publish %'
                 ORDER BY e.id DESC LIMIT 1) AS said
          FROM job_group g JOIN job j ON j.id = g.job WHERE g.state = 'PUBLISHING') p
 WHERE p.said IS NOT NULL OR p.since < UTC_TIMESTAMP(6) - INTERVAL 30 SECOND
UNION ALL
SELECT j.job_id, 'queue', g.name, IF(j.waiting_for = '', 'waits for a slot', j.waiting_for),
       TIMESTAMPDIFF(SECOND, j.created_at, UTC_TIMESTAMP(6))
  FROM job_group g JOIN job j ON j.id = g.job
 WHERE g.state IN ('READY', 'RESERVING') AND j.created_at < UTC_TIMESTAMP(6) - INTERVAL 600 SECOND;
