#include "db/db_sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "db/db_slot.h"
#include "db/db_step.h"

#define BATCH 16
#define COPY(to, r, col) snprintf(to, sizeof(to), "%s", db_text(r, col))

int db_sched_register(struct db *db, const struct sched_who *w, int64_t slots, struct errmsg *em)
{
	char party[65], number[24];
	struct db_rows *r = NULL;
	int rc;

	TRY(db_exec(db, "INSERT INTO setting (name, value) VALUES ('party', ?) ON DUPLICATE KEY UPDATE value = value",
		    DB_ARGS(db_s(w->self))));
	TRY(db_query(db, &r, "SELECT value FROM setting WHERE name = 'party'", DB_NOARGS));
	rc = db_next(r);
	snprintf(party, sizeof(party), "%s", rc > 0 ? db_text(r, 0) : "");
	db_done(r);
	if (rc < 0)
		goto out;
	if (strcmp(party, w->self) != 0)
		return errmsg_set(em, ERR_CONFLICT, "WRONG_DATABASE", "this database belongs to party %s, not to %s (PARTY, PLATFORM_DB_URI)",
				  party, w->self);
	snprintf(number, sizeof(number), "%lld", (long long)slots);
	rc = db_exec(db, "INSERT INTO setting (name, value) VALUES ('slots', ?) ON DUPLICATE KEY UPDATE value = VALUES(value)",
		     DB_ARGS(db_s(number)));
out:
	return rc;
}

int db_sched_up(struct db *db, const struct sched_who *w)
{
	return db_exec(db, "INSERT INTO scheduler (id) VALUES (?) ON DUPLICATE KEY UPDATE beat = beat + 1, "
		       "started_at = UTC_TIMESTAMP(6), seen_at = UTC_TIMESTAMP(6)", DB_ARGS(db_s(w->id)));
}

int db_sched_beat(struct db *db, const struct sched_who *w)
{
	int rc;

	TRY(db_exec(db, "INSERT INTO scheduler (id) VALUES (?) ON DUPLICATE KEY UPDATE beat = beat + 1, seen_at = UTC_TIMESTAMP(6)",
		    DB_ARGS(db_s(w->id))));
	rc = db_exec(db, "UPDATE job_group SET lease_beat = lease_beat + 1 WHERE lease_owner = ? AND state IN "
		     "('RUNNING', 'PREPARED', 'COMMITTED', 'PUBLISHING')", DB_ARGS(db_s(w->id)));
out:
	return rc;
}

int db_sched_sweep(struct db *db)
{
	int rc;

	TRY(slot_sweep(db));
	rc = db_exec(db, "DELETE FROM jti WHERE exp < UNIX_TIMESTAMP() - 600 LIMIT 1000", DB_NOARGS);
out:
	return rc;
}

/* --- leases ------------------------------------------------------------ */

int db_sched_leases(struct db *db, const struct sched_who *w, struct lease_row **out, size_t *count)
{
	struct lease_row *list = NULL, *bigger;
	struct db_rows *r = NULL;
	size_t n = 0;
	int rc;

	*out = NULL;
	*count = 0;
	/* A lease that nobody holds, of a group that ought to have one, is anybody's. */
	TRY(db_query(db, &r, "SELECT id, lease_gen, lease_beat, lease_owner FROM job_group WHERE state IN "
		     "('RUNNING', 'PREPARED', 'COMMITTED', 'PUBLISHING') AND COALESCE(lease_owner, '') <> ?", DB_ARGS(db_s(w->id))));
	while ((rc = db_next(r)) > 0) {
		bigger = realloc(list, (n + 1) * sizeof(*list));
		if (!bigger) {
			rc = ERR_NOMEM;
			goto out;
		}
		list = bigger;
		list[n].group = db_int(r, 0);
		list[n].gen = db_int(r, 1);
		list[n].beat = db_int(r, 2);
		COPY(list[n].owner, r, 3);
		n++;
	}
	if (rc == 0) {
		*out = list;
		*count = n;
		list = NULL;
	}
out:
	db_done(r);
	free(list);
	return rc;
}

struct take_over {
	const struct sched_who *w;
	const struct lease_row *l;
};

static int take_over_tx(struct db *db, void *arg)
{
	const struct take_over *a = arg;
	int rc;

	TRY(db_exec_one(db, "UPDATE job_group SET lease_owner = ?, lease_gen = lease_gen + 1 WHERE id = ? AND COALESCE(lease_owner, '') = ? "
			"AND lease_gen = ? AND lease_beat = ?",
			DB_ARGS(db_s(a->w->id), db_i(a->l->group), db_s(a->l->owner), db_i(a->l->gen), db_i(a->l->beat))));
	rc = db_exec(db, "UPDATE run SET owner = ? WHERE job_group = ? AND owner = ?",
		     DB_ARGS(db_s(a->w->id), db_i(a->l->group), db_s(a->l->owner)));
out:
	return rc;
}

static int take_over_landed(struct db *db, void *arg)
{
	const struct take_over *a = arg;
	int64_t n;
	int rc = db_query_int(db, &n, "SELECT lease_owner = ? AND lease_gen = ? FROM job_group WHERE id = ?",
			      DB_ARGS(db_s(a->w->id), db_i(a->l->gen + 1), db_i(a->l->group)));

	return rc == 0 ? n != 0 : rc;
}

int db_sched_take_over(struct db *db, const struct sched_who *w, const struct lease_row *l)
{
	struct take_over a = { .w = w, .l = l };

	return db_tx(db, take_over_tx, take_over_landed, &a);
}

/* --- claiming ---------------------------------------------------------- */

struct claim {
	const struct sched_who *w;
	int64_t job, group;	/* ids */
	int64_t peer_wait_ms;
	int moved;
	int full;		/* no slot is free: the rest may wait */
};

static struct group_row *group_by_id(struct job_row *j, int64_t id)
{
	for (unsigned i = 0; i < j->group_count; i++)
		if (j->group[i].id == id)
			return &j->group[i];
	return NULL;
}

static void new_reservation(struct group_row *g)
{
	unsigned char r[16];

	util_random(r, sizeof(r));
	util_hex(g->reservation, r, sizeof(r));
}

static struct slot_ask ask_for(const struct job_row *j, const struct group_row *g)
{
	return (struct slot_ask){ .id = g->reservation, .peer = j->peer, .leader = j->self, .job_id = j->job_id,
				  .epoch = g->epoch, .group = g->idx, .attempt = g->attempt, .priority = j->priority };
}

static int job_runs(struct db *db, struct job_row *j, const char *waiting_for, const char *actor)
{
	j->status = JOB_RUNNING;
	snprintf(j->waiting_for, sizeof(j->waiting_for), "%s", waiting_for);
	return row_save_job(db, j, actor, "");
}

/* Slots are held here: the other party is asked to start, with the key of the channel. Without its tasks we just start. */
static int send_start(struct db *db, struct job_row *j, struct group_row *g, const struct claim *c)
{
	char key[65], waiting[128] = "", scheme[SLOT_SCHEME_MAX];
	int64_t port;
	json_t *body;
	int rc;

	util_random(g->key, sizeof(g->key));
	g->has_key = 1;
	if (g->peer_tasks == 0) {
		g->state = GROUP_STARTING;
		TRY(row_save_group(db, j, g, c->w->id, ""));
		return job_runs(db, j, "", c->w->id);
	}
	g->state = GROUP_RESERVED;
	g->delay_ms = c->peer_wait_ms;
	TRY(row_save_group(db, j, g, c->w->id, ""));
	TRY(slot_scheme(db, scheme));
	TRY(slot_port(db, g->reservation, &port));
	util_hex(key, g->key, sizeof(g->key));
	body = json_pack("{s:i, s:I, s:s, s:s, s:s, s:I}", "group", (int)g->idx, "attempt", (json_int_t)g->attempt,
			 "reservation", g->reservation, "key", key, "scheme", scheme, "port", (json_int_t)port);
	explicit_bzero(key, sizeof(key));
	TRY(row_send(db, j, "start", body));
	snprintf(waiting, sizeof(waiting), "%.64s to start %.40s", j->peer, g->name);
	rc = job_runs(db, j, waiting, c->w->id);
out:
	return rc;
}

/* This party grants: from the queue, or at once for a group of its own tasks only. */
static int grant_here(struct db *db, struct job_row *j, struct group_row *g, struct claim *c)
{
	struct slot_ask a = ask_for(j, g);
	int64_t position = 0;
	int rc;

	if (g->own_tasks == 0)
		return send_start(db, j, g, c);
	rc = g->peer_tasks == 0 ? slot_take(db, &a) : slot_ask(db, &a, &position);
	if (rc == 0 && g->peer_tasks > 0)
		rc = slot_start(db, a.id);
	if (rc == 0)
		return send_start(db, j, g, c);
	if (rc != ERR_BUSY && rc != ERR_CONFLICT)
		return rc;
	c->full = 1;
	if (g->state == GROUP_RESERVING)
		return 0;	/* stays in the queue */
	if (g->peer_tasks == 0) {
		g->reservation[0] = '\0';
		return 0;	/* READY is the queue of such groups */
	}
	g->state = GROUP_RESERVING;
	TRY(row_save_group(db, j, g, c->w->id, ""));
	rc = db_exec(db, "UPDATE job SET waiting_for = CONCAT('a slot at ', self), rev = rev + 1 WHERE id = ?", DB_ARGS(db_i(j->id)));
out:
	return rc;
}

static int claim_group(struct db *db, struct job_row *j, struct group_row *g, struct claim *c)
{
	int granter_is_peer = j->peer[0] && g->peer_tasks > 0 && g->own_tasks > 0 && strcmp(j->peer, j->self) < 0;
	int64_t free_slots, asking;
	int rc;

	if (g->state == GROUP_READY)
		new_reservation(g);
	if (!granter_is_peer)
		return grant_here(db, j, g, c);
	TRY(slot_free(db, &free_slots));
	/* Whoever asks must be able to use the answer: not more questions than free slots. */
	TRY(db_query_int(db, &asking, "SELECT COUNT(*) FROM job_group WHERE state = 'RESERVING' AND own_tasks > 0", DB_NOARGS));
	if (free_slots <= asking) {
		c->full = 1;
		goto out;
	}
	g->state = GROUP_RESERVING;
	TRY(row_save_group(db, j, g, c->w->id, ""));
	rc = db_exec(db, "UPDATE job SET waiting_for = CONCAT('a slot at ', peer), rev = rev + 1 WHERE id = ?", DB_ARGS(db_i(j->id)));
out:
	return rc;
}

static int claim_tx(struct db *db, void *arg)
{
	struct claim *c = arg;
	struct job_row *j = NULL;
	struct group_row *g;
	int rc;

	c->moved = c->full = 0;
	TRY(row_lock_id(db, &j, c->job));
	g = group_by_id(j, c->group);
	if (!g || !j->leader || job_state_ended(j->status) || g->runs ||
	    !((g->state == GROUP_READY && g->due) || g->state == GROUP_RESERVING))
		goto out;
	TRY(claim_group(db, j, g, c));
	c->moved = g->state != GROUP_READY;
out:
	row_free(j);
	return rc;
}

/* ids of jobs and groups in the order of the queue. */
static int candidates(struct db *db, const char *sql, const char *self, int64_t ids[BATCH][2], size_t *count)
{
	struct db_rows *r = NULL;
	int rc;

	*count = 0;
	TRY(db_query(db, &r, sql, DB_ARGS(db_s(self), db_i(BATCH))));
	while ((rc = db_next(r)) > 0 && *count < BATCH) {
		ids[*count][0] = db_int(r, 0);
		ids[(*count)++][1] = db_int(r, 1);
	}
	rc = rc > 0 ? 0 : rc;
out:
	db_done(r);
	return rc;
}

static int claim_all(struct db *db, const struct sched_who *w, const char *sql, int64_t peer_wait_ms,
		     unsigned *did)
{
	struct claim c = { .w = w, .peer_wait_ms = peer_wait_ms };
	int64_t ids[BATCH][2];
	size_t n;
	int rc;

	TRY(candidates(db, sql, w->self, ids, &n));
	for (size_t i = 0; i < n; i++) {
		c.job = ids[i][0];
		c.group = ids[i][1];
		TRY(db_tx(db, claim_tx, NULL, &c));
		*did += c.moved && !c.full;
		if (c.full)
			break;
	}
out:
	return rc;
}

int db_sched_claim(struct db *db, const struct sched_who *w, int64_t peer_wait_ms, unsigned *did)
{
	int rc;

	/* Those that wait in the queue here come first: they were there first. */
	TRY(claim_all(db, w, "SELECT g.job, g.id FROM job_group g JOIN job j ON j.id = g.job WHERE g.state = 'RESERVING' "
		      "AND (j.peer = '' OR j.peer > ? OR g.own_tasks = 0) ORDER BY g.priority DESC, g.id LIMIT ?", peer_wait_ms, did));
	rc = claim_all(db, w, "SELECT g.job, g.id FROM job_group g WHERE g.state = 'READY' AND "
		       "(g.not_before IS NULL OR g.not_before <= UTC_TIMESTAMP(6)) AND ? <> '' "
		       "ORDER BY g.priority DESC, g.id LIMIT ?", peer_wait_ms, did);
out:
	return rc;
}

int db_sched_reserving(struct db *db, const struct sched_who *w, const char *peer, struct reserve_row *out, size_t max,
		       size_t *count)
{
	struct db_rows *r = NULL;
	int rc = 0;

	*count = 0;
	if (strcmp(peer, w->self) > 0)
		return 0;	/* this party grants for the pair */
	TRY(db_query(db, &r, "SELECT g.job, g.id, g.epoch, g.attempt, g.priority, j.job_id, g.reservation, g.idx FROM job_group g "
		     "JOIN job j ON j.id = g.job WHERE g.state = 'RESERVING' AND j.peer = ? AND g.own_tasks > 0 "
		     "ORDER BY g.priority DESC, g.id LIMIT ?", DB_ARGS(db_s(peer), db_i((int64_t)max))));
	while ((rc = db_next(r)) > 0 && *count < max) {
		struct reserve_row *o = &out[(*count)++];

		o->job = db_int(r, 0);
		o->group = db_int(r, 1);
		o->epoch = db_int(r, 2);
		o->attempt = db_int(r, 3);
		o->priority = db_int(r, 4);
		COPY(o->job_id, r, 5);
		COPY(o->reservation, r, 6);
		o->idx = db_int(r, 7);
		o->port = 0;
	}
	rc = rc > 0 ? 0 : rc;
out:
	db_done(r);
	return rc;
}

struct granted {
	struct claim c;
	const struct reserve_row *r;
};

static int send_release(struct db *db, struct job_row *j, const struct group_row *g, const char *reservation, int64_t attempt,
			int grant_only)
{
	return row_send(db, j, "release", json_pack("{s:i, s:I, s:s, s:b}", "group", (int)g->idx, "attempt", (json_int_t)attempt,
						    "reservation", reservation, "grant_only", grant_only));
}

static int granted_tx(struct db *db, void *arg)
{
	struct granted *a = arg;
	struct job_row *j = NULL;
	struct group_row *g;
	struct slot_ask ask;
	int rc;

	TRY(row_lock_id(db, &j, a->r->job));
	g = group_by_id(j, a->r->group);
	if (!g || g->state != GROUP_RESERVING || strcmp(g->reservation, a->r->reservation) != 0 || job_state_ended(j->status))
		goto out;	/* the grant expires by itself */
	ask = ask_for(j, g);
	ask.port = a->r->port;
	rc = slot_take(db, &ask);
	if (rc == 0) {
		rc = send_start(db, j, g, &a->c);
		goto out;
	}
	if (rc != ERR_BUSY)
		goto out;
	TRY(send_release(db, j, g, g->reservation, g->attempt, 1));
	g->state = GROUP_READY;
	g->reservation[0] = '\0';
	g->delay_ms = 100 + (int64_t)(util_wall_us() % 400);
	TRY(row_save_group(db, j, g, a->c.w->id, "no slot here"));
	rc = db_exec(db, "UPDATE job SET waiting_for = CONCAT('a slot at ', self), rev = rev + 1 WHERE id = ?", DB_ARGS(db_i(j->id)));
out:
	row_free(j);
	return rc;
}

int db_sched_granted(struct db *db, const struct sched_who *w, const struct reserve_row *r, int64_t peer_wait_ms)
{
	struct granted a = { .c = { .w = w, .peer_wait_ms = peer_wait_ms }, .r = r };

	return db_tx(db, granted_tx, NULL, &a);
}

/* --- timeouts ---------------------------------------------------------- */

/* A start that nobody answered: both slots go free, the order of messages makes the other party end what it began. */
static int give_up(struct db *db, struct job_row *j, struct group_row *g, const char *actor)
{
	char reservation[33];
	int64_t attempt = g->attempt;
	int rc;

	memcpy(reservation, g->reservation, sizeof(reservation));
	g->attempt++;
	g->state = GROUP_READY;
	g->delay_ms = 500 + (int64_t)(util_wall_us() % 1000);
	TRY(step_next_attempt(db, j, g, actor, "the other party did not answer"));
	TRY(send_release(db, j, g, reservation, attempt, 0));
	snprintf(j->waiting_for, sizeof(j->waiting_for), "%s, which does not answer", j->peer);
	rc = row_save_job(db, j, actor, "");
out:
	return rc;
}

static int due_tx(struct db *db, void *arg)
{
	struct claim *c = arg;
	struct job_row *j = NULL;
	struct group_row *g;
	int rc;

	TRY(row_lock_id(db, &j, c->job));
	g = group_by_id(j, c->group);
	if (!g || !g->due || !j->leader || job_state_ended(j->status))
		goto out;
	if (g->state == GROUP_FAILED)
		rc = step_decide(db, j, g, c->w->id);
	else if (g->state == GROUP_RESERVED)
		rc = give_up(db, j, g, c->w->id);
	c->moved = 1;
out:
	row_free(j);
	return rc;
}

static int late_tx(struct db *db, void *arg)
{
	struct claim *c = arg;
	struct job_row *j = NULL;
	int64_t deadline, unanswered;
	char text[160];
	int rc;

	TRY(row_lock_id(db, &j, c->job));
	TRY(db_query_int(db, &deadline, "SELECT deadline_at <= UTC_TIMESTAMP(6) FROM job WHERE id = ?", DB_ARGS(db_i(j->id))));
	TRY(db_query_int(db, &unanswered, "SELECT accepted = 'pending' AND accept_by <= UTC_TIMESTAMP(6) FROM job WHERE id = ?",
			 DB_ARGS(db_i(j->id))));
	if (job_state_ended(j->status) || step_sealed(j))
		goto out;
	c->moved = 1;
	if (deadline && j->leader) {
		snprintf(text, sizeof(text), "not finished within timeout_seconds (%lld)", (long long)j->timeout_seconds);
		rc = step_end_all(db, j, JOB_FAILED, "TIMEOUT", text, c->w->id);
	} else if (unanswered) {
		snprintf(text, sizeof(text), "%.64s did not answer the submit in time", j->peer);
		rc = step_end_all(db, j, JOB_FAILED, "NOT_ACCEPTED", text, c->w->id);
	} else {
		c->moved = 0;
	}
out:
	row_free(j);
	return rc;
}

int db_sched_timeouts(struct db *db, const struct sched_who *w, int64_t peer_wait_ms, unsigned *did)
{
	struct claim c = { .w = w, .peer_wait_ms = peer_wait_ms };
	int64_t ids[BATCH][2];
	size_t n;
	int rc;

	TRY(candidates(db, "SELECT g.job, g.id FROM job_group g JOIN job j ON j.id = g.job WHERE g.state IN ('FAILED', 'RESERVED') "
		       "AND g.not_before <= UTC_TIMESTAMP(6) AND j.status IN ('INIT', 'RUNNING') AND j.role = 'leader' AND ? <> '' "
		       "LIMIT ?", w->self, ids, &n));
	for (size_t i = 0; i < n; i++) {
		c.job = ids[i][0];
		c.group = ids[i][1];
		c.moved = 0;
		TRY(db_tx(db, due_tx, NULL, &c));
		*did += (unsigned)c.moved;
	}
	TRY(candidates(db, "(SELECT id, 0 FROM job WHERE status IN ('INIT', 'RUNNING') AND role = 'leader' AND "
		       "deadline_at <= UTC_TIMESTAMP(6) AND ? <> '' LIMIT 16) UNION "
		       "(SELECT id, 0 FROM job WHERE accepted = 'pending' AND accept_by <= UTC_TIMESTAMP(6) "
		       "AND status IN ('INIT', 'RUNNING') LIMIT 16) LIMIT ?", w->self, ids, &n));
	for (size_t i = 0; i < n; i++) {
		c.job = ids[i][0];
		c.moved = 0;
		TRY(db_tx(db, late_tx, NULL, &c));
		*did += (unsigned)c.moved;
	}
out:
	return rc;
}
