#include "db/accounts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

enum { API, SCHED, DBA, ACCOUNTS };
static const char *const account_name[ACCOUNTS] = { "pet_api", "pet_sched", "pet_dba" };

/*
 * What each may do, by table. SELECT on everything is common to all three, but
 * the DBA's account sees no channel keys: its access to job_group is by view.
 */
static const struct right {
	int account;
	const char *privileges, *table;
} rights[] = {
	{ API, "INSERT, UPDATE", "job" },
	{ API, "INSERT, UPDATE", "job_group" },
	{ API, "INSERT, UPDATE", "task" },
	{ API, "INSERT, UPDATE, DELETE", "job_error" },
	{ API, "INSERT", "event" },
	{ API, "INSERT, UPDATE, DELETE", "outbox" },
	{ API, "INSERT, UPDATE", "tombstone" },
	{ API, "INSERT, UPDATE, DELETE", "reservation" },
	{ API, "UPDATE", "setting" },
	{ API, "INSERT, DELETE", "jti" },
	{ SCHED, "INSERT, UPDATE", "setting" },
	{ SCHED, "INSERT, UPDATE", "mission" },
	{ SCHED, "INSERT, UPDATE", "job" },
	{ SCHED, "INSERT, UPDATE", "job_group" },
	{ SCHED, "INSERT, UPDATE", "task" },
	{ SCHED, "INSERT, UPDATE, DELETE", "job_error" },
	{ SCHED, "INSERT, DELETE", "run" },
	{ SCHED, "UPDATE", "run" },
	{ SCHED, "INSERT", "event" },
	{ SCHED, "INSERT, UPDATE, DELETE", "outbox" },
	{ SCHED, "INSERT, UPDATE, DELETE", "tombstone" },
	{ SCHED, "INSERT, UPDATE, DELETE", "reservation" },
	{ SCHED, "INSERT, UPDATE, DELETE", "scheduler" },
	{ SCHED, "INSERT, UPDATE, DELETE", "output" },
	{ SCHED, "DELETE", "jti" },
	/* Grants are given by people: the DBA's account reads them, an administrator writes them. */
};

static const char *const tables[] = {
	"setting", "mission", "job", "job_group", "task", "job_error", "run", "event", "outbox", "tombstone",
	"reservation", "scheduler", "output", "data_grant", "jti", "schema_migration",
	"api_user",	/* written by people only, as data_grant is */
};
static const char *const views[] = { "v_job", "v_running", "v_timeline", "v_stuck", "v_group" };

static int quote(struct buf *b, const char *text)
{
	int rc = 0;

	TRY(buf_str(b, "'"));
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			TRY(buf_add(b, text, 1));
		TRY(buf_add(b, text, 1));
	}
	TRY(buf_str(b, "'"));
out:
	return rc;
}

static int run(struct db *db, struct buf *b, struct errmsg *em)
{
	int rc = db_raw(db, b->data, b->len, em);

	explicit_bzero(b->data, b->len);
	buf_clear(b);
	return rc;
}

static int user(struct buf *b, int account, const struct accounts_how *how)
{
	int rc;

	TRY(quote(b, account_name[account]));
	TRY(buf_str(b, "@"));
	TRY(quote(b, how->host));
out:
	return rc;
}

static int identified(struct buf *b, int account, const struct accounts_how *how)
{
	int rc;

	TRY(user(b, account, how));
	if (how->password[account]) {
		TRY(buf_str(b, " IDENTIFIED BY "));
		rc = quote(b, how->password[account]);
	} else if (how->private_socket) {
		rc = buf_str(b, " IDENTIFIED VIA mysql_native_password USING ''");
	} else {
		rc = buf_str(b, " IDENTIFIED VIA unix_socket");
	}
out:
	return rc;
}

static int create(struct db *db, struct buf *b, int account, const struct accounts_how *how, struct errmsg *em)
{
	int rc;

	TRY(buf_str(b, "CREATE USER IF NOT EXISTS "));
	TRY(identified(b, account, how));
	TRY(run(db, b, em));
	TRY(buf_str(b, "ALTER USER "));
	TRY(identified(b, account, how));
	TRY(run(db, b, em));
	TRY(buf_str(b, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM "));
	TRY(user(b, account, how));
	TRY(run(db, b, em));
out:
	return rc;
}

static int grant(struct db *db, struct buf *b, const char *privileges, const char *database, const char *table,
		 int account, const struct accounts_how *how, struct errmsg *em)
{
	int rc;

	TRY(buf_fmt(b, "GRANT %s ON `%s`.`%s` TO ", privileges, database, table));
	TRY(user(b, account, how));
	TRY(run(db, b, em));
out:
	return rc;
}

static int grant_reading(struct db *db, struct buf *b, const char *database, int account,
			 const struct accounts_how *how, struct errmsg *em)
{
	int rc = 0;

	for (size_t i = 0; i < PET_ARRAY_SIZE(tables); i++)
		if (account != DBA || strcmp(tables[i], "job_group") != 0)
			TRY(grant(db, b, "SELECT", database, tables[i], account, how, em));
	for (size_t i = 0; i < PET_ARRAY_SIZE(views); i++)
		TRY(grant(db, b, "SELECT", database, views[i], account, how, em));
out:
	return rc;
}

int accounts_private(const char *socket, struct errmsg *em)
{
	char path[PATH_MAX], *slash;
	struct stat st;

	if (*socket && realpath(socket, path)) {
		while ((slash = strrchr(path, '/')) != NULL && slash != path) {
			*slash = '\0';
			if (stat(path, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0)
				return 0;
		}
	}
	return errmsg_set(em, ERR_DENIED, "NOT_PRIVATE", "--private-socket: the server's socket must lie below a folder "
			  "that only this user may enter (mode 0700)");
}

int accounts_apply(struct db *db, const char *database, const struct accounts_how *how, struct errmsg *em)
{
	struct buf b = { 0 };
	int rc = ERR_INPUT;

	if (strchr(database, '`')) {
		errmsg_set(em, rc, "BAD_DB_NAME", "the database's name holds a backtick");
		goto out;
	}
	for (int a = 0; a < ACCOUNTS; a++) {
		TRY(create(db, &b, a, how, em));
		TRY(grant_reading(db, &b, database, a, how, em));
	}
	for (size_t i = 0; i < PET_ARRAY_SIZE(rights); i++)
		TRY(grant(db, &b, rights[i].privileges, database, rights[i].table, rights[i].account, how, em));
out:
	buf_free(&b);
	return rc;
}
