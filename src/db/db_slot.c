#include "db/db_slot.h"

#include <string.h>

/* Every decision about slots locks this row first, so two of them never count the same free one. */
static int lock(struct db *db, int64_t *slots)
{
	int rc = db_query_int(db, slots, "SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'slots' FOR UPDATE", DB_NOARGS);

	if (rc == ERR_NOTFOUND) {
		*slots = 0;
		rc = 0;
	}
	return rc;
}

static int in_use(struct db *db, int64_t *count)
{
	return db_query_int(db, count, "SELECT COUNT(*) FROM reservation WHERE state = 'started' OR "
			    "(state = 'granted' AND expires_at > UTC_TIMESTAMP(6))", DB_NOARGS);
}

int slot_free(struct db *db, int64_t *count)
{
	int64_t slots = 0, used = 0;
	int rc;

	rc = db_query_int(db, &slots, "SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'slots'", DB_NOARGS);
	if (rc != 0 && rc != ERR_NOTFOUND)
		return rc;
	rc = in_use(db, &used);
	*count = slots > used ? slots - used : 0;
	return rc;
}

static int insert(struct db *db, const struct slot_ask *a, const char *state)
{
	return db_exec(db, "INSERT INTO reservation (id, peer, leader, job_id, epoch, group_idx, attempt, priority, state, expires_at) "
		       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6) + INTERVAL ? SECOND) "
		       "ON DUPLICATE KEY UPDATE expires_at = VALUES(expires_at)",
		       DB_ARGS(db_s(a->id), db_s(a->peer), db_s(a->leader), db_s(a->job_id), db_i(a->epoch), db_i(a->group),
			       db_i(a->attempt), db_i(a->priority), db_s(state), db_i(SLOT_EXPIRY_S)));
}

int slot_ask(struct db *db, const struct slot_ask *a, int64_t *position)
{
	int64_t slots, used, before;
	int rc;

	*position = 0;
	TRY(lock(db, &slots));
	TRY(insert(db, a, "queued"));
	TRY(db_query_int(db, &before, "SELECT state <> 'queued' FROM reservation WHERE id = ?", DB_ARGS(db_s(a->id))));
	if (before)
		goto out;	/* granted before; the answer was lost */
	TRY(in_use(db, &used));
	TRY(db_query_int(db, &before, "SELECT COUNT(*) FROM reservation o JOIN reservation me ON me.id = ? WHERE o.state = 'queued' "
			 "AND o.expires_at > UTC_TIMESTAMP(6) AND (o.priority > me.priority OR "
			 "(o.priority = me.priority AND o.queue_id < me.queue_id))", DB_ARGS(db_s(a->id))));
	if (before >= slots - used) {
		*position = before + 1;
		rc = ERR_BUSY;
		goto out;
	}
	rc = db_exec_one(db, "UPDATE reservation SET state = 'granted', expires_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND "
			 "WHERE id = ? AND state = 'queued'", DB_ARGS(db_i(SLOT_EXPIRY_S), db_s(a->id)));
out:
	return rc;
}

int slot_start(struct db *db, const char *id)
{
	int64_t slots;
	int rc;

	TRY(lock(db, &slots));
	rc = db_exec_one(db, "UPDATE reservation SET state = 'started', expires_at = NULL WHERE id = ? AND "
			 "(state = 'started' OR (state = 'granted' AND expires_at > UTC_TIMESTAMP(6)))", DB_ARGS(db_s(id)));
out:
	return rc;
}

int slot_take(struct db *db, const struct slot_ask *a)
{
	int64_t slots, used, held = 0;
	int rc;

	TRY(lock(db, &slots));
	rc = db_query_int(db, &held, "SELECT state = 'started' FROM reservation WHERE id = ?", DB_ARGS(db_s(a->id)));
	if ((rc != 0 && rc != ERR_NOTFOUND) || held)
		goto out;
	TRY(in_use(db, &used));
	if (used >= slots) {
		rc = ERR_BUSY;
		goto out;
	}
	TRY(insert(db, a, "started"));
	rc = slot_start(db, a->id);
	if (rc == ERR_CONFLICT)
		rc = db_exec(db, "UPDATE reservation SET state = 'started', expires_at = NULL WHERE id = ?", DB_ARGS(db_s(a->id)));
out:
	return rc;
}

int slot_give(struct db *db, const char *id)
{
	return db_exec(db, "DELETE FROM reservation WHERE id = ?", DB_ARGS(db_s(id)));
}

int slot_sweep(struct db *db)
{
	int rc;

	TRY(db_exec(db, "DELETE FROM reservation WHERE state <> 'started' AND expires_at < UTC_TIMESTAMP(6)", DB_NOARGS));
	rc = db_exec(db, "DELETE r FROM reservation r WHERE r.state = 'started' "
		     "AND NOT EXISTS (SELECT 1 FROM run WHERE run.reservation = r.id) "
		     "AND NOT EXISTS (SELECT 1 FROM job j JOIN job_group g ON g.job = j.id WHERE j.job_id = r.job_id "
		     "AND g.idx = r.group_idx AND g.reservation = r.id AND g.state IN ('RESERVED', 'STARTING', 'RUNNING'))",
		     DB_NOARGS);
out:
	return rc;
}
