/*
 * A private MariaDB for a C test, with migrated databases `a` and `b`:
 * DBFIX_MAIN(cases…) instead of TEST_MAIN. The cases run in a child process,
 * so that the server ends also when one of them dies.
 */
#ifndef PET_TESTS_UNIT_DBFIX_H
#define PET_TESTS_UNIT_DBFIX_H

#include <sys/wait.h>
#include <unistd.h>

#include "base/conf.h"
#include "db/db.h"
#include "test.h"

static char dbfix_dir[] = "/tmp/petdb.XXXXXX";

static inline int dbfix_shell(const char *script)
{
	char cmd[4096];

	snprintf(cmd, sizeof(cmd), "/bin/bash -c '. \"%s/tests/it/mariadb.sh\"; dir=%s; %s' >&2", getenv("abs_top_srcdir"), dbfix_dir,
		 script);
	return system(cmd);
}

static inline void dbfix_uri(const char *name, char out[256])
{
	char user[64] = "";
	FILE *p = popen("id -un", "r");

	if (p && fgets(user, sizeof(user), p))
		user[strcspn(user, "\n")] = '\0';
	if (p)
		pclose(p);
	snprintf(out, 256, "mysql:///%s?unix_socket=%s/db.sock&user=%s", name, dbfix_dir, user);
}

static inline struct db *dbfix_open(const char *name)
{
	struct errmsg em = { 0 };
	struct db *db = NULL;
	char uri[256];

	dbfix_uri(name, uri);
	if (db_open(&db, uri, &em) != 0) {
		printf("Bail out! %s\n", em.local);
		exit(1);
	}
	return db;
}

static inline int64_t dbfix_int(struct db *db, const char *literal)
{
	int64_t v = -1;

	return db_query_int(db, &v, literal, DB_NOARGS) == 0 ? v : -1;
}

static inline int dbfix_start(void)
{
	return dbfix_shell("set -e; mariadb_start $dir --innodb-flush-log-at-trx-commit=0; export PET_CONF=/dev/null "
			   "PET_SQL_DIR=$abs_top_srcdir/sql; for d in a b; do mariadb_create $dir $d; "
			   "PLATFORM_DB_URI=$(mariadb_root_uri $dir $d) $abs_top_builddir/pet-migrate; done");
}

static inline int dbfix_main(int (*cases)(void))
{
	int status = 1, started;
	pid_t pid;

	if (!getenv("abs_top_srcdir") || !getenv("abs_top_builddir") || !mkdtemp(dbfix_dir)) {
		printf("Bail out! run by make check (abs_top_srcdir, abs_top_builddir)\n");
		return 1;
	}
	started = dbfix_start() == 0;
	if (!started)
		printf("Bail out! no private MariaDB\n");
	fflush(stdout);
	pid = started ? fork() : -1;
	if (pid == 0)
		exit(cases());
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (dbfix_shell("mariadb_stop $dir; rm -rf $dir") != 0)
		printf("# the private MariaDB did not end well\n");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

#define DBFIX_MAIN(...) \
static int dbfix_cases(void) \
{ \
	static const struct test_case cases[] = { __VA_ARGS__ }; \
	size_t count = sizeof(cases) / sizeof(cases[0]), bad = 0; \
	setvbuf(stdout, NULL, _IOLBF, 0); \
	printf("1..%zu\n", count); \
	for (size_t i = 0; i < count; i++) { \
		test_failed = 0; \
		cases[i].run(); \
		printf("%s %zu - %s\n", test_failed ? "not ok" : "ok", i + 1, cases[i].name); \
		bad += test_failed != 0; \
	} \
	return bad != 0; \
} \
int main(void) { return dbfix_main(dbfix_cases); }

#endif
