/*
 * Two parties' databases, a network that loses, repeats and reorders, and
 * operators that end as told: the agreement without HTTP and processes.
 */
#ifndef PET_TESTS_UNIT_SIDES_H
#define PET_TESTS_UNIT_SIDES_H

#include <stdint.h>

#include "base/util.h"
#include "db/db_job.h"
#include "db/db_outbox.h"
#include "db/db_peer.h"
#include "db/db_run.h"
#include "db/db_sched.h"
#include "db/db_slot.h"
#include "db/db_step.h"
#include "dbfix.h"

#define OLD_MAX 64

static uint64_t rng_state;

static unsigned rnd(unsigned n)
{
	rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(rng_state >> 33) % n;
}

struct side {
	struct db *db;
	struct sched_who who;
	struct side *other;
	struct { char kind[25], job[65], task[65]; char *body; } old[OLD_MAX];	/* delivered before: may come again */
	unsigned old_count;
};

static struct side A, B;
/* What the network and the operators do, in percent. */
static struct { unsigned lose, repeat, fail, permanent, closed; int socket, refuse; } world;

static int admit(struct db *db, const char *sender, const json_t *body, struct job_new **out, void *arg, struct errmsg *em);

static void side_open(struct side *s, struct side *other, const char *name, const char *database)
{
	struct errmsg em = { 0 };

	s->db = dbfix_open(database);
	s->other = other;
	s->who.id = s->who.self = name;
	for (unsigned i = 0; i < PET_ARRAY_SIZE(s->old); i++)
		s->old[i].body = NULL;
	CHECK_INT(db_sched_register(s->db, &s->who, 2, &em), 0);
	CHECK_INT(db_sched_up(s->db, &s->who), 0);
	CHECK_INT(db_exec(s->db, "INSERT IGNORE INTO mission (id, name, version, digest, dag, params) VALUES "
			  "(1, 'pair', 1, REPEAT('d', 32), '{}', '{}')", DB_NOARGS), 0);
}

static void open_both(void)
{
	if (A.db)
		return;
	side_open(&A, &B, "party_a", "a");
	side_open(&B, &A, "party_b", "b");
}

/* Two groups, the second after the first, a task of each party in both. */
static struct job_new *make_job(const char *id, const char *self, const char *submitter, const char *main_party,
				const char *owner, const char *request, int64_t timeout)
{
	struct job_new_head h = { .job_id = id, .mission = 1, .mission_name = "pair", .mission_version = 1, .mission_digest = "",
				  .request = request, .self = self, .main_party = main_party, .submitter = submitter,
				  .owner = owner, .peer = strcmp(self, "party_a") == 0 ? "party_b" : "party_a",
				  .parties = "{}", .max_retries = 2, .timeout_seconds = timeout };
	struct job_new *j;

	memset(h.request_digest, (int)strlen(request), sizeof(h.request_digest));
	j = job_new_create(&h);
	CHECK(j != NULL);
	CHECK_INT(job_new_group(j, "first", 0, "[]"), 0);
	CHECK_INT(job_new_group(j, "second", 1, "[0]"), 0);
	for (size_t g = 0; g < 2; g++) {
		CHECK_INT(job_new_task(j, g, g ? "a2" : "a1", "party_a", "party_a", "test", "{}", "[]"), 0);
		CHECK_INT(job_new_task(j, g, g ? "b2" : "b1", "party_b", "party_b", "test", "{}", "[]"), 0);
	}
	return j;
}

static int admit(struct db *db, const char *sender, const json_t *body, struct job_new **out, void *arg, struct errmsg *em)
{
	const struct side *s = arg;

	(void)db;
	if (world.refuse)
		return errmsg_set(em, ERR_DENIED, "NO_GRANT", "no grant for you");
	*out = make_job(json_string_value(json_object_get(body, "job_id")), s->who.self, sender,
			json_string_value(json_object_get(body, "main_party")), sender, "{\"x\":1}",
			json_integer_value(json_object_get(body, "timeout_seconds")));
	return 0;
}

static int submit(struct side *s, const char *id, const char *main_party, const char *owner, const char *request, int64_t timeout)
{
	struct job_new *j = make_job(id, s->who.self, s->who.self, main_party, owner, request, timeout);
	struct errmsg em = { 0 };
	int existed = 0, rc = db_job_insert(s->db, j, &existed, &em);

	job_new_free(j);
	return rc == 0 && existed ? 1 : rc;
}

/* --- the network ------------------------------------------------------- */

static int http_of(int rc)
{
	return rc == 0 ? 200 : rc == ERR_CONFLICT ? 409 : rc == ERR_NOTFOUND ? 404 : rc == ERR_DENIED ? 403 : rc == ERR_INPUT ? 400 : 503;
}

static int deliver(struct side *to, const char *from, const char *kind, const char *task, const char *text, json_t **reply)
{
	struct peer_env env = { .self = to->who.self, .admit = admit, .arg = to };
	json_t *body = json_loads(text, 0, NULL);
	struct errmsg em = { 0 };
	int rc;

	*reply = NULL;
	rc = db_peer_apply(to->db, &env, from, kind, body, NULL, task && *task ? task : NULL, reply, &em);
	if (!*reply)
		*reply = json_pack("{s:b, s:s, s:s}", "success", 0, "error_code", em.code, "error_message", em.pub);
	json_decref(body);
	return http_of(rc);
}

static void keep_old(struct side *s, const struct outbox_row *r)
{
	unsigned i = s->old_count++ % OLD_MAX;

	free(s->old[i].body);
	snprintf(s->old[i].kind, sizeof(s->old[i].kind), "%s", r->kind);
	snprintf(s->old[i].task, sizeof(s->old[i].task), "%s", r->task);
	s->old[i].body = strdup(r->body);
}

/* A message of long ago comes once more; whatever it answers, nobody listens. */
static void late_copy(struct side *s)
{
	unsigned n = s->old_count < OLD_MAX ? s->old_count : OLD_MAX, i;
	json_t *reply;

	if (n == 0 || rnd(100) >= world.repeat)
		return;
	i = rnd(n);
	deliver(s->other, s->who.self, s->old[i].kind, s->old[i].task, s->old[i].body, &reply);
	json_decref(reply);
}

static void send_one(struct side *s, const struct outbox_row *r)
{
	json_t *reply = NULL, *first = NULL;
	int http;

	late_copy(s);
	if (rnd(100) < world.lose) {
		CHECK_INT(db_outbox_failed(s->db, r, "lost", 0), 0);
		return;
	}
	if (rnd(100) < world.repeat) {
		deliver(s->other, s->who.self, r->kind, r->task, r->body, &first);
		json_decref(first);
	}
	http = deliver(s->other, s->who.self, r->kind, r->task, r->body, &reply);
	CHECK(http != 503 && http != 400);
	keep_old(s, r);
	if (rnd(100) < world.lose)
		CHECK_INT(db_outbox_failed(s->db, r, "answer lost", 0), 0);
	else
		CHECK_INT(db_outbox_answered(s->db, s->who.id, r, http, reply), 0);
	json_decref(reply);
}

static void send_lane(struct side *s, int bulk)
{
	struct outbox_row *rows;
	size_t n;

	CHECK_INT(db_outbox_due(s->db, s->other->who.self, bulk, 0, &rows, &n), 0);
	for (size_t i = 0; i < n; i++)
		send_one(s, &rows[i]);
	outbox_free(rows, n);
}

/* The two lanes do not wait for each other: either may be first. */
static void send_all(struct side *s)
{
	int first = (int)rnd(2);

	send_lane(s, first);
	send_lane(s, !first);
}

static void ask_slots(struct side *s)
{
	struct reserve_row rows[8];
	char body[512];
	json_t *reply;
	size_t n;

	CHECK_INT(db_sched_reserving(s->db, &s->who, s->other->who.self, rows, 8, &n), 0);
	for (size_t i = 0; i < n; i++) {
		const char *result;

		if (rnd(100) < world.lose)
			continue;
		snprintf(body, sizeof(body), "{\"job_id\":\"%s\",\"epoch\":%d,\"group\":%d,\"attempt\":%d,\"reservation\":\"%s\"}",
			 rows[i].job_id, (int)rows[i].epoch, (int)rows[i].idx, (int)rows[i].attempt, rows[i].reservation);
		deliver(s->other, s->who.self, "reserve", NULL, body, &reply);
		result = json_string_value(json_object_get(reply, "result"));
		rows[i].port = json_integer_value(json_object_get(reply, "port"));
		if (result && strcmp(result, "granted") == 0 && rnd(100) >= world.lose)
			CHECK_INT(db_sched_granted(s->db, &s->who, &rows[i], 10000), 0);
		json_decref(reply);
	}
}

/* --- schedulers and operators ------------------------------------------ */

static void finish(struct side *s, const struct run_row *r)
{
	struct task_end e = { .prepared = 1, .result = "{\"public\":{\"rows\":3},\"all\":{\"rows\":3,\"secret\":1}}", .bytes_sent = 5,
			      .local = "" };

	if (!r->active || rnd(100) < world.fail) {
		e.prepared = 0;
		e.retryable = rnd(100) >= world.permanent;
		e.code = !r->active ? "ENDED" : rnd(100) < world.closed ? "PEER_LOST" : "BAD_ROWS";
		e.message = "it failed";
		e.local = "row 17 of secret.csv";
		e.result = NULL;
	}
	CHECK_INT(db_run_end(s->db, &s->who, r, &e), 0);
}

/* Scheme socket: both sides of an attempt know the same port of the range, and no other attempt has it. */
static void check_port(struct side *s, const struct run_row *r)
{
	int64_t other = 0;

	if (!world.socket || !r->active) {
		CHECK(world.socket || r->port == 0);
		return;
	}
	CHECK(r->port == 50000 || r->port == 50001);
	CHECK_INT(db_query_int(s->other->db, &other, "SELECT COALESCE(MAX(port), ?) FROM reservation WHERE state = 'started' AND "
			       "job_id = ? AND epoch = ? AND group_idx = ? AND attempt = ?",
			       DB_ARGS(db_i(r->port), db_s(r->job_id), db_i(r->epoch), db_i(r->idx), db_i(r->attempt))), 0);
	CHECK_INT(other, r->port);
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) - COUNT(DISTINCT port) FROM reservation WHERE port IS NOT NULL"), 0);
}

static void run_operators(struct side *s)
{
	struct run_row *rows;
	size_t n;

	CHECK_INT(db_run_list(s->db, &s->who, &rows, &n), 0);
	for (size_t i = 0; i < n; i++) {
		check_port(s, &rows[i]);
		if (rnd(3) == 0 || !rows[i].active)
			finish(s, &rows[i]);
	}
	free(rows);
}

static void publish(struct side *s)
{
	struct publish_row *rows;
	size_t n;

	CHECK_INT(db_run_publish(s->db, &s->who, &rows, &n), 0);
	for (size_t i = 0; i < n; i++)
		CHECK_INT(db_run_done(s->db, &s->who, rows[i].group, rows[i].lease_gen), 0);
	publish_free(rows, n);
}

/* Time passes at once: back-offs are over, messages are due. */
static void warp(struct side *s)
{
	CHECK_INT(db_exec(s->db, "UPDATE job_group SET not_before = UTC_TIMESTAMP(6) WHERE not_before > UTC_TIMESTAMP(6) AND state <> 'RESERVED'",
			  DB_NOARGS), 0);
	CHECK_INT(db_exec(s->db, "UPDATE outbox SET next_at = UTC_TIMESTAMP(6)", DB_NOARGS), 0);
	CHECK_INT(db_exec(s->db, "UPDATE reservation SET expires_at = UTC_TIMESTAMP(6) WHERE state = 'granted'", DB_NOARGS), 0);
}

static void turn(struct side *s)
{
	unsigned did = 0;

	if (rnd(4) == 0)
		warp(s);
	CHECK_INT(db_sched_timeouts(s->db, &s->who, 10000, &did), 0);
	CHECK_INT(db_sched_claim(s->db, &s->who, 10000, &did), 0);
	ask_slots(s);
	CHECK_INT(db_run_launch(s->db, &s->who, &did), 0);
	run_operators(s);
	publish(s);
	CHECK_INT(db_sched_sweep(s->db), 0);
	send_all(s);
}

static void status_of(struct side *s, const char *id, char out[16])
{
	struct job_status *st;

	snprintf(out, 16, "?");
	if (db_job_status(s->db, &st, id) != 0)
		return;
	snprintf(out, 16, "%s", st->status);
	db_job_status_free(st);
}

static int ended(const char *status)
{
	return strcmp(status, "SUCCESS") == 0 || strcmp(status, "FAILED") == 0 || strcmp(status, "CANCELED") == 0;
}

static int quiet(struct side *s)
{
	return dbfix_int(s->db, "SELECT (SELECT COUNT(*) FROM outbox WHERE seq IS NOT NULL) + (SELECT COUNT(*) FROM run)") == 0;
}

/* For whoever has to find out why a seed fails. */
static void dump(struct side *s, const char *id)
{
	struct db_rows *r = NULL;

	if (db_query(s->db, &r, "SELECT CONCAT_WS(' ', e.subject, e.from_state, e.to_state, e.actor, e.detail) FROM event e "
		     "JOIN job j ON j.id = e.job WHERE j.job_id = ? ORDER BY e.id", DB_ARGS(db_s(id))) != 0)
		return;
	while (db_next(r) > 0)
		printf("# %s: %s\n", s->who.self, db_text(r, 0));
	db_done(r);
	if (db_query(s->db, &r, "SELECT CONCAT_WS(' ', g.name, g.state, g.epoch, g.attempt, j.role, j.epoch, j.seq_in, j.seq_out, j.waiting_for, "
		     "(SELECT COUNT(*) FROM run WHERE run.job_group = g.id), (SELECT GROUP_CONCAT(o.kind, o.seq, o.last_error) FROM outbox o WHERE o.job = j.id)) "
		     "FROM job_group g JOIN job j ON j.id = g.job WHERE j.job_id = ?", DB_ARGS(db_s(id))) != 0)
		return;
	while (db_next(r) > 0)
		printf("# %s: %s\n", s->who.self, db_text(r, 0));
	db_done(r);
}

/* Until both have ended and nothing is under way; 0 when they never agree. */
static int settle(const char *id, char status[16])
{
	char other[16];

	for (int i = 0; i < 600; i++) {
		turn(rnd(2) ? &A : &B);
		if (i % 4)
			continue;
		status_of(&A, id, status);
		status_of(&B, id, other);
		if (ended(status) && strcmp(status, other) == 0 && quiet(&A) && quiet(&B))
			return 1;
	}
	printf("# job %s: %s at party_a, %s at party_b\n", id, status, other);
	dump(&A, id);
	dump(&B, id);
	return 0;
}

static void until(struct side *s, const char *id, const char *want)
{
	char status[16] = "";

	for (int i = 0; i < 200 && strcmp(status, want) != 0; i++) {
		turn(i % 2 ? &A : &B);
		status_of(s, id, status);
	}
	CHECK_STR(status, want);
}

static void calm(void)
{
	memset(&world, 0, sizeof(world));
}

/* Nothing of a finished job is left behind, at either party. */
static void check_clean(struct side *s)
{
	CHECK_INT(db_sched_sweep(s->db), 0);
	CHECK_INT(dbfix_int(s->db, "SELECT COUNT(*) FROM reservation WHERE state = 'started'"), 0);
	CHECK_INT(dbfix_int(s->db, "SELECT COUNT(*) FROM run"), 0);
	CHECK_INT(dbfix_int(s->db, "SELECT COUNT(*) FROM job_group WHERE channel_key IS NOT NULL"), 0);
	CHECK_INT(dbfix_int(s->db, "SELECT COUNT(*) FROM job j WHERE status = 'SUCCESS' AND EXISTS "
			    "(SELECT 1 FROM job_group g WHERE g.job = j.id AND g.state <> 'DONE')"), 0);
	CHECK_INT(dbfix_int(s->db, "SELECT COUNT(*) FROM job j JOIN task t ON t.job = j.id WHERE j.status = 'SUCCESS' AND t.status <> 'SUCCESS'"), 0);
	CHECK_INT(dbfix_int(s->db, "SELECT COUNT(*) FROM job WHERE status IN ('FAILED', 'CANCELED') AND NOT EXISTS "
			    "(SELECT 1 FROM job_error e WHERE e.job = job.id)"), 0);
}

#endif
