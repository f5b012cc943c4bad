/*
 * Two parties' databases and a network that loses, repeats and reorders: the
 * agreement of docs/agreement.md without HTTP and without operators.
 */
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
static struct { unsigned lose, repeat, fail, permanent, closed; int refuse; } world;

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

static void send_all(struct side *s)
{
	struct outbox_row *rows;
	size_t n;

	CHECK_INT(db_outbox_due(s->db, s->other->who.self, 0, &rows, &n), 0);
	for (size_t i = 0; i < n; i++)
		send_one(s, &rows[i]);
	outbox_free(rows, n);
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

static void run_operators(struct side *s)
{
	struct run_row *rows;
	size_t n;

	CHECK_INT(db_run_list(s->db, &s->who, &rows, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (rnd(3) == 0 || !rows[i].active)
			finish(s, &rows[i]);
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

/* --- cases ------------------------------------------------------------- */

TEST(insert_is_idempotent)
{
	struct job_status *st = NULL;
	char id[UTIL_JOB_ID_MAX];

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 0);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 1);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":12}", 0), ERR_CONFLICT);
	CHECK_INT(submit(&A, id, "party_a", "mallory", "{\"x\":1}", 0), ERR_NOTFOUND);
	CHECK_INT(db_job_status(A.db, &st, id), 0);
	CHECK_STR(st->status, "INIT");
	CHECK_STR(st->waiting_for, "party_b to accept the job");
	CHECK_STR(st->owner, "alice");
	CHECK_INT(st->task_count, 4);
	CHECK_STR(st->task[1].name, "b1");
	CHECK_STR(st->task[1].party, "party_b");
	db_job_status_free(st);
	CHECK_INT(db_job_status(A.db, &st, "j_0000000000000000000"), ERR_NOTFOUND);
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM event"), 1);
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM outbox WHERE kind = 'submit' AND seq = 1"), 1);
	until(&A, id, "SUCCESS");
	until(&B, id, "SUCCESS");
}

/* A COMMIT whose answer is lost neither loses nor doubles the job. */
TEST(insert_with_lost_commit)
{
	char id[UTIL_JOB_ID_MAX];

	open_both();
	for (int after = 0; after < 2; after++) {
		util_job_id(id);
		db_test_lose_commit(A.db, 1, after);
		CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0) >= 0, 1);
		until(&A, id, "SUCCESS");
		until(&B, id, "SUCCESS");
	}
}

TEST(calm_run)
{
	struct job_status *st = NULL;
	char id[UTIL_JOB_ID_MAX];
	int64_t before = 0, after = 0;

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(submit(&B, id, "party_b", "bob", "{\"x\":1}", 0), 0);
	CHECK_INT(db_job_rev(B.db, id, &before), 0);
	until(&B, id, "SUCCESS");
	until(&A, id, "SUCCESS");
	CHECK_INT(db_job_rev(B.db, id, &after), 0);
	CHECK(after > before);
	CHECK_INT(db_job_status(A.db, &st, id), 0);
	CHECK_STR(st->owner, "party_b");
	CHECK(st->progress == 1 && !st->is_leader);
	CHECK_INT(st->task[3].bytes_sent, 5);
	CHECK_STR(st->task[0].status, "SUCCESS");
	CHECK(st->task[0].started_at[0] && st->task[0].ended_at[0]);
	db_job_status_free(st);
	/* Only the public part of a result has crossed, in both directions. */
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM task WHERE party = 'party_b' AND result LIKE '%secret%'"), 0);
	CHECK_INT(dbfix_int(B.db, "SELECT COUNT(*) FROM task WHERE party = 'party_a' AND result LIKE '%secret%'"), 0);
	CHECK(dbfix_int(B.db, "SELECT COUNT(*) FROM task WHERE party = 'party_a' AND result LIKE '%rows%'") > 0);
	check_clean(&A);
	check_clean(&B);
}

TEST(refused)
{
	struct job_status *st = NULL;
	char id[UTIL_JOB_ID_MAX];

	open_both();
	calm();
	world.refuse = 1;
	util_job_id(id);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 0);
	until(&A, id, "FAILED");
	world.refuse = 0;
	CHECK_INT(db_job_status(A.db, &st, id), 0);
	CHECK_INT(st->error_count, 1);
	CHECK_STR(st->error[0].code, "NO_GRANT");
	CHECK_STR(st->error[0].party, "party_b");
	CHECK_HAS(st->error[0].message, "no grant");
	db_job_status_free(st);
	CHECK_INT(db_job_status(B.db, &st, id), ERR_NOTFOUND);
	/* With the grant given, the same job may run again. */
	CHECK_INT(db_job_rerun(A.db, "party_a", id, "alice", 0, NULL), 0);
	until(&A, id, "SUCCESS");
	until(&B, id, "SUCCESS");
}

TEST(kill_before_submit_arrives)
{
	char id[UTIL_JOB_ID_MAX], body[256], status[16];
	struct errmsg em = { 0 };
	json_t *reply;

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 0);
	snprintf(body, sizeof(body), "{\"job_id\":\"%s\",\"epoch\":0,\"seq\":2,\"reason\":\"killed\",\"decided\":true}", id);
	CHECK_INT(deliver(&B, "party_a", "kill", NULL, body, &reply), 200);
	json_decref(reply);
	CHECK_INT(db_job_kill(A.db, "party_a", id, "alice", &em), 0);
	for (int i = 0; i < 20; i++)
		turn(i % 2 ? &A : &B);
	status_of(&A, id, status);
	CHECK_STR(status, "CANCELED");
	status_of(&B, id, status);
	CHECK_STR(status, "?");
	CHECK_INT(db_job_kill(A.db, "party_a", id, "alice", &em), ERR_CONFLICT);
	CHECK_INT(db_job_kill(A.db, "party_a", "j_000000000000000000", "alice", &em), ERR_NOTFOUND);
}

TEST(order_and_senders)
{
	char id[UTIL_JOB_ID_MAX], body[512];
	json_t *reply;

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 0);
	send_all(&A);
	snprintf(body, sizeof(body), "{\"job_id\":\"%s\",\"epoch\":0,\"seq\":5,\"reason\":\"r\",\"decided\":true,\"status\":\"CANCELED\"}", id);
	CHECK_INT(deliver(&B, "party_a", "kill", NULL, body, &reply), 409);
	CHECK_INT(json_integer_value(json_object_get(reply, "expected")), 2);
	json_decref(reply);
	CHECK_INT(deliver(&B, "party_c", "kill", NULL, body, &reply), 403);
	json_decref(reply);
	/* The follower's word about the leader's job: refused whatever it says. */
	CHECK_INT(deliver(&A, "party_b", "commit", NULL, body, &reply) >= 400, 1);
	json_decref(reply);
	snprintf(body, sizeof(body), "{\"job_id\":\"%s\",\"epoch\":0}", id);
	CHECK_INT(deliver(&B, "party_a", "kill", NULL, body, &reply), 400);
	json_decref(reply);
	CHECK_INT(deliver(&B, "party_a", "nonsense", NULL, body, &reply), 400);
	json_decref(reply);
	CHECK_INT(deliver(&B, "party_a", "kill", NULL, "[]", &reply), 400);
	json_decref(reply);
	CHECK_INT(deliver(&B, "party_a", "start", NULL, "{\"job_id\":\"../../x\",\"epoch\":0,\"seq\":1}", &reply), 400);
	json_decref(reply);
	CHECK_INT(deliver(&B, "party_a", "start", NULL, "{\"job_id\":\"j_000000000000000000\",\"epoch\":0,\"seq\":1}", &reply), 404);
	json_decref(reply);
	until(&B, id, "SUCCESS");
}

/* A message of an older epoch or attempt is acknowledged and changes nothing. */
TEST(older_is_ignored)
{
	char id[UTIL_JOB_ID_MAX], body[512];
	struct errmsg em = { 0 };
	int64_t seq, events;
	json_t *reply;

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 0);
	until(&B, id, "RUNNING");
	CHECK_INT(db_job_kill(A.db, "party_a", id, "alice", &em), 0);
	until(&B, id, "CANCELED");
	CHECK_INT(db_job_rerun(A.db, "party_a", id, "alice", 0, &em), 0);
	until(&B, id, "RUNNING");
	CHECK_INT(db_query_int(B.db, &seq, "SELECT seq_in + 1 FROM job WHERE job_id = ?", DB_ARGS(db_s(id))), 0);
	events = dbfix_int(B.db, "SELECT COUNT(*) FROM event");
	snprintf(body, sizeof(body), "{\"job_id\":\"%s\",\"epoch\":0,\"seq\":%d,\"group\":0,\"attempt\":0,\"outcome\":\"failed\"}", id, (int)seq);
	CHECK_INT(deliver(&B, "party_a", "commit", NULL, body, &reply), 200);
	json_decref(reply);
	CHECK_INT(dbfix_int(B.db, "SELECT COUNT(*) FROM event"), events);
	/* The forged number is used up: the true sender's next one would be taken as seen; reset it as it was. */
	CHECK_INT(db_exec(B.db, "UPDATE job SET seq_in = seq_in - 1 WHERE job_id = ?", DB_ARGS(db_s(id))), 0);
	until(&A, id, "SUCCESS");
	until(&B, id, "SUCCESS");
}

TEST(both_reasons)
{
	struct job_status *st = NULL;
	char id[UTIL_JOB_ID_MAX], status[16];

	open_both();
	calm();
	world.fail = 100;
	world.permanent = 100;
	world.closed = 50;
	rng_state = 4711;
	for (int i = 0; i < 6; i++) {
		util_job_id(id);
		CHECK_INT(submit(i % 2 ? &A : &B, id, i % 3 ? "party_a" : "party_b", "x", "{\"x\":1}", 0), 0);
		CHECK(settle(id, status));
		CHECK_STR(status, "FAILED");
		for (int k = 0; k < 2; k++) {
			CHECK_INT(db_job_status(k ? B.db : A.db, &st, id), 0);
			CHECK(st->error_count > 0);
			for (size_t e = 1; e < st->error_count; e++)
				CHECK(strcmp(st->error[e].code, "BAD_ROWS") != 0 || strcmp(st->error[e - 1].code, "PEER_LOST") != 0);
			/* The local detail stays where it was said. */
			for (size_t e = 0; e < st->error_count; e++)
				CHECK(strcmp(st->error[e].party, k ? "party_b" : "party_a") == 0 || st->error[e].local[0] == '\0');
			db_job_status_free(st);
		}
	}
}

TEST(timeout_ends_both)
{
	struct job_status *st = NULL;
	char id[UTIL_JOB_ID_MAX], status[16];

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(submit(&A, id, "party_b", "alice", "{\"x\":1}", 3600), 0);
	until(&B, id, "RUNNING");
	CHECK_INT(db_exec(B.db, "UPDATE job SET deadline_at = UTC_TIMESTAMP(6) WHERE job_id = ?", DB_ARGS(db_s(id))), 0);
	CHECK(settle(id, status));
	CHECK_STR(status, "FAILED");
	CHECK_INT(db_job_status(A.db, &st, id), 0);
	CHECK_STR(st->error[0].code, "TIMEOUT");
	db_job_status_free(st);
}

/* Three groups want two slots at each party, from both sides: all get their turn. */
TEST(slots)
{
	char id[6][UTIL_JOB_ID_MAX], status[16];

	open_both();
	calm();
	rng_state = 99;
	for (int i = 0; i < 6; i++) {
		util_job_id(id[i]);
		CHECK_INT(submit(i % 2 ? &A : &B, id[i], i % 2 ? "party_a" : "party_b", "x", "{\"x\":1}", 0), 0);
	}
	for (int i = 0; i < 400; i++) {
		turn(rnd(2) ? &A : &B);
		CHECK(dbfix_int(A.db, "SELECT COUNT(*) FROM reservation WHERE state IN ('granted', 'started')") <= 2);
		CHECK(dbfix_int(B.db, "SELECT COUNT(*) FROM reservation WHERE state IN ('granted', 'started')") <= 2);
		if (test_failed)
			return;
	}
	for (int i = 0; i < 6; i++) {
		CHECK(settle(id[i], status));
		CHECK_STR(status, "SUCCESS");
	}
	check_clean(&A);
	check_clean(&B);
}

/* Everything at once, many times: both always end, and end the same. */
TEST(storm)
{
	unsigned sum[3] = { 0 };

	open_both();
	for (unsigned seed = 1; seed <= 24 && !test_failed; seed++) {
		char id[UTIL_JOB_ID_MAX], status[16];
		struct side *s, *k;
		struct errmsg em = { 0 };
		unsigned kill_at;

		rng_state = seed * 7919;
		world.lose = rnd(50);
		world.repeat = rnd(60);
		world.fail = rnd(40);
		world.permanent = rnd(40);
		world.closed = rnd(100);
		s = rnd(2) ? &A : &B;
		k = rnd(2) ? &A : &B;
		kill_at = rnd(3) ? rnd(80) : 1000;
		util_job_id(id);
		CHECK_INT(submit(s, id, rnd(2) ? "party_a" : "party_b", "x", "{\"x\":1}", 0), 0);
		for (unsigned i = 0; i < 80; i++) {
			turn(rnd(2) ? &A : &B);
			if (i == kill_at)
				(void)!db_job_kill(k->db, k->who.self, id, "killer", &em);
		}
		CHECK(settle(id, status));
		sum[*status == 'S' ? 0 : *status == 'F' ? 1 : 2]++;
		if (*status != 'S' && rnd(2)) {
			struct side *leader = dbfix_int(A.db, "SELECT role = 'leader' FROM job ORDER BY id DESC LIMIT 1") > 0 ? &A : &B;

			CHECK_INT(db_job_rerun(leader->db, leader->who.self, id, "x", 0, &em), 0);
			CHECK(settle(id, status));
		}
		if (test_failed)
			printf("# seed %u\n", seed);
	}
	printf("# storm: %u SUCCESS, %u FAILED, %u CANCELED\n", sum[0], sum[1], sum[2]);
	CHECK(sum[0] > 0 && sum[1] > 0 && sum[2] > 0);
	calm();
	for (int i = 0; i < 40; i++)
		turn(i % 2 ? &A : &B);
	check_clean(&A);
	check_clean(&B);
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM job WHERE status IN ('INIT', 'RUNNING')"), 0);
}

DBFIX_MAIN(CASE(insert_is_idempotent), CASE(insert_with_lost_commit), CASE(calm_run), CASE(refused), CASE(kill_before_submit_arrives),
	   CASE(order_and_senders), CASE(older_is_ignored), CASE(both_reasons), CASE(timeout_ends_both), CASE(slots), CASE(storm))
