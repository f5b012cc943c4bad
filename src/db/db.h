/*
 * One connection to this party's MariaDB: prepared statements by literal,
 * typed arguments and columns, one transaction runner. mysql.h stays in db.c.
 *
 * A connection belongs to one thread. Every session runs in UTC with
 * READ COMMITTED: state changes are compare-and-set on rows locked first.
 */
#ifndef PET_DB_DB_H
#define PET_DB_DB_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct db;
struct db_rows;	/* the rows of one statement; the same statement may not be run again before db_done */

enum db_arg_type { DB_NULL, DB_INT, DB_DOUBLE, DB_TEXT, DB_BLOB };

struct db_arg {
	enum db_arg_type type;
	int64_t i;
	double d;
	const void *p;
	size_t len;
};

struct db_arg db_i(int64_t v);
struct db_arg db_d(double v);
struct db_arg db_s(const char *text);			/* NULL becomes SQL's NULL */
struct db_arg db_b(const void *data, size_t len);
#define DB_ARGS(...) (const struct db_arg[]){ __VA_ARGS__ }, \
	(sizeof((const struct db_arg[]){ __VA_ARGS__ }) / sizeof(struct db_arg))
#define DB_NOARGS NULL, 0

/* PLATFORM_DB_URI, see db_uri.h. A database that is away is ERR_DB with the reason. Owned: db_close. */
int db_open(struct db **out, const char *uri, struct errmsg *em) PET_MUST_USE;
void db_close(struct db *db);
/* 0 when the server answers; reconnects when needed. */
int db_ping(struct db *db) PET_MUST_USE;

/*
 * `sql` must be a string literal (the cache of prepared statements goes by its
 * address). ERR_DB_RETRY: deadlock, lock timeout, connection lost; let db_tx retry.
 * Outside a transaction db_query reconnects once by itself.
 */
int db_exec(struct db *db, const char *sql, const struct db_arg *args, size_t count) PET_MUST_USE;
/* Compare-and-set: exactly one row must match, otherwise ERR_CONFLICT. */
int db_exec_one(struct db *db, const char *sql, const struct db_arg *args, size_t count) PET_MUST_USE;
int db_query(struct db *db, struct db_rows **out, const char *sql,
	     const struct db_arg *args, size_t count) PET_MUST_USE;
/* Query whose first row's first column is an integer; ERR_NOTFOUND without a row. NULL reads as 0. */
int db_query_int(struct db *db, int64_t *out, const char *sql,
		 const struct db_arg *args, size_t count) PET_MUST_USE;
/* Statements that cannot be prepared (LOCK, CREATE USER, …), for pet-migrate only. Never with a user's values. */
int db_raw(struct db *db, const char *sql, size_t len, struct errmsg *em) PET_MUST_USE;

/* Rows that the last db_exec matched, and the id that it made. */
int64_t db_affected(const struct db *db);
int64_t db_insert_id(const struct db *db);
/* 1 when the last error was a duplicate key: db_exec returned ERR_CONFLICT for it. */
int db_duplicate(const struct db *db);

/* 1: a row, 0: the end, < 0: an error. Columns count from 0; texts are borrowed until the next call. */
int db_next(struct db_rows *r) PET_MUST_USE;
void db_done(struct db_rows *r);	/* NULL is fine */
int64_t db_int(struct db_rows *r, unsigned col);
double db_double(struct db_rows *r, unsigned col);
const char *db_text(struct db_rows *r, unsigned col);	/* "" for NULL */
size_t db_len(struct db_rows *r, unsigned col);
int db_is_null(struct db_rows *r, unsigned col);
/* `YYYY-MM-DD hh:mm:ss.ffffff` as RFC 3339 UTC, "" for NULL. */
#define DB_TIME_MAX 40
void db_time(struct db_rows *r, unsigned col, char out[DB_TIME_MAX]);

/*
 * The transaction runner. `run` returns 0 (commit), ERR_DB_RETRY (roll back,
 * wait, run again) or another error (roll back, return it): it must keep no
 * effect outside the database and may be called several times.
 *
 * A connection lost during COMMIT leaves two possibilities. The runner then
 * reconnects and calls `landed`, which reads the row by its id and returns 1
 * (it was committed), 0 (it was not: run again) or an error. With landed NULL,
 * `run` itself is called again: only for callbacks that lock and read their
 * row first and take their own change, found done, as success.
 */
typedef int db_tx_fn(struct db *db, void *arg);
int db_tx(struct db *db, db_tx_fn *run, db_tx_fn *landed, void *arg) PET_MUST_USE;

/* For tests: the next `count` COMMITs lose their connection, after (1) or before (0) the server saw them. */
void db_test_lose_commit(struct db *db, int count, int after);

#endif
