#include "db/db.h"

#include <errno.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/util.h"
#include "db/db_impl.h"

#define ARGS_MAX 48
#define TX_TRIES 12

struct db_arg db_i(int64_t v)
{
	return (struct db_arg){ .type = DB_INT, .i = v };
}

struct db_arg db_d(double v)
{
	return (struct db_arg){ .type = DB_DOUBLE, .d = v };
}

struct db_arg db_s(const char *text)
{
	return (struct db_arg){ .type = text ? DB_TEXT : DB_NULL, .p = text, .len = text ? strlen(text) : 0 };
}

struct db_arg db_b(const void *data, size_t len)
{
	return (struct db_arg){ .type = data ? DB_BLOB : DB_NULL, .p = data, .len = len };
}

/* --- connection -------------------------------------------------------- */

static void rows_free(struct db_rows *r)
{
	if (!r)
		return;
	if (r->stmt)
		mysql_stmt_close(r->stmt);
	for (unsigned i = 0; i < r->ncol; i++)
		free(r->col[i].data);
	free(r->col);
	free(r->bind);
	free(r);
}

static void disconnect(struct db *db)
{
	for (size_t i = 0; i < STMT_SLOTS; i++) {
		rows_free(db->slot[i]);
		db->slot[i] = NULL;
	}
	if (db->conn)
		mysql_close(db->conn);
	db->conn = NULL;
	db->in_tx = 0;
}

static void library_init(void)
{
	if (mysql_library_init(0, NULL, NULL) != 0)
		abort();
}

static int connect_now(struct db *db, struct errmsg *em)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static const char init[] = "SET time_zone='+00:00', tx_isolation='READ-COMMITTED', "
		"sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', "
		"innodb_lock_wait_timeout=10";
	const struct db_uri *u = &db->uri;
	unsigned connect_s = 5, io_s = 30;

	pthread_once(&once, library_init);
	disconnect(db);
	db->conn = mysql_init(NULL);
	if (!db->conn)
		return ERR_NOMEM;
	mysql_options(db->conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(db->conn, MYSQL_INIT_COMMAND, init);
	mysql_options(db->conn, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_options(db->conn, MYSQL_OPT_READ_TIMEOUT, &io_s);
	mysql_options(db->conn, MYSQL_OPT_WRITE_TIMEOUT, &io_s);
	if (!mysql_real_connect(db->conn, u->host[0] ? u->host : NULL, u->user[0] ? u->user : NULL,
				u->password[0] ? u->password : NULL, u->db, u->port,
				u->socket[0] ? u->socket : NULL, CLIENT_FOUND_ROWS)) {
		errmsg_set(em, ERR_DB, "DATABASE_AWAY", "the database is away");
		errmsg_local(em, "the database '%s' at %s is away: %s", u->db,
			     u->socket[0] ? u->socket : u->host[0] ? u->host : "localhost", mysql_error(db->conn));
		mysql_close(db->conn);
		db->conn = NULL;
		return ERR_DB;
	}
	db->lost = 0;
	return 0;
}

int db_open(struct db **out, const char *uri, struct errmsg *em)
{
	struct db *db = calloc(1, sizeof(*db));
	int rc = ERR_NOMEM;

	*out = NULL;
	if (!db)
		return ERR_NOMEM;
	TRY(db_uri_parse(&db->uri, uri, em));
	TRY(connect_now(db, em));
	*out = db;
	return 0;
out:
	db_close(db);
	return rc;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	disconnect(db);
	explicit_bzero(&db->uri, sizeof(db->uri));
	free(db);
}

/* A lost connection outside a transaction is opened again before the next statement. */
static int ready(struct db *db)
{
	struct errmsg em;

	if (db->conn && !db->lost)
		return 0;
	if (db->in_tx)
		return ERR_DB_RETRY;
	if (connect_now(db, &em) != 0) {
		log_warning("%s", em.local);
		return ERR_DB_RETRY;
	}
	return 0;
}

/* Sorts the server's error number into retry, conflict, hard. */
static int classify(struct db *db, unsigned no, const char *text, const char *sql)
{
	db->duplicate = 0;
	switch (no) {
	case ER_DUP_ENTRY:
		db->duplicate = 1;
		return ERR_CONFLICT;
	case ER_LOCK_WAIT_TIMEOUT:
	case ER_LOCK_DEADLOCK:
	case ER_CHECKREAD:
	case 1047:	/* Galera: this node is not in the primary component now */
		return ERR_DB_RETRY;
	case CR_SERVER_GONE_ERROR:
	case CR_SERVER_LOST:
	case CR_CONNECTION_ERROR:
	case CR_CONN_HOST_ERROR:
	case ER_SERVER_SHUTDOWN:
	case ER_CONNECTION_KILLED:
	case 1243:	/* unknown prepared statement: the server forgot it */
		db->lost = 1;
		return ERR_DB_RETRY;
	default:
		log_error("database error %u: %s (in: %.120s)", no, text, sql);
		return ERR_DB;
	}
}

int db_stmt_error(struct db_rows *r)
{
	return classify(r->db, mysql_stmt_errno(r->stmt), mysql_stmt_error(r->stmt), r->sql);
}

/* --- statements -------------------------------------------------------- */

static int is_int_type(enum enum_field_types t)
{
	return t == MYSQL_TYPE_TINY || t == MYSQL_TYPE_SHORT || t == MYSQL_TYPE_LONG ||
	       t == MYSQL_TYPE_LONGLONG || t == MYSQL_TYPE_INT24 || t == MYSQL_TYPE_YEAR;
}

void db_bind_column(struct db_rows *r, unsigned i)
{
	struct column *c = &r->col[i];
	MYSQL_BIND *b = &r->bind[i];

	memset(b, 0, sizeof(*b));
	b->is_null = &c->null;
	b->error = &c->error;
	b->length = &c->len;
	if (c->is_int) {
		b->buffer_type = MYSQL_TYPE_LONGLONG;
		b->buffer = &c->i;
	} else if (c->is_double) {
		b->buffer_type = MYSQL_TYPE_DOUBLE;
		b->buffer = &c->d;
	} else {
		b->buffer_type = MYSQL_TYPE_STRING;
		b->buffer = c->data;
		b->buffer_length = c->cap;
	}
}

static int bind_columns(struct db_rows *r, MYSQL_RES *meta)
{
	unsigned n = mysql_num_fields(meta);
	MYSQL_FIELD *f = mysql_fetch_fields(meta);

	r->col = calloc(n, sizeof(*r->col));
	r->bind = calloc(n, sizeof(*r->bind));
	if (!r->col || !r->bind)
		return ERR_NOMEM;
	r->ncol = n;
	for (unsigned i = 0; i < n; i++) {
		struct column *c = &r->col[i];

		c->is_int = is_int_type(f[i].type);
		c->is_double = f[i].type == MYSQL_TYPE_DOUBLE || f[i].type == MYSQL_TYPE_FLOAT;
		if (!c->is_int && !c->is_double) {
			c->cap = 256;
			c->data = malloc(c->cap + 1);
			if (!c->data)
				return ERR_NOMEM;
		}
		db_bind_column(r, i);
	}
	return mysql_stmt_bind_result(r->stmt, r->bind) ? db_stmt_error(r) : 0;
}

static int prepare(struct db *db, const char *sql, struct db_rows **out)
{
	struct db_rows *r = calloc(1, sizeof(*r));
	MYSQL_RES *meta = NULL;
	int rc = ERR_NOMEM;

	if (!r)
		return ERR_NOMEM;
	r->db = db;
	r->sql = sql;
	r->stmt = mysql_stmt_init(db->conn);
	if (!r->stmt)
		goto out;
	if (mysql_stmt_prepare(r->stmt, sql, strlen(sql))) {
		rc = db_stmt_error(r);
		goto out;
	}
	meta = mysql_stmt_result_metadata(r->stmt);
	if (meta)
		TRY(bind_columns(r, meta));
	*out = r;
	r = NULL;
	rc = 0;
out:
	if (meta)
		mysql_free_result(meta);
	rows_free(r);
	return rc;
}

/* The statement of this literal, prepared at most once per connection. */
static int statement(struct db *db, const char *sql, struct db_rows **out)
{
	size_t h = ((uintptr_t)sql >> 3) * 2654435761u;

	for (size_t k = 0; k < STMT_SLOTS; k++) {
		struct db_rows **s = &db->slot[(h + k) & (STMT_SLOTS - 1)];
		int rc;

		if (*s && (*s)->sql != sql)
			continue;
		if (!*s && (rc = prepare(db, sql, s)) != 0)
			return rc;
		*out = *s;
		return 0;
	}
	log_error("more than %d statements: raise STMT_SLOTS", STMT_SLOTS);
	return ERR_INTERNAL;
}

static int bind_args(struct db_rows *r, const struct db_arg *args, size_t count)
{
	MYSQL_BIND b[ARGS_MAX];

	if (count > ARGS_MAX || mysql_stmt_param_count(r->stmt) != count) {
		log_error("%zu arguments for %lu placeholders (in: %.120s)", count,
			  mysql_stmt_param_count(r->stmt), r->sql);
		return ERR_INTERNAL;
	}
	memset(b, 0, sizeof(b));
	for (size_t i = 0; i < count; i++) {
		static const enum enum_field_types type[] = {
			[DB_NULL] = MYSQL_TYPE_NULL, [DB_INT] = MYSQL_TYPE_LONGLONG, [DB_DOUBLE] = MYSQL_TYPE_DOUBLE,
			[DB_TEXT] = MYSQL_TYPE_STRING, [DB_BLOB] = MYSQL_TYPE_BLOB,
		};
		const struct db_arg *a = &args[i];
		/* The library only reads through this pointer. */
		const void *p = a->type == DB_INT ? (const void *)&a->i : a->type == DB_DOUBLE ? (const void *)&a->d : a->p;

		b[i].buffer_type = type[a->type];
		memcpy(&b[i].buffer, &p, sizeof(p));
		b[i].buffer_length = a->len;
	}
	/* bind_param copies the array, but not what it points to: execute follows at once. */
	if (count && mysql_stmt_bind_param(r->stmt, b))
		return db_stmt_error(r);
	return mysql_stmt_execute(r->stmt) ? db_stmt_error(r) : 0;
}

static int run(struct db *db, struct db_rows **out, const char *sql, const struct db_arg *args, size_t count)
{
	struct db_rows *r;
	int rc;

	TRY(ready(db));
	TRY(statement(db, sql, &r));
	if (r->open) {
		log_error("a statement was run again while its rows were read (in: %.120s)", sql);
		rc = ERR_INTERNAL;
		goto out;
	}
	TRY(bind_args(r, args, count));
	db->affected = (int64_t)mysql_stmt_affected_rows(r->stmt);
	db->insert_id = (int64_t)mysql_stmt_insert_id(r->stmt);
	*out = r;
out:
	return rc;
}

int db_exec(struct db *db, const char *sql, const struct db_arg *args, size_t count)
{
	struct db_rows *r;

	return run(db, &r, sql, args, count);
}

int db_exec_one(struct db *db, const char *sql, const struct db_arg *args, size_t count)
{
	int rc = db_exec(db, sql, args, count);

	if (rc == 0 && db->affected != 1) {
		db->duplicate = 0;
		rc = ERR_CONFLICT;
	}
	return rc;
}

static int query_once(struct db *db, struct db_rows **out, const char *sql, const struct db_arg *args, size_t count)
{
	struct db_rows *r;
	int rc;

	TRY(run(db, &r, sql, args, count));
	if (mysql_stmt_store_result(r->stmt)) {
		rc = db_stmt_error(r);
		goto out;
	}
	r->open = 1;
	*out = r;
out:
	return rc;
}

int db_query(struct db *db, struct db_rows **out, const char *sql, const struct db_arg *args, size_t count)
{
	int rc;

	*out = NULL;
	rc = query_once(db, out, sql, args, count);
	if (rc == ERR_DB_RETRY && !db->in_tx)
		rc = query_once(db, out, sql, args, count);
	return rc;
}

int db_query_int(struct db *db, int64_t *out, const char *sql, const struct db_arg *args, size_t count)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, sql, args, count));
	rc = db_next(r);
	if (rc > 0)
		*out = db_int(r, 0);
	rc = rc > 0 ? 0 : rc == 0 ? ERR_NOTFOUND : rc;
out:
	db_done(r);
	return rc;
}

int db_raw(struct db *db, const char *sql, size_t len, struct errmsg *em)
{
	MYSQL_RES *res;

	if (ready(db) != 0)
		return errmsg_set(em, ERR_DB, "DATABASE_AWAY", "the database is away");
	if (mysql_real_query(db->conn, sql, len))
		return errmsg_set(em, ERR_DB, "SQL", "%s", mysql_error(db->conn));
	res = mysql_store_result(db->conn);
	if (res)
		mysql_free_result(res);
	return 0;
}

int db_ping(struct db *db)
{
	int64_t one;

	return db_query_int(db, &one, "SELECT 1", DB_NOARGS);
}

int64_t db_affected(const struct db *db)
{
	return db->affected;
}

int64_t db_insert_id(const struct db *db)
{
	return db->insert_id;
}

int db_duplicate(const struct db *db)
{
	return db->duplicate;
}

/* --- transactions ------------------------------------------------------ */

void db_test_lose_commit(struct db *db, int count, int after)
{
	db->lose_commits = count;
	db->lose_after = after;
}

static int simple(struct db *db, const char *sql)
{
	if (!db->conn || db->lost)
		return ERR_DB_RETRY;
	return mysql_query(db->conn, sql) ? classify(db, mysql_errno(db->conn), mysql_error(db->conn), sql) : 0;
}

static int commit(struct db *db)
{
	int rc = 0, lose = db->lose_commits > 0 && db->lose_commits--;

	if (!lose || db->lose_after)
		rc = simple(db, "COMMIT");
	if (lose) {
		db->lost = 1;
		rc = ERR_DB_RETRY;
	}
	return rc;
}

/* Random and growing, so that two transactions that met once do not meet again in step. */
static void back_off(int try)
{
	unsigned r;
	long ms;

	util_random(&r, sizeof(r));
	ms = 1 + (long)(r % (unsigned)(4 << (try < 8 ? try : 8)));
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* The connection went away during COMMIT: 1 landed, 0 run again, < 0 error. */
static int resolve(struct db *db, db_tx_fn *landed, void *arg)
{
	db->in_tx = 0;
	for (int try = 0; try < TX_TRIES; try++) {
		int rc = ready(db);

		if (rc == 0)
			rc = landed ? landed(db, arg) : 0;
		if (rc != ERR_DB_RETRY)
			return rc;
		back_off(try);
	}
	log_error("the database stayed away after a COMMIT whose outcome is not known");
	return ERR_DB;
}

static int tx_once(struct db *db, db_tx_fn *run_fn, db_tx_fn *landed, void *arg)
{
	int rc;

	TRY(ready(db));
	TRY(simple(db, "START TRANSACTION"));
	db->in_tx = 1;
	rc = run_fn(db, arg);
	if (rc == 0) {
		rc = commit(db);
		if (rc == ERR_DB_RETRY && db->lost) {
			rc = resolve(db, landed, arg);
			rc = rc > 0 ? 0 : rc == 0 ? ERR_DB_RETRY : rc;
			goto out;
		}
	}
	if (rc != 0 && !db->lost && simple(db, "ROLLBACK") != 0)
		db->lost = 1;
out:
	db->in_tx = 0;
	return rc;
}

int db_tx(struct db *db, db_tx_fn *run_fn, db_tx_fn *landed, void *arg)
{
	int rc = ERR_DB;

	if (db->in_tx) {
		log_error("a transaction inside a transaction");
		return ERR_INTERNAL;
	}
	for (int try = 0; try < TX_TRIES; try++) {
		rc = tx_once(db, run_fn, landed, arg);
		if (rc != ERR_DB_RETRY)
			return rc;
		back_off(try);
	}
	log_error("the database refused a transaction %d times", TX_TRIES);
	return ERR_DB;
}
