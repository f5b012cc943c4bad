/*
 * Two parties' databases and a network that loses, repeats and reorders: the
 * agreement of docs/agreement.md without HTTP and without operators.
 */
#include "sides.h"

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

/* Scheme socket over the same network: check_port looks at every attempt. Last, since a refused start ends one side only. */
TEST(ports)
{
	char id[UTIL_JOB_ID_MAX], status[16];

	open_both();
	calm();
	CHECK_INT(slot_scheme_set(A.db, "socket", 50000, 50001), 0);
	CHECK_INT(slot_scheme_set(B.db, "socket", 60000, 60001), 0);
	for (unsigned seed = 1; seed <= 8 && !test_failed; seed++) {
		rng_state = seed * 104729;
		world.socket = 1;
		world.lose = rnd(40);
		world.repeat = rnd(60);
		world.fail = rnd(30);
		util_job_id(id);
		CHECK_INT(submit(seed % 2 ? &A : &B, id, seed % 4 < 2 ? "party_a" : "party_b", "x", "{\"x\":1}", 0), 0);
		CHECK(settle(id, status));
	}
	calm();
	world.socket = 1;
	check_clean(&A);
	check_clean(&B);
	util_job_id(id);
	CHECK_INT(submit(&B, id, "party_b", "x", "{\"x\":1}", 0), 0);
	send_all(&B);
	CHECK_INT(slot_scheme_set(A.db, "agent", 50000, 50001), 0);
	until(&B, id, "FAILED");
	CHECK_INT(dbfix_int(B.db, "SELECT COUNT(*) FROM job_error WHERE message LIKE '%party_b has NETWORK_SCHEME socket and party_a has agent%'"), 1);
	util_job_id(id);
	CHECK_INT(submit(&B, id, "party_b", "x", "{\"x\":1}", 0), 0);
	until(&B, id, "FAILED");
	CHECK_INT(dbfix_int(B.db, "SELECT COUNT(*) FROM job_error WHERE code = 'NETWORK_SCHEME'"), 1);
}

/* --- what a status says --------------------------------------------------- */

static void check_waits(struct side *s, const char *id, const char *want)
{
	struct job_status *st = NULL;

	CHECK_INT(db_job_status(s->db, &st, id), 0);
	CHECK_STR(st ? st->waiting_for : "?", want);
	db_job_status_free(st);
}

static void slots_of(struct side *s, const char *count)
{
	CHECK_INT(db_exec(s->db, "UPDATE setting SET value = ? WHERE name = 'slots'", DB_ARGS(db_s(count))), 0);
}

static void finish_all(struct side *s)
{
	struct run_row *rows;
	size_t n;

	CHECK_INT(db_run_list(s->db, &s->who, &rows, &n), 0);
	CHECK(n > 0);
	for (size_t i = 0; i < n; i++)
		finish(s, &rows[i]);
	free(rows);
}

static void start_first(struct side *leader, const char *id)
{
	unsigned did = 0;

	CHECK_INT(db_sched_claim(leader->db, &leader->who, 10000, &did), 0);
	ask_slots(leader);
	check_waits(leader, id, leader == &A ? "party_b to start first" : "party_a to start first");
	send_all(leader);
	check_waits(leader, id, leader == &A ? "the scheduler of party_a to start first" : "the scheduler of party_b to start first");
	CHECK_INT(db_run_launch(A.db, &A.who, &did), 0);
	CHECK_INT(db_run_launch(B.db, &B.who, &did), 0);
	check_waits(&A, id, "");
	check_waits(&B, id, "");
}

/* Both ends of a job say at every stage what it waits for, and whom: the lower-named leader. */
TEST(waiting_for)
{
	char id[UTIL_JOB_ID_MAX];
	unsigned did = 0;

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 0);
	check_waits(&A, id, "party_b to accept the job");
	send_all(&A);
	check_waits(&B, id, "party_a to start first");
	check_waits(&A, id, "the scheduler of party_a to take up first");
	slots_of(&A, "0");
	check_waits(&A, id, "a slot at party_a");
	CHECK_INT(db_sched_claim(A.db, &A.who, 10000, &did), 0);
	check_waits(&A, id, "a slot at party_a");
	slots_of(&A, "2");
	start_first(&A, id);
	finish_all(&B);
	check_waits(&B, id, "party_a to commit first");
	send_all(&B);
	check_waits(&A, id, "");
	finish_all(&A);
	check_waits(&A, id, "party_a to publish the outputs of first");
	send_all(&A);
	check_waits(&B, id, "party_b to publish the outputs of first");
	publish(&B);
	check_waits(&B, id, "party_a to start second");
	until(&A, id, "SUCCESS");
	until(&B, id, "SUCCESS");
	check_waits(&A, id, "");
	check_waits(&B, id, "");
}

/* The higher-named leader asks the other party, but only with a slot of its own; and after a failure. */
TEST(waiting_for_slots)
{
	struct errmsg em = { 0 };
	char id[UTIL_JOB_ID_MAX];
	unsigned did = 0;

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(submit(&B, id, "party_b", "bob", "{\"x\":1}", 0), 0);
	send_all(&B);
	check_waits(&A, id, "party_b to start first");
	slots_of(&B, "0");
	CHECK_INT(db_sched_claim(B.db, &B.who, 10000, &did), 0);
	check_waits(&B, id, "a slot at party_b");
	slots_of(&B, "2");
	CHECK_INT(db_sched_claim(B.db, &B.who, 10000, &did), 0);
	check_waits(&B, id, "a slot at party_a");
	/* Granted there, but the own slot has gone meanwhile: that is what it waits for now. */
	slots_of(&B, "0");
	ask_slots(&B);
	check_waits(&B, id, "a slot at party_b");
	slots_of(&B, "2");
	CHECK_INT(db_exec(B.db, "UPDATE job_group SET not_before = NULL WHERE state = 'READY'", DB_NOARGS), 0);
	send_all(&B);
	start_first(&B, id);
	world.fail = 100;
	finish_all(&B);
	check_waits(&B, id, "the pause before another attempt of first");
	calm();
	CHECK_INT(db_job_kill(A.db, "party_a", id, "alice", &em), 0);
	check_waits(&A, id, "party_b to confirm the end");
	until(&A, id, "CANCELED");
	check_waits(&A, id, "");
	check_clean(&A);
	check_clean(&B);
}

/* An output replaces an earlier one of the same owner, never another's: the other party is the owner of what it asks for. */
TEST(replaces)
{
	struct publish_row p = { .job_id = "j_0123456789abcdef0", .task_name = "a1", .owner = "alice", .peer = "party_b" };
	int own;

	open_both();
	CHECK_INT(db_run_published(A.db, &p, "res.csv"), 0);
	CHECK_INT(db_run_replaces(A.db, "res.csv", "alice", &own), 0);
	CHECK_INT(own, 1);
	CHECK_INT(db_run_replaces(A.db, "res.csv", "party_b", &own), 0);
	CHECK_INT(own, 0);
	CHECK_INT(db_run_replaces(A.db, "res.csv", "bob", &own), 0);
	CHECK_INT(own, 0);
	CHECK_INT(db_run_replaces(A.db, "RES.csv", "alice", &own), 0);
	CHECK_INT(own, 0);
	snprintf(p.owner, sizeof(p.owner), "party_b");
	CHECK_INT(db_run_published(A.db, &p, "theirs.csv"), 0);
	CHECK_INT(db_run_replaces(A.db, "theirs.csv", "party_b", &own), 0);
	CHECK_INT(own, 1);
	CHECK_INT(db_run_replaces(A.db, "theirs.csv", "alice", &own), 0);
	CHECK_INT(own, 0);
}

static enum run_wanted wanted(struct side *s, const char *job, unsigned epoch, unsigned attempt)
{
	enum run_wanted out = RUN_WANTED;
	struct task_id id;

	CHECK_INT(task_id_set(&id, job, epoch, 0, attempt, "a1"), 0);
	CHECK_INT(db_run_wanted(s->db, &id, &out), 0);
	return out;
}

/* Folders go only when this database knows that their attempt is over. */
TEST(folders)
{
	struct errmsg em = { 0 };
	char id[UTIL_JOB_ID_MAX];

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(wanted(&A, id, 0, 0), RUN_UNKNOWN);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 0);
	send_all(&A);
	CHECK_INT(wanted(&A, id, 0, 0), RUN_WANTED);
	CHECK_INT(wanted(&A, id, 0, 1), RUN_UNKNOWN);
	CHECK_INT(wanted(&A, id, 1, 0), RUN_UNKNOWN);
	start_first(&A, id);
	world.fail = 100;
	finish_all(&A);
	calm();
	CHECK_INT(wanted(&A, id, 0, 0), RUN_OVER);
	CHECK_INT(wanted(&A, id, 0, 1), RUN_WANTED);
	CHECK_INT(db_job_kill(A.db, "party_a", id, "alice", &em), 0);
	CHECK_INT(wanted(&A, id, 0, 1), RUN_WANTED);
	CHECK_INT(db_exec(A.db, "UPDATE job SET ended_at = ended_at - INTERVAL 2 HOUR WHERE job_id = ?", DB_ARGS(db_s(id))), 0);
	CHECK_INT(wanted(&A, id, 0, 1), RUN_OVER);
	/* The follower's operator still runs, whatever its job says. */
	CHECK_INT(wanted(&B, id, 0, 0), RUN_WANTED);
	until(&B, id, "CANCELED");
	util_job_id(id);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 0);
	until(&A, id, "SUCCESS");
	until(&B, id, "SUCCESS");
	CHECK_INT(wanted(&A, id, 0, 0), RUN_OVER);
	CHECK_INT(wanted(&B, id, 0, 0), RUN_OVER);
}

/* Whatever the number of submits under way: a kill is due at once, and nothing of a job before its submit is answered. */
TEST(lanes)
{
	char first[UTIL_JOB_ID_MAX], id[40][UTIL_JOB_ID_MAX];
	struct errmsg em = { 0 };
	struct outbox_row *rows;
	size_t n;

	open_both();
	calm();
	util_job_id(first);
	CHECK_INT(submit(&A, first, "party_a", "alice", "{\"x\":1}", 0), 0);
	until(&B, first, "RUNNING");
	for (int i = 0; i < 40; i++) {
		util_job_id(id[i]);
		CHECK_INT(submit(&A, id[i], "party_a", "alice", "{\"x\":1}", 0), 0);
	}
	CHECK_INT(db_job_kill(A.db, "party_a", first, "alice", &em), 0);
	CHECK_INT(db_job_kill(A.db, "party_a", id[0], "alice", &em), 0);
	CHECK_INT(db_outbox_due(A.db, "party_b", 0, 0, &rows, &n), 0);
	CHECK_INT(n, 1);
	CHECK_STR(rows[0].kind, "kill");
	CHECK_STR(rows[0].job_id, first);
	outbox_free(rows, n);
	CHECK_INT(db_outbox_due(A.db, "party_b", 1, 0, &rows, &n), 0);
	CHECK(n >= 16);
	for (size_t i = 0; i < n; i++)
		CHECK_STR(rows[i].kind, "submit");
	outbox_free(rows, n);
	until(&B, first, "CANCELED");
	for (int i = 1; i < 40; i++)
		CHECK_INT(db_job_kill(A.db, "party_a", id[i], "alice", &em), 0);
	for (int i = 0; i < 400 && !(quiet(&A) && quiet(&B)); i++)
		turn(i % 2 ? &A : &B);
	CHECK(quiet(&A) && quiet(&B));
}

/* All that a status shows of a job, and its revision. */
static int64_t visible(struct side *s, const char *id, char digest[40])
{
	struct db_rows *r = NULL;
	int64_t rev = -1;

	digest[0] = '\0';
	CHECK_INT(db_query(s->db, &r, "SELECT j.rev, MD5(CONCAT_WS('|', j.status, j.epoch, j.waiting_for, j.started_at, j.ended_at, "
			   "(SELECT GROUP_CONCAT(CONCAT_WS(',', t.status, t.attempt, t.progress, t.stage, t.started_at, t.ended_at, t.bytes_sent, "
			   "t.bytes_received, t.rounds, t.peak_rss_bytes, t.error_code, t.error_public) ORDER BY t.id) FROM task t WHERE t.job = j.id), "
			   "(SELECT GROUP_CONCAT(CONCAT_WS(',', e.party, e.task, e.code, e.message, e.local) ORDER BY e.cause, e.id) FROM job_error e "
			   "WHERE e.job = j.id AND e.epoch = j.epoch), (SELECT GROUP_CONCAT(REPLACE(g.state, 'PUBLISHING', 'COMMITTED') "
			   "ORDER BY g.idx) FROM job_group g WHERE g.job = j.id))) FROM job j WHERE j.job_id = ?", DB_ARGS(db_s(id))), 0);
	if (db_next(r) > 0) {
		rev = db_int(r, 0);
		snprintf(digest, 40, "%s", db_text(r, 1));
	}
	db_done(r);
	return rev;
}

/* Nothing that a user can see changes without a new revision: status?wait= and the API's cache live by it. */
TEST(revisions)
{
	open_both();
	for (unsigned seed = 1; seed <= 10 && !test_failed; seed++) {
		char id[UTIL_JOB_ID_MAX], now[40], before[2][40] = { "", "" };
		int64_t rev[2] = { -1, -1 };
		struct errmsg em = { 0 };

		calm();
		rng_state = seed * 15485863;
		world.repeat = rnd(40);
		world.lose = rnd(30);
		world.fail = rnd(60);
		world.closed = rnd(100);
		util_job_id(id);
		CHECK_INT(submit(seed % 2 ? &A : &B, id, seed % 4 < 2 ? "party_a" : "party_b", "x", "{\"x\":1}", 0), 0);
		for (unsigned i = 0; i < 80; i++) {
			turn(rnd(2) ? &A : &B);
			if (i == 50 && seed % 3 == 0)
				(void)!db_job_kill(A.db, "party_a", id, "killer", &em);
			for (int k = 0; k < 2; k++) {
				int64_t is = visible(k ? &B : &A, id, now);

				CHECK(is >= rev[k]);
				CHECK(strcmp(now, before[k]) == 0 || is > rev[k]);
				rev[k] = is;
				memcpy(before[k], now, sizeof(now));
			}
		}
		CHECK(settle(id, now));
	}
	calm();
}

/* The DBA's view names a publish that keeps failing at once, and a silent one after a while. */
TEST(stuck_publish)
{
	struct publish_row *rows;
	char id[UTIL_JOB_ID_MAX];
	size_t n;

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 0);
	send_all(&A);
	start_first(&A, id);
	finish_all(&B);
	send_all(&B);
	finish_all(&A);
	CHECK_INT(db_run_publish(A.db, &A.who, &rows, &n), 0);
	CHECK_INT(n, 1);
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM v_stuck"), 0);
	CHECK_INT(db_run_unpublished(A.db, &rows[0], "the place is taken"), 0);
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM v_stuck WHERE what = 'publish' AND which = 'first' AND since_seconds < 30 "
			    "AND why = 'waits to publish the outputs of a1: the place is taken'"), 1);
	/* Said long ago, by another attempt to publish: one row still. */
	CHECK_INT(db_run_unpublished(A.db, &rows[0], "the disk is full"), 0);
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM v_stuck WHERE why LIKE '%disk is full'"), 1);
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM v_stuck"), 1);
	CHECK_INT(db_run_done(A.db, &A.who, rows[0].group, rows[0].lease_gen), 0);
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM v_stuck"), 0);
	publish_free(rows, n);
	until(&A, id, "SUCCESS");
	until(&B, id, "SUCCESS");
}

TEST(silent_publish)
{
	struct publish_row *rows;
	char id[UTIL_JOB_ID_MAX];
	size_t n;

	open_both();
	calm();
	util_job_id(id);
	CHECK_INT(submit(&A, id, "party_a", "alice", "{\"x\":1}", 0), 0);
	send_all(&A);
	start_first(&A, id);
	finish_all(&B);
	send_all(&B);
	finish_all(&A);
	CHECK_INT(db_run_publish(A.db, &A.who, &rows, &n), 0);
	CHECK_INT(n, 1);
	CHECK_INT(db_exec(A.db, "UPDATE event SET at = at - INTERVAL 40 SECOND WHERE to_state = 'PUBLISHING'", DB_NOARGS), 0);
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM v_stuck WHERE what = 'publish' AND why = 'has not ended yet' AND since_seconds >= 40"), 1);
	publish_free(rows, n);
	until(&A, id, "SUCCESS");
	until(&B, id, "SUCCESS");
	CHECK_INT(dbfix_int(A.db, "SELECT COUNT(*) FROM v_stuck"), 0);
}

DBFIX_MAIN(CASE(insert_is_idempotent), CASE(insert_with_lost_commit), CASE(calm_run), CASE(refused), CASE(kill_before_submit_arrives),
	   CASE(order_and_senders), CASE(older_is_ignored), CASE(both_reasons), CASE(timeout_ends_both), CASE(slots), CASE(waiting_for),
	   CASE(waiting_for_slots), CASE(replaces), CASE(folders), CASE(lanes), CASE(revisions), CASE(stuck_publish), CASE(silent_publish), CASE(storm), CASE(ports))
