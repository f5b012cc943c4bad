/*
 * pet-migrate: brings a database to the newest schema. Numbered files are
 * applied in order under a named lock, each recorded with its digest and the
 * number of statements done, so it may run twice, from two machines at once,
 * and again after it was killed half-way.
 */
#include <dirent.h>
#include <getopt.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/util.h"
#include "db/accounts.h"
#include "db/db.h"
#include "db/db_uri.h"
#include "db/split.h"

#define MIGRATIONS_MAX 1000
#define FILE_MAX_BYTES (4 << 20)
#define LOCK_SECONDS 120

struct migration {
	char name[128];
	char digest[65];
	struct buf text;
	int64_t done;		/* statements that the database has seen */
	int known, complete;
};

struct set {
	struct migration m[MIGRATIONS_MAX];
	size_t count;
};

struct options {
	int accounts, verify;
	struct accounts_how how;
	const char *dir;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct migration *)a)->name, ((const struct migration *)b)->name);
}

/* NNNN_name.sql */
static int is_migration(const char *name)
{
	size_t n = strlen(name);

	return n > 9 && n < sizeof(((struct migration *)0)->name) && strspn(name, "0123456789") == 4 &&
	       name[4] == '_' && strcmp(name + n - 4, ".sql") == 0;
}

static int load_file(struct migration *m, const char *dir, const char *name, struct errmsg *em)
{
	unsigned char sum[SHA256_DIGEST_LENGTH];
	struct buf path = { 0 };
	int rc;

	snprintf(m->name, sizeof(m->name), "%s", name);
	TRY(buf_fmt(&path, "%s/%s", dir, name));
	rc = util_read_file(&m->text, path.data, FILE_MAX_BYTES);
	if (rc != 0) {
		errmsg_set(em, rc, "BAD_MIGRATION", "%s cannot be read", path.data);
		goto out;
	}
	SHA256((const unsigned char *)m->text.data, m->text.len, sum);
	util_hex(m->digest, sum, sizeof(sum));
out:
	buf_free(&path);
	return rc;
}

static int check_numbers(const struct set *s, struct errmsg *em)
{
	for (size_t i = 0; i < s->count; i++)
		if (atoi(s->m[i].name) != (int)i + 1)
			return errmsg_set(em, ERR_INPUT, "BAD_MIGRATION",
					  "migration %04zu is missing or there twice (found %s)", i + 1, s->m[i].name);
	return 0;
}

static int load(struct set *s, const char *dir, struct errmsg *em)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return errmsg_set(em, ERR_INPUT, "BAD_MIGRATION", "the folder of migrations cannot be read: %s (PET_SQL_DIR)", dir);
	while ((e = readdir(d)) != NULL && rc == 0) {
		if (!is_migration(e->d_name))
			continue;
		if (s->count == MIGRATIONS_MAX)
			rc = errmsg_set(em, ERR_INPUT, "BAD_MIGRATION", "more than %d migrations", MIGRATIONS_MAX);
		else
			rc = load_file(&s->m[s->count++], dir, e->d_name, em);
	}
	closedir(d);
	if (rc == 0 && s->count == 0)
		rc = errmsg_set(em, ERR_INPUT, "BAD_MIGRATION", "no NNNN_name.sql in %s (PET_SQL_DIR)", dir);
	if (rc == 0) {
		qsort(s->m, s->count, sizeof(s->m[0]), by_name);
		rc = check_numbers(s, em);
	}
	return rc;
}

static const char table_sql[] =
	"CREATE TABLE IF NOT EXISTS schema_migration ("
	" name VARCHAR(128) NOT NULL PRIMARY KEY,"
	" digest CHAR(64) CHARACTER SET ascii NOT NULL,"
	" statements INT NOT NULL COMMENT 'applied so far',"
	" complete TINYINT NOT NULL DEFAULT 0,"
	" applied_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))"
	" COMMENT 'which files of sql/ this database has seen'";

/* What the database knows of one file; an edited landed file is refused. */
static int look_up(struct db *db, struct migration *m, struct errmsg *em)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT digest, statements, complete FROM schema_migration WHERE name = ?",
		     DB_ARGS(db_s(m->name))));
	rc = db_next(r);
	if (rc <= 0)
		goto out;
	m->known = 1;
	m->done = db_int(r, 1);
	m->complete = db_int(r, 2) != 0;
	rc = 0;
	if (strcmp(db_text(r, 0), m->digest) != 0)
		rc = errmsg_set(em, ERR_CONFLICT, "MIGRATION_EDITED",
				"%s was edited after this database applied it; restore the file and write a new migration",
				m->name);
out:
	db_done(r);
	return rc;
}

/* A newer program has been here: its schema may lack what this one needs. */
static int check_newer(struct db *db, const struct set *s, struct errmsg *em)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT name FROM schema_migration WHERE name > ? ORDER BY name LIMIT 1",
		     DB_ARGS(db_s(s->m[s->count - 1].name))));
	rc = db_next(r);
	if (rc > 0)
		rc = errmsg_set(em, ERR_CONFLICT, "SCHEMA_NEWER",
				"the database has %s, which this version does not know: use the newer version", db_text(r, 0));
out:
	db_done(r);
	return rc;
}

struct apply {
	struct db *db;
	struct migration *m;
	int64_t index;
	struct errmsg *em;
};

static int apply_statement(const char *sql, size_t len, void *arg)
{
	struct apply *a = arg;
	struct errmsg em;
	int rc;

	if (a->index++ < a->m->done)
		return 0;
	rc = db_raw(a->db, sql, len, &em);
	/* After a kill between a statement and its record, the first one left may be there already. */
	if (rc != 0 && a->m->known && a->index == a->m->done + 1 && strstr(em.local, "already exists"))
		rc = 0;
	if (rc != 0) {
		errmsg_set(a->em, rc, "MIGRATION_FAILED", "%s, statement %lld: %s", a->m->name,
			   (long long)a->index, em.local);
		return rc;
	}
	return db_exec(a->db, "UPDATE schema_migration SET statements = ? WHERE name = ?",
		       DB_ARGS(db_i(a->index), db_s(a->m->name)));
}

static int count_statement(const char *sql, size_t len, void *arg)
{
	(void)sql;
	(void)len;
	++*(int64_t *)arg;
	return 0;
}

static int apply(struct db *db, struct migration *m, struct errmsg *em)
{
	struct apply a = { .db = db, .m = m, .em = em };
	int64_t statements = 0;
	int rc;

	/* The whole file is read before its first statement runs. */
	TRY(split_sql(m->text.data, m->text.len, m->name, count_statement, &statements, em));
	if (!m->known)
		TRY(db_exec(db, "INSERT INTO schema_migration (name, digest, statements) VALUES (?, ?, 0)",
			    DB_ARGS(db_s(m->name), db_s(m->digest))));
	TRY(split_sql(m->text.data, m->text.len, m->name, apply_statement, &a, em));
	TRY(db_exec(db, "UPDATE schema_migration SET complete = 1, applied_at = CURRENT_TIMESTAMP(6) WHERE name = ?",
		    DB_ARGS(db_s(m->name))));
	log_info("%s applied, %lld statements", m->name, (long long)statements);
out:
	return rc;
}

static int apply_all(struct db *db, struct set *s, const struct options *o, struct errmsg *em)
{
	size_t pending = 0;
	int rc = 0;

	TRY(check_newer(db, s, em));
	for (size_t i = 0; i < s->count; i++) {
		TRY(look_up(db, &s->m[i], em));
		if (s->m[i].complete)
			continue;
		pending++;
		if (o->verify)
			printf("pending %s\n", s->m[i].name);
		else
			TRY(apply(db, &s->m[i], em));
	}
	if (o->verify && pending)
		rc = errmsg_set(em, ERR_CONFLICT, "SCHEMA_OLDER", "%zu migrations are not applied; run pet-migrate", pending);
out:
	return rc;
}

static int migrate(struct db *db, struct set *s, const struct options *o, struct errmsg *em)
{
	int64_t locked = 0;
	int rc;

	/* The lock's name holds the database's: several parties may share a server. */
	rc = db_query_int(db, &locked, "SELECT GET_LOCK(CONCAT('pet-migrate.', DATABASE()), ?)", DB_ARGS(db_i(LOCK_SECONDS)));
	if (rc != 0 || locked != 1)
		return errmsg_set(em, ERR_BUSY, "LOCKED", "another pet-migrate holds this database for %d s already", LOCK_SECONDS);
	if (!o->verify)
		TRY(db_raw(db, table_sql, sizeof(table_sql) - 1, em));
	TRY(apply_all(db, s, o, em));
	if (o->accounts) {
		struct db_uri u;

		TRY(db_uri_parse(&u, conf_get("PLATFORM_DB_URI", ""), em));
		rc = o->how.private_socket ? accounts_private(u.socket, em) : 0;
		if (rc == 0)
			rc = accounts_apply(db, u.db, &o->how, em);
		explicit_bzero(&u, sizeof(u));
	}
out:
	if (db_query_int(db, &locked, "SELECT RELEASE_LOCK(CONCAT('pet-migrate.', DATABASE()))", DB_NOARGS) != 0)
		log_warning("the lock was not given back; it ends with this connection");
	return rc;
}

static void usage(FILE *f)
{
	fputs("usage: pet-migrate [--verify] [--accounts [--host HOST | --private-socket]]\n"
	      "Applies sql/NNNN_*.sql to PLATFORM_DB_URI, which must name an account that may do so.\n"
	      "  --verify    change nothing; status 1 when a migration is pending or was edited\n"
	      "  --accounts  create or update pet_api, pet_sched and pet_dba. They authenticate as the\n"
	      "              operating system's user of the same name over the socket, or by\n"
	      "              PET_API_DB_PASSWORD, PET_SCHED_DB_PASSWORD, PET_DBA_DB_PASSWORD when set.\n"
	      "              --private-socket: neither, since only this user can reach the server's socket\n"
	      "Folder of the migrations: PET_SQL_DIR.\n", f);
}

static int parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "accounts", no_argument, NULL, 'a' }, { "host", required_argument, NULL, 'h' },
		{ "private-socket", no_argument, NULL, 'p' }, { "verify", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, '?' }, { 0 },
	};
	int c;

	o->how.host = "localhost";
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'a')
			o->accounts = 1;
		else if (c == 'p')
			o->how.private_socket = 1;
		else if (c == 'h')
			o->how.host = optarg;
		else if (c == 'v')
			o->verify = 1;
		else
			return ERR_INPUT;
	}
	return optind == argc ? 0 : ERR_INPUT;
}

static int work(struct options *o, struct set *s, struct errmsg *em)
{
	struct db *db = NULL;
	const char *uri;
	int rc;

	TRY(conf_init(em));
	o->dir = conf_get("PET_SQL_DIR", PET_DATADIR "/sql");
	o->how.password[0] = conf_get("PET_API_DB_PASSWORD", NULL);
	o->how.password[1] = conf_get("PET_SCHED_DB_PASSWORD", NULL);
	o->how.password[2] = conf_get("PET_DBA_DB_PASSWORD", NULL);
	TRY(load(s, o->dir, em));
	TRY(conf_need("PLATFORM_DB_URI", &uri, em));
	TRY(db_open(&db, uri, em));
	rc = migrate(db, s, o, em);
out:
	db_close(db);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct set *s = calloc(1, sizeof(*s));
	struct errmsg em = { .local = "internal error" };
	int rc;

	log_init("pet-migrate");
	if (!s)
		return 71;
	if (parse(&o, argc, argv) != 0) {
		usage(argc > 1 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
		free(s);
		return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 64;
	}
	rc = work(&o, s, &em);
	if (rc != 0)
		log_error("%s", em.local);
	for (size_t i = 0; i < s->count; i++)
		buf_free(&s->m[i].text);
	free(s);
	conf_fini();
	return rc != 0;
}
