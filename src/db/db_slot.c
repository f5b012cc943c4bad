#include "db/db_slot.h"

#include <stdio.h>
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
	return db_exec(db, "INSERT INTO reservation (id, peer, leader, job_id, epoch, group_idx, attempt, priority, state, port, expires_at) "
		       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULLIF(?, 0), UTC_TIMESTAMP(6) + INTERVAL ? SECOND) "
		       "ON DUPLICATE KEY UPDATE expires_at = VALUES(expires_at)",
		       DB_ARGS(db_s(a->id), db_s(a->peer), db_s(a->leader), db_s(a->job_id), db_i(a->epoch), db_i(a->group),
			       db_i(a->attempt), db_i(a->priority), db_s(state), db_i(a->port), db_i(SLOT_EXPIRY_S)));
}

/* --- ports ------------------------------------------------------------- */

static int set(struct db *db, const char *name, const char *value)
{
	return db_exec(db, "INSERT INTO setting (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)",
		       DB_ARGS(db_s(name), db_s(value)));
}

int slot_scheme_set(struct db *db, const char *scheme, int64_t low, int64_t high)
{
	char first[24], last[24];
	int rc;

	snprintf(first, sizeof(first), "%lld", (long long)low);
	snprintf(last, sizeof(last), "%lld", (long long)high);
	TRY(set(db, "scheme", scheme));
	TRY(set(db, "port_low", first));
	TRY(set(db, "port_high", last));
	rc = db_exec(db, "INSERT INTO setting (name, value) VALUES ('port_last', '0') ON DUPLICATE KEY UPDATE value = value", DB_NOARGS);
out:
	return rc;
}

int slot_scheme(struct db *db, char out[SLOT_SCHEME_MAX])
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT value FROM setting WHERE name = 'scheme'", DB_NOARGS));
	rc = db_next(r);
	snprintf(out, SLOT_SCHEME_MAX, "%s", rc > 0 ? db_text(r, 0) : "agent");
	db_done(r);
out:
	return rc < 0 ? rc : 0;
}

static int number(struct db *db, const char *name, int64_t *out)
{
	return db_query_int(db, out, "SELECT CAST(value AS INTEGER) FROM setting WHERE name = ?", DB_ARGS(db_s(name)));
}

/*
 * The next port of the range, in turn, that no living group listens on. In
 * turn, since a port that another program holds is found out only by the
 * gateway that binds it: the next attempt then gets another one. The slots are
 * locked. *port 0: the scheme needs none. ERR_BUSY: all are in use.
 */
static int choose_port(struct db *db, int64_t *port)
{
	int64_t low, high, last, used = 1;
	char scheme[SLOT_SCHEME_MAX], text[24];
	int rc;

	*port = 0;
	TRY(slot_scheme(db, scheme));
	if (strcmp(scheme, "socket") != 0)
		goto out;
	TRY(number(db, "port_low", &low));
	TRY(number(db, "port_high", &high));
	TRY(number(db, "port_last", &last));
	for (int64_t i = low; i <= high && used; i++) {
		last = last < low || last >= high ? low : last + 1;
		/* Ports of reservations that the other party granted are its own. */
		TRY(db_query_int(db, &used, "SELECT COUNT(*) FROM reservation WHERE port = ? AND "
				 "peer > (SELECT value FROM setting WHERE name = 'party')", DB_ARGS(db_i(last))));
	}
	rc = ERR_BUSY;
	if (used)
		goto out;
	*port = last;
	snprintf(text, sizeof(text), "%lld", (long long)last);
	rc = db_exec(db, "UPDATE setting SET value = ? WHERE name = 'port_last'", DB_ARGS(db_s(text)));
out:
	return rc;
}

int slot_port(struct db *db, const char *id, int64_t *port)
{
	return db_query_int(db, port, "SELECT COALESCE(MAX(port), 0) FROM reservation WHERE id = ?", DB_ARGS(db_s(id)));
}

/* --- slots ------------------------------------------------------------- */

int slot_ask(struct db *db, const struct slot_ask *a, int64_t *position)
{
	int64_t slots, used, before, port;
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
	rc = choose_port(db, &port);
	if (rc == ERR_BUSY)
		*position = before + 1;
	if (rc != 0)
		goto out;
	rc = db_exec_one(db, "UPDATE reservation SET state = 'granted', port = NULLIF(?, 0), expires_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND "
			 "WHERE id = ? AND state = 'queued'", DB_ARGS(db_i(port), db_i(SLOT_EXPIRY_S), db_s(a->id)));
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
