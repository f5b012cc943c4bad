/* The connection and its transaction runner, against a real server. */
#include "db/db.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/util.h"
#include "db/db_token.h"
#include "dbfix.h"

TEST(types)
{
	struct db *db = dbfix_open("a");
	static char big[300000];
	struct db_rows *r = NULL;
	char when[DB_TIME_MAX];

	memset(big, 'x', sizeof(big) - 1);
	CHECK_INT(db_query(db, &r, "SELECT ?, ?, ?, ?, ?, NULL, CAST('2026-01-02 03:04:05.678901' AS DATETIME(6))",
			   DB_ARGS(db_i(-7), db_d(2.5), db_s("it's"), db_b("\0\1", 2), db_s(big))), 0);
	CHECK_INT(db_next(r), 1);
	CHECK_INT(db_int(r, 0), -7);
	CHECK(db_double(r, 1) == 2.5);
	CHECK_STR(db_text(r, 2), "it's");
	CHECK_INT(db_len(r, 3), 2);
	CHECK(memcmp(db_text(r, 3), "\0\1", 2) == 0);
	CHECK_INT(db_len(r, 4), sizeof(big) - 1);
	CHECK_STR(db_text(r, 4), big);
	CHECK(db_is_null(r, 5) && !db_is_null(r, 0));
	CHECK_STR(db_text(r, 5), "");
	db_time(r, 6, when);
	CHECK_STR(when, "2026-01-02T03:04:05.678901Z");
	CHECK_INT(db_next(r), 0);
	db_done(r);
	db_done(r);
	db_close(db);
}

/* A value longer than the buffer in one row, a short one in the next. */
TEST(growing_rows)
{
	struct db *db = dbfix_open("a");
	struct db_rows *r = NULL;

	CHECK_INT(db_query(db, &r, "SELECT REPEAT('a', 5000) UNION ALL SELECT 'b' UNION ALL SELECT REPEAT('c', 9000) UNION ALL SELECT NULL",
			   DB_NOARGS), 0);
	CHECK_INT(db_next(r), 1);
	CHECK_INT(db_len(r, 0), 5000);
	CHECK_INT(db_next(r), 1);
	CHECK_STR(db_text(r, 0), "b");
	CHECK_INT(db_next(r), 1);
	CHECK_INT(db_len(r, 0), 9000);
	CHECK(db_text(r, 0)[8999] == 'c' && db_text(r, 0)[9000] == '\0');
	CHECK_INT(db_next(r), 1);
	CHECK_INT(db_len(r, 0), 0);
	CHECK_INT(db_next(r), 0);
	db_done(r);
	db_close(db);
}

TEST(errors)
{
	struct db *db = dbfix_open("a"), *none = NULL;
	struct db_rows *r = NULL, *again = NULL;
	struct errmsg em = { 0 };
	int64_t v;

	CHECK_INT(db_exec(db, "SELECT nonsense FROM nowhere", DB_NOARGS), ERR_DB);
	CHECK_INT(db_exec(db, "SELECT ?", DB_NOARGS), ERR_INTERNAL);
	CHECK_INT(db_query_int(db, &v, "SELECT 1 FROM jti WHERE 1 = 0", DB_NOARGS), ERR_NOTFOUND);
	CHECK_INT(db_exec(db, "INSERT INTO setting VALUES ('k', 'v')", DB_NOARGS), 0);
	CHECK_INT(db_exec(db, "INSERT INTO setting VALUES ('k', 'w')", DB_NOARGS), ERR_CONFLICT);
	CHECK(db_duplicate(db));
	CHECK_INT(db_exec_one(db, "UPDATE setting SET value = 'v' WHERE name = 'k'", DB_NOARGS), 0);
	CHECK_INT(db_exec_one(db, "UPDATE setting SET value = 'v' WHERE name = 'nobody'", DB_NOARGS), ERR_CONFLICT);
	CHECK(!db_duplicate(db));
	CHECK_INT(db_exec(db, "DELETE FROM setting", DB_NOARGS), 0);
	for (int i = 0; i < 2; i++) {
		static const char sql[] = "SELECT 1";

		CHECK_INT(db_query(db, i ? &again : &r, sql, DB_NOARGS), i ? ERR_INTERNAL : 0);
	}
	db_done(r);
	CHECK_INT(db_open(&none, "mysql:///a?unix_socket=/nonexistent&password=hidden", &em), ERR_DB);
	CHECK(none == NULL && strstr(em.local, "hidden") == NULL);
	CHECK_HAS(em.local, "/nonexistent");
	db_close(db);
}

TEST(jti_once)
{
	struct db *db = dbfix_open("a");

	CHECK_INT(db_token_use(db, "party_b", "00112233445566778899aabbccddeeff", 4000000000), 0);
	CHECK_INT(db_token_use(db, "party_b", "00112233445566778899aabbccddeeff", 4000000000), ERR_CONFLICT);
	CHECK_INT(db_token_use(db, "party_c", "00112233445566778899aabbccddeeff", 4000000000), 0);
	CHECK_INT(db_token_use(db, "party_b", "00112233445566778899aabbccddee00", 1000), 0);
	CHECK_INT(dbfix_int(db, "SELECT COUNT(*) FROM jti WHERE exp < 2000"), 0);
	db_close(db);
}

/* --- transactions ------------------------------------------------------ */

struct add {
	const char *first, *second;
	int runs, fail;
	pthread_barrier_t *meet;
};

/* Two of these in opposite order, meeting between their two locks, deadlock for certain. */
static int add_tx(struct db *db, void *arg)
{
	struct add *a = arg;
	int rc;

	a->runs++;
	TRY(db_exec_one(db, "UPDATE setting SET value = value + 1 WHERE name = ?", DB_ARGS(db_s(a->first))));
	if (a->meet && a->runs == 1)
		pthread_barrier_wait(a->meet);
	TRY(db_exec_one(db, "UPDATE setting SET value = value + 1 WHERE name = ?", DB_ARGS(db_s(a->second))));
	rc = a->fail;
out:
	return rc;
}

static void *in_thread(void *arg)
{
	struct db *db = dbfix_open("a");
	int rc = db_tx(db, add_tx, NULL, arg);

	db_close(db);
	return (void *)(intptr_t)rc;
}

static void two_rows(struct db *db)
{
	CHECK_INT(db_exec(db, "REPLACE INTO setting VALUES ('x', '0'), ('y', '0')", DB_NOARGS), 0);
}

TEST(deadlock_is_retried)
{
	struct db *db = dbfix_open("a");
	pthread_barrier_t meet;
	pthread_t other;
	struct add xy = { .first = "x", .second = "y", .meet = &meet }, yx = { .first = "y", .second = "x", .meet = &meet };
	void *rc;

	two_rows(db);
	pthread_barrier_init(&meet, NULL, 2);
	CHECK_INT(pthread_create(&other, NULL, in_thread, &yx), 0);
	CHECK_INT(db_tx(db, add_tx, NULL, &xy), 0);
	pthread_join(other, &rc);
	CHECK_INT((intptr_t)rc, 0);
	CHECK_INT(xy.runs + yx.runs, 3);
	CHECK_INT(dbfix_int(db, "SELECT value + 0 FROM setting WHERE name = 'x'"), 2);
	CHECK_INT(dbfix_int(db, "SELECT value + 0 FROM setting WHERE name = 'y'"), 2);
	pthread_barrier_destroy(&meet);
	db_close(db);
}

TEST(hard_error_rolls_back)
{
	struct db *db = dbfix_open("a");
	struct add a = { .first = "x", .second = "y", .fail = ERR_CONFLICT };

	two_rows(db);
	CHECK_INT(db_tx(db, add_tx, NULL, &a), ERR_CONFLICT);
	CHECK_INT(a.runs, 1);
	CHECK_INT(dbfix_int(db, "SELECT SUM(value) FROM setting WHERE name IN ('x', 'y')"), 0);
	a.second = "nobody";
	CHECK_INT(db_tx(db, add_tx, NULL, &a), ERR_CONFLICT);
	CHECK_INT(dbfix_int(db, "SELECT SUM(value) FROM setting WHERE name IN ('x', 'y')"), 0);
	db_close(db);
}

static int asked;

static int landed(struct db *db, void *arg)
{
	int64_t v = 0;
	int rc = db_query_int(db, &v, "SELECT value + 0 FROM setting WHERE name = 'x'", DB_NOARGS);

	(void)arg;
	asked++;
	return rc == 0 ? v > 0 : rc;
}

/* The connection goes away in COMMIT: after the server saw it, nothing is done twice; before, it is done again. */
TEST(lost_commit)
{
	struct db *db = dbfix_open("a");

	for (int after = 0; after < 2; after++) {
		struct add a = { .first = "x", .second = "y" };

		two_rows(db);
		asked = 0;
		db_test_lose_commit(db, 1, after);
		CHECK_INT(db_tx(db, add_tx, landed, &a), 0);
		CHECK_INT(a.runs, after ? 1 : 2);
		CHECK_INT(asked, 1);
		CHECK_INT(dbfix_int(db, "SELECT value + 0 FROM setting WHERE name = 'x'"), 1);
		CHECK_INT(dbfix_int(db, "SELECT value + 0 FROM setting WHERE name = 'y'"), 1);
	}
	db_close(db);
}

static int kill_own_tx(struct db *db, void *arg)
{
	struct add *a = arg;
	int64_t id;
	int rc;

	if (a->runs++ == 0) {
		struct db *other = dbfix_open("a");
		char sql[64];

		TRY(db_query_int(db, &id, "SELECT CONNECTION_ID()", DB_NOARGS));
		snprintf(sql, sizeof(sql), "KILL %lld", (long long)id);
		CHECK_INT(db_raw(other, sql, strlen(sql), NULL), 0);
		db_close(other);
	}
	rc = db_exec_one(db, "UPDATE setting SET value = value + 1 WHERE name = 'x'", DB_NOARGS);
out:
	return rc;
}

TEST(lost_connection)
{
	struct db *db = dbfix_open("a");
	struct add a = { 0 };

	two_rows(db);
	CHECK_INT(db_tx(db, kill_own_tx, NULL, &a), 0);
	CHECK_INT(a.runs, 2);
	CHECK_INT(dbfix_int(db, "SELECT value + 0 FROM setting WHERE name = 'x'"), 1);
	CHECK_INT(db_ping(db), 0);
	db_close(db);
}

static int nested_tx(struct db *db, void *arg)
{
	return db_tx(db, add_tx, NULL, arg);
}

TEST(no_nesting)
{
	struct db *db = dbfix_open("a");
	struct add a = { .first = "x", .second = "y" };

	CHECK_INT(db_tx(db, nested_tx, NULL, &a), ERR_INTERNAL);
	CHECK_INT(a.runs, 0);
	db_close(db);
}

DBFIX_MAIN(CASE(types), CASE(growing_rows), CASE(errors), CASE(jti_once), CASE(deadlock_is_retried), CASE(hard_error_rolls_back),
	   CASE(lost_commit), CASE(lost_connection), CASE(no_nesting))
