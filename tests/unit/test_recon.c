/*
 * Reconciliation with two databases: every difference that a lost message, a
 * kill before its submit or a database from an old backup can make, provoked,
 * then looked at until both parties agree. docs/agreement.md has the tables.
 */
#include "sides.h"

#include "sched/recon.h"

#define ROUNDS 60	/* of both parties, within which any difference has to be mended */

static struct recon *recon[2];

static int exchange(void *arg, const char *body, json_t **reply)
{
	struct side *s = arg;

	if (rnd(100) < world.lose)
		return ERR_PEER;
	if (deliver(s->other, s->who.self, "reconcile", NULL, body, reply) == 200)
		return 0;
	json_decref(*reply);
	*reply = NULL;
	return ERR_INTERNAL;
}

static void both(void)
{
	open_both();
	calm();
	if (!recon[0]) {
		recon[0] = recon_new(&A.who, "party_b");
		recon[1] = recon_new(&B.who, "party_a");
	}
}

/* Groups that ought to have an owner and have none: as the scheduler's loop does. */
static void take_orphans(struct side *s)
{
	struct lease_row *rows;
	size_t n;

	CHECK_INT(db_sched_leases(s->db, &s->who, &rows, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (!rows[i].owner[0])
			CHECK_INT(db_sched_take_over(s->db, &s->who, &rows[i]), 0);
	free(rows);
}

static void one_round(struct side *s)
{
	unsigned did = 0;
	int rc;

	turn(s);
	take_orphans(s);
	rc = recon_round(recon[s == &B], s->db, exchange, s, &did);
	CHECK(rc == 0 || rc == ERR_PEER);
}

static int same_end(const char *a, const char *b)
{
	return (ended(a) || ended(b)) && (strcmp(a, b) == 0 || *a == '?' || *b == '?');
}

/* Both agree on an end, or one has no row and the other's has ended; nothing is under way. */
static int agree(const char *id, char status[16])
{
	char a[16], b[16];

	for (int i = 0; i < ROUNDS; i++) {
		one_round(&A);
		one_round(&B);
		if (i % 3 == 0)
			warp(&A), warp(&B);
		status_of(&A, id, a);
		status_of(&B, id, b);
		if (same_end(a, b) && quiet(&A) && quiet(&B)) {
			snprintf(status, 16, "%s", *a == '?' ? b : a);
			return 1;
		}
	}
	printf("# job %s: %s at party_a, %s at party_b\n", id, a, b);
	dump(&A, id);
	dump(&B, id);
	return 0;
}

static void agree_on(const char *id, const char *want)
{
	char status[16] = "";

	CHECK(agree(id, status));
	CHECK_STR(status, want);
}

static int64_t count_of(struct side *s, const char *literal, const char *id)
{
	int64_t n = -1;

	return db_query_int(s->db, &n, literal, DB_ARGS(db_s(id))) == 0 ? n : -1;
}

static void exec_on(struct side *s, const char *literal, const char *id)
{
	CHECK_INT(db_exec(s->db, literal, DB_ARGS(db_s(id))), 0);
}

static int64_t mended(struct side *s, const char *id)
{
	return count_of(s, "SELECT COUNT(*) FROM event e JOIN job j ON j.id = e.job WHERE j.job_id = ? AND e.to_state = 'reconcile'", id);
}

/* The job's tables as they are now, and back again: what an old backup brings. */
static void backup(struct side *s)
{
	static const char *const copy[] = {
		"CREATE TABLE IF NOT EXISTS old_job LIKE job", "DELETE FROM old_job", "INSERT INTO old_job SELECT * FROM job",
		"CREATE TABLE IF NOT EXISTS old_job_group LIKE job_group", "DELETE FROM old_job_group", "INSERT INTO old_job_group SELECT * FROM job_group",
		"CREATE TABLE IF NOT EXISTS old_task LIKE task", "DELETE FROM old_task", "INSERT INTO old_task SELECT * FROM task",
		"CREATE TABLE IF NOT EXISTS old_job_error LIKE job_error", "DELETE FROM old_job_error", "INSERT INTO old_job_error SELECT * FROM job_error",
		"CREATE TABLE IF NOT EXISTS old_run LIKE run", "DELETE FROM old_run", "INSERT INTO old_run SELECT * FROM run",
		"CREATE TABLE IF NOT EXISTS old_outbox LIKE outbox", "DELETE FROM old_outbox", "INSERT INTO old_outbox SELECT * FROM outbox",
		"CREATE TABLE IF NOT EXISTS old_reservation LIKE reservation", "DELETE FROM old_reservation", "INSERT INTO old_reservation SELECT * FROM reservation",
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(copy); i++)
		CHECK_INT(db_exec(s->db, copy[i], DB_NOARGS), 0);
}

static void restore(struct side *s)
{
	static const char *const back[] = {
		"DELETE FROM job", "DELETE FROM reservation", "INSERT INTO job SELECT * FROM old_job",
		"INSERT INTO job_group SELECT * FROM old_job_group", "INSERT INTO task SELECT * FROM old_task",
		"INSERT INTO job_error SELECT * FROM old_job_error", "INSERT INTO run SELECT * FROM old_run",
		"INSERT INTO outbox SELECT * FROM old_outbox", "INSERT INTO reservation SELECT * FROM old_reservation",
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(back); i++)
		CHECK_INT(db_exec(s->db, back[i], DB_NOARGS), 0);
}

/* What is finished at this side, to be compared later: nothing of it may run again. */
static void note_done(struct side *s)
{
	CHECK_INT(db_exec(s->db, "CREATE TABLE IF NOT EXISTS was_done (id BIGINT, attempt BIGINT, task BIGINT, ended_at DATETIME(6))",
			  DB_NOARGS), 0);
	CHECK_INT(db_exec(s->db, "DELETE FROM was_done", DB_NOARGS), 0);
	CHECK_INT(db_exec(s->db, "INSERT INTO was_done SELECT g.id, g.attempt, t.id, t.ended_at FROM job_group g "
			  "JOIN task t ON t.job_group = g.id WHERE g.state = 'DONE'", DB_NOARGS), 0);
}

static void check_done(struct side *s)
{
	CHECK_INT(dbfix_int(s->db, "SELECT COUNT(*) FROM was_done w LEFT JOIN job_group g ON g.id = w.id AND g.state = 'DONE' AND "
			    "g.attempt = w.attempt LEFT JOIN task t ON t.id = w.task AND t.ended_at <=> w.ended_at WHERE g.id IS NULL OR t.id IS NULL"),
		  0);
}

static void new_job(struct side *submitter, struct side *leader, char id[UTIL_JOB_ID_MAX])
{
	/* Ends of long ago are not compared: the earlier jobs' rows stay out of the way. */
	CHECK_INT(db_exec(A.db, "UPDATE job SET ended_at = ended_at - INTERVAL 1 DAY WHERE ended_at IS NOT NULL", DB_NOARGS), 0);
	CHECK_INT(db_exec(B.db, "UPDATE job SET ended_at = ended_at - INTERVAL 1 DAY WHERE ended_at IS NOT NULL", DB_NOARGS), 0);
	util_job_id(id);
	CHECK_INT(submit(submitter, id, leader->who.self, "alice", "{\"x\":1}", 0), 0);
}

/* Goes on until the query says 1. */
static void until_true(struct side *s, const char *literal, const char *id)
{
	for (int i = 0; i < 300; i++) {
		if (count_of(s, literal, id) > 0)
			return;
		turn(i % 2 ? &A : &B);
	}
	CHECK(!"reached");
	dump(&A, id);
	dump(&B, id);
}

#define RUNS "SELECT COUNT(*) FROM job WHERE job_id = ? AND status = 'RUNNING'"
#define WORKS "SELECT COUNT(*) FROM job j JOIN job_group g ON g.job = j.id WHERE j.job_id = ? AND g.state IN ('RUNNING', 'PREPARED')"
#define FIRST_DONE "SELECT COUNT(*) FROM job j JOIN job_group g ON g.job = j.id WHERE j.job_id = ? AND g.idx = 0 AND g.state = 'DONE'"

/* --- lost messages ------------------------------------------------------ */

TEST(submit_lost)
{
	char id[UTIL_JOB_ID_MAX];

	both();
	for (int i = 0; i < 4; i++) {
		struct side *s = i % 2 ? &B : &A, *leader = i < 2 ? s : s->other;

		new_job(s, leader, id);
		exec_on(s, "DELETE o FROM outbox o JOIN job j ON j.id = o.job WHERE j.job_id = ?", id);
		agree_on(id, "SUCCESS");
		CHECK(mended(s, id) > 0);
	}
}

TEST(acceptance_lost)
{
	char id[UTIL_JOB_ID_MAX];
	struct outbox_row *rows;
	json_t *reply;
	size_t n;

	both();
	new_job(&A, &A, id);
	CHECK_INT(db_outbox_due(A.db, "party_b", 1, 0, &rows, &n), 0);
	CHECK_INT(n, 1);
	CHECK_INT(deliver(&B, "party_a", rows[0].kind, rows[0].task, rows[0].body, &reply), 200);
	json_decref(reply);
	outbox_free(rows, n);
	exec_on(&A, "DELETE o FROM outbox o JOIN job j ON j.id = o.job WHERE j.job_id = ?", id);
	agree_on(id, "SUCCESS");
	CHECK(mended(&A, id) > 0);
}

/* Each kind of message, taken out of the sender's box before it is sent. */
TEST(each_message_lost)
{
	static const char *const kinds[] = { "start", "task", "commit", "kill", "rerun" };

	both();
	for (size_t k = 0; k < PET_ARRAY_SIZE(kinds); k++)
		for (int from = 0; from < 2; from++) {
			struct side *s = from ? &B : &A, *leader = strcmp(kinds[k], "task") == 0 ? s->other : s;
			char id[UTIL_JOB_ID_MAX], status[16] = "";
			struct errmsg em = { 0 };
			int64_t found = 0;

			new_job(&A, leader, id);
			until(s, id, "RUNNING");
			if (strcmp(kinds[k], "kill") == 0 || strcmp(kinds[k], "rerun") == 0)
				CHECK_INT(db_job_kill(s->db, s->who.self, id, "alice", &em), 0);
			if (strcmp(kinds[k], "rerun") == 0) {
				agree_on(id, "CANCELED");
				CHECK_INT(db_job_rerun(s->db, s->who.self, id, "alice", 0, &em), 0);
			}
			for (int i = 0; i < 200 && !found; i++) {
				CHECK_INT(db_exec(s->db, "DELETE o FROM outbox o JOIN job j ON j.id = o.job WHERE j.job_id = ? AND o.kind = ?",
						  DB_ARGS(db_s(id), db_s(kinds[k]))), 0);
				found = db_affected(s->db);
				if (!found)
					turn(i % 2 ? s : s->other);
			}
			/* A kind that goes out within the turn that made it cannot be caught: then the run was an ordinary one. */
			CHECK(agree(id, status));
			CHECK_STR(status, strcmp(kinds[k], "kill") == 0 ? "CANCELED" : "SUCCESS");
			if (found)
				CHECK(mended(&A, id) + mended(&B, id) > 0 || strcmp(kinds[k], "start") == 0);
			if (test_failed)
				printf("# %s from %s\n", kinds[k], s->who.self);
		}
}

/* The follower's kill did not arrive; and once every group is committed it comes too late. */
TEST(kill_lost)
{
	struct errmsg em = { 0 };
	char id[UTIL_JOB_ID_MAX];

	both();
	new_job(&A, &A, id);
	until(&B, id, "RUNNING");
	CHECK_INT(db_job_kill(B.db, "party_b", id, "bob", &em), 0);
	exec_on(&B, "DELETE o FROM outbox o JOIN job j ON j.id = o.job WHERE j.job_id = ?", id);
	agree_on(id, "CANCELED");
	new_job(&A, &A, id);
	until_true(&A, "SELECT COUNT(*) FROM job j WHERE job_id = ? AND NOT EXISTS (SELECT 1 FROM job_group g WHERE g.job = j.id AND "
		   "g.state NOT IN ('COMMITTED', 'PUBLISHING', 'DONE'))", id);
	(void)!db_job_kill(B.db, "party_b", id, "bob", &em);
	exec_on(&B, "DELETE o FROM outbox o JOIN job j ON j.id = o.job WHERE j.job_id = ?", id);
	agree_on(id, "SUCCESS");
}

/* --- tombstones, forgotten jobs ------------------------------------------ */

TEST(tombstones)
{
	char id[UTIL_JOB_ID_MAX];

	both();
	/* The follower's kill was first and its submit is lost: the leader cancels. */
	new_job(&A, &A, id);
	exec_on(&A, "DELETE o FROM outbox o JOIN job j ON j.id = o.job WHERE j.job_id = ?", id);
	exec_on(&B, "INSERT INTO tombstone (job_id, peer, reason) VALUES (?, 'party_a', 'killed')", id);
	agree_on(id, "CANCELED");
	CHECK(mended(&A, id) > 0);
	/* The leader remembers only a kill: the follower takes it as the end, in whatever epoch it is. */
	new_job(&A, &A, id);
	send_all(&A);
	exec_on(&B, "UPDATE job SET epoch = 3 WHERE job_id = ?", id);
	exec_on(&A, "DELETE FROM job WHERE job_id = ?", id);
	exec_on(&A, "INSERT INTO tombstone (job_id, peer, reason) VALUES (?, 'party_b', 'killed')", id);
	agree_on(id, "CANCELED");
	CHECK(mended(&B, id) > 0);
	CHECK_INT(count_of(&B, "SELECT epoch FROM job WHERE job_id = ?", id), 3);
}

TEST(forgotten)
{
	char id[UTIL_JOB_ID_MAX], status[16] = "";
	struct errmsg em = { 0 };

	both();
	new_job(&A, &A, id);
	until_true(&B, WORKS, id);
	exec_on(&A, "DELETE FROM job WHERE job_id = ?", id);
	CHECK(agree(id, status));	/* a message in flight finds out first, or reconciliation does */
	CHECK(strcmp(status, "CANCELED") == 0 || strcmp(status, "FAILED") == 0);
	CHECK_INT(count_of(&B, "SELECT COUNT(*) FROM job_error e JOIN job j ON j.id = e.job WHERE job_id = ? AND code = 'LEADER_FORGOT'", id) +
		  count_of(&B, "SELECT COUNT(*) FROM job_error e JOIN job j ON j.id = e.job WHERE job_id = ? AND code = 'PEER_FORGOT'", id) > 0, 1);
	new_job(&A, &A, id);
	until_true(&A, "SELECT COUNT(*) FROM job j JOIN job_group g ON g.job = j.id WHERE j.job_id = ? AND g.idx = 1 AND "
		   "g.state IN ('READY', 'RESERVED')", id);
	exec_on(&B, "DELETE FROM job WHERE job_id = ?", id);
	note_done(&A);
	agree_on(id, "FAILED");
	CHECK(count_of(&A, "SELECT COUNT(*) FROM job_error e JOIN job j ON j.id = e.job WHERE job_id = ? AND code = 'PEER_FORGOT'", id) > 0);
	/* A rerun brings the job there again; what was finished stays finished. */
	CHECK_INT(db_job_rerun(A.db, "party_a", id, "alice", 0, &em), 0);
	agree_on(id, "SUCCESS");
	check_done(&A);
	/* An ended job that the other party forgot stays as it is. */
	exec_on(&B, "DELETE FROM job WHERE job_id = ?", id);
	agree_on(id, "SUCCESS");
	CHECK_INT(count_of(&B, "SELECT COUNT(*) FROM job WHERE job_id = ?", id), 0);
}

/* --- old backups ---------------------------------------------------------- */

/* Ended at both, then one of them is set back to a moment of the run: leader or follower, each end. */
TEST(ended_here_running_there)
{
	static const char *const moments[] = { RUNS, WORKS, FIRST_DONE };

	both();
	for (unsigned i = 0; i < 18; i++) {
		struct side *leader = i % 2 ? &B : &A, *s = i / 2 % 3 == 1 ? leader : leader->other;
		char id[UTIL_JOB_ID_MAX], end[16], status[16] = "";
		struct errmsg em = { 0 };

		rng_state = i;
		calm();
		new_job(i % 4 < 2 ? &A : &B, leader, id);
		until_true(s, moments[i / 6], id);
		backup(s);
		if (i % 3 == 1)
			CHECK_INT(db_job_kill(leader->db, leader->who.self, id, "alice", &em), 0);
		world.fail = world.permanent = i % 3 == 2 ? 100 : 0;
		CHECK(settle(id, end));
		calm();
		note_done(s->other);
		restore(s);
		CHECK(agree(id, status));
		CHECK_STR(status, end);
		CHECK(mended(&A, id) + mended(&B, id) > 0);
		check_done(s->other);
		if (test_failed)
			return (void)printf("# %u: %s at %s\n", i, end, s->who.self);
	}
	check_clean(&A);
	check_clean(&B);
}

/* Only the job's row says RUNNING, its groups are DONE; long ago, so that the other party does not ask by itself. */
TEST(row_set_back)
{
	char id[UTIL_JOB_ID_MAX];

	both();
	for (int i = 0; i < 4; i++) {
		struct side *s = i % 2 ? &B : &A;

		new_job(&A, i < 2 ? &A : &B, id);
		until(&A, id, "SUCCESS");
		until(&B, id, "SUCCESS");
		exec_on(s, "UPDATE job SET status = 'RUNNING', ended_at = NULL WHERE job_id = ?", id);
		exec_on(s->other, "UPDATE job SET ended_at = ended_at - INTERVAL 1 DAY WHERE job_id = ?", id);
		note_done(s);
		agree_on(id, "SUCCESS");
		CHECK(mended(s, id) > 0);
		check_done(s);
		/* A SUCCESS stands over another end of the same epoch. */
		exec_on(s, "UPDATE job SET status = 'FAILED' WHERE job_id = ?", id);
		exec_on(s->other, "UPDATE job SET ended_at = UTC_TIMESTAMP(6) WHERE job_id = ?", id);
		agree_on(id, "SUCCESS");
	}
}

/* An older epoch at either party, with the newer one running or ended. */
TEST(older_epoch)
{
	both();
	for (unsigned i = 0; i < 8; i++) {
		struct side *leader = i % 2 ? &B : &A, *s = i & 2 ? leader : leader->other;
		char id[UTIL_JOB_ID_MAX], status[16] = "";
		struct errmsg em = { 0 };

		rng_state = i + 100;
		new_job(&A, leader, id);
		until_true(s, FIRST_DONE, id);
		until_true(s, RUNS, id);
		CHECK_INT(db_job_kill(leader->db, leader->who.self, id, "alice", &em), 0);
		CHECK(settle(id, status));
		CHECK_STR(status, "CANCELED");
		backup(s);
		CHECK_INT(db_job_rerun(leader->db, leader->who.self, id, "alice", 0, &em), 0);
		if (i & 4)
			CHECK(settle(id, status));
		else
			until_true(s, RUNS, id);
		note_done(s->other);
		restore(s);
		CHECK(agree(id, status));
		/* A leader that has forgotten a running epoch cannot know what ran in it. */
		CHECK_STR(status, i & 4 || s != leader ? "SUCCESS" : "FAILED");
		CHECK_INT(count_of(&A, "SELECT epoch FROM job WHERE job_id = ?", id), 1);
		CHECK_INT(count_of(&B, "SELECT epoch FROM job WHERE job_id = ?", id), 1);
		CHECK(mended(&A, id) + mended(&B, id) > 0);
		check_done(s->other);
		if (test_failed)
			return (void)printf("# %u\n", i);
	}
}

/* A group's older attempt at either party. */
TEST(older_attempt)
{
	both();
	for (unsigned i = 0; i < 8; i++) {
		struct side *leader = i % 2 ? &B : &A, *s = i & 2 ? leader : leader->other;
		char id[UTIL_JOB_ID_MAX], status[16] = "";

		rng_state = i + 300;
		calm();
		new_job(&A, leader, id);
		until_true(s, i & 4 ? WORKS : RUNS, id);
		backup(s);
		world.fail = 100;
		until_true(s, "SELECT COUNT(*) FROM job j JOIN job_group g ON g.job = j.id WHERE j.job_id = ? AND g.attempt > 0", id);
		calm();
		restore(s);
		CHECK(agree(id, status));
		/* A leader that committed an attempt and has forgotten the commit after a later one fails the job. */
		CHECK(strcmp(status, "SUCCESS") == 0 || (s == leader && strcmp(status, "FAILED") == 0));
		if (test_failed)
			return (void)printf("# %u: restored %s\n", i, s == leader ? "leader" : "follower");
	}
}

/* Lost messages, kills, failures, and backups of any moment: the parties always agree. */
TEST(storm_of_backups)
{
	unsigned sum[3] = { 0 };

	both();
	for (unsigned seed = 1; seed <= 20 && !test_failed; seed++) {
		struct side *s, *leader, *victim;
		char id[UTIL_JOB_ID_MAX], status[16] = "";
		unsigned at, back, kill_at;
		struct errmsg em = { 0 };

		calm();
		rng_state = seed * 104729;
		s = rnd(2) ? &A : &B;
		leader = rnd(2) ? &A : &B;
		victim = rnd(2) ? &A : &B;
		at = rnd(40);
		back = at + 1 + rnd(60);
		kill_at = rnd(3) ? 1000 : rnd(60);
		world.lose = rnd(30);
		world.fail = rnd(25);
		world.permanent = rnd(40);
		new_job(s, leader, id);
		for (unsigned i = 0; i <= back; i++) {
			if (i == at)
				backup(victim);
			if (i == kill_at)
				(void)!db_job_kill(s->db, s->who.self, id, "killer", &em);
			if (i == back) {
				note_done(victim->other);
				restore(victim);
			}
			if (rnd(2))
				turn(rnd(2) ? &A : &B);
			else
				one_round(rnd(2) ? &A : &B);
		}
		calm();
		CHECK(agree(id, status));
		check_done(victim->other);
		sum[*status == 'S' ? 0 : *status == 'F' ? 1 : 2]++;
		if (test_failed)
			printf("# seed %u: %s restored to %u at %u\n", seed, victim == leader ? "leader" : "follower", at, back);
	}
	printf("# storm: %u SUCCESS, %u FAILED, %u CANCELED\n", sum[0], sum[1], sum[2]);
	CHECK(sum[0] > 0 && sum[1] > 0 && sum[2] > 0);
	check_clean(&A);
	check_clean(&B);
	recon_free(recon[0]);
	recon_free(recon[1]);
}

/* Committed there: the outputs are staged under the epoch and attempt of that commit, which an old backup does not know. */
TEST(numbers_of_a_commit)
{
	char id[UTIL_JOB_ID_MAX];

	both();
	for (int i = 0; i < 4; i++) {
		struct side *leader = i % 2 ? &B : &A, *old = i < 2 ? leader : leader->other;

		new_job(leader, leader, id);
		agree_on(id, "SUCCESS");
		for (int k = 0; k < 2; k++)
			exec_on(k ? &B : &A, "UPDATE job j JOIN job_group g ON g.job = j.id SET j.epoch = 1, g.attempt = IF(g.idx = 0, 3, 1), "
				"g.epoch = IF(g.idx = 0, 0, 1) WHERE j.job_id = ?", id);
		exec_on(old, "UPDATE job j JOIN job_group g ON g.job = j.id JOIN task t ON t.job_group = g.id SET j.status = 'RUNNING', "
			"j.ended_at = NULL, g.state = IF(g.idx = 0, 'PREPARED', 'WAITING'), g.attempt = 0, g.epoch = 1, "
			"t.status = IF(g.idx = 0, 'PREPARED', 'INIT') WHERE j.job_id = ?", id);
		agree_on(id, "SUCCESS");
		CHECK_INT(count_of(old, "SELECT COUNT(*) FROM job j JOIN job_group g ON g.job = j.id WHERE j.job_id = ? AND g.state = 'DONE' AND "
				   "g.attempt = IF(g.idx = 0, 3, 1) AND g.epoch = IF(g.idx = 0, 0, 1)", id), 2);
	}
}

DBFIX_MAIN(CASE(numbers_of_a_commit), CASE(submit_lost), CASE(acceptance_lost), CASE(each_message_lost), CASE(kill_lost), CASE(tombstones), CASE(forgotten),
	   CASE(ended_here_running_there), CASE(row_set_back), CASE(older_epoch), CASE(older_attempt), CASE(storm_of_backups))
