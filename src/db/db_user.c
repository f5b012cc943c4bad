#include "db/db_user.h"

#include <stdio.h>
#include <string.h>

const char *const user_role_name[USER_ROLES] = { "operator", "node", "admin" };

#define COLUMNS "SELECT name, role, state, tokens_from, COALESCE(max_running, -1), COALESCE(max_queued, -1), " \
	"COALESCE(max_bytes_day, -1), note, created_at FROM api_user "

static int fill(struct user_row *u, struct db_rows *r)
{
	memset(u, 0, sizeof(*u));
	snprintf(u->name, sizeof(u->name), "%s", db_text(r, 0));
	for (u->role = 0; u->role < USER_ROLES && strcmp(user_role_name[u->role], db_text(r, 1)) != 0;)
		u->role++;
	if (u->role == USER_ROLES)
		return ERR_INTERNAL;
	/* Whatever is not plainly normal is revoked. */
	u->revoked = strcmp(db_text(r, 2), "normal") != 0;
	u->tokens_from = db_int(r, 3);
	u->limits.running = db_int(r, 4);
	u->limits.queued = db_int(r, 5);
	u->limits.bytes_day = db_int(r, 6);
	snprintf(u->note, sizeof(u->note), "%s", db_text(r, 7));
	db_time(r, 8, u->created_at);
	return 0;
}

int db_user_get(struct db *db, struct user_row *out, const char *name)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, COLUMNS "WHERE name = ?", DB_ARGS(db_s(name))));
	rc = db_next(r);
	rc = rc > 0 ? fill(out, r) : rc == 0 ? ERR_NOTFOUND : rc;
out:
	db_done(r);
	return rc;
}

int db_user_list(struct db *db, int (*each)(const struct user_row *u, void *arg), void *arg)
{
	struct db_rows *r = NULL;
	struct user_row u;
	int rc;

	TRY(db_query(db, &r, COLUMNS "ORDER BY name", DB_NOARGS));
	while ((rc = db_next(r)) > 0) {
		TRY(fill(&u, r));
		TRY(each(&u, arg));
	}
out:
	db_done(r);
	return rc;
}

int db_user_add(struct db *db, const char *name, enum user_role role, const char *note)
{
	return db_exec(db, "INSERT INTO api_user (name, role, note) VALUES (?, ?, ?)",
		       DB_ARGS(db_s(name), db_s(user_role_name[role]), db_s(note)));
}

static int found(int rc)
{
	return rc == ERR_CONFLICT ? ERR_NOTFOUND : rc;
}

int db_user_state(struct db *db, const char *name, int revoked, int64_t now)
{
	return found(db_exec_one(db, "UPDATE api_user SET state = ?, tokens_from = GREATEST(tokens_from, ?) + 1 WHERE name = ?",
				 DB_ARGS(db_s(revoked ? "revoked" : "normal"), db_i(now), db_s(name))));
}

int db_user_rotate(struct db *db, const char *name, int64_t now)
{
	return found(db_exec_one(db, "UPDATE api_user SET tokens_from = GREATEST(tokens_from, ?) + 1 WHERE name = ?",
				 DB_ARGS(db_i(now), db_s(name))));
}

int db_user_limit(struct db *db, const char *name, const struct job_limits *l)
{
	return found(db_exec_one(db, "UPDATE api_user SET max_running = IF(? = -2, max_running, NULLIF(?, -1)), "
				 "max_queued = IF(? = -2, max_queued, NULLIF(?, -1)), "
				 "max_bytes_day = IF(? = -2, max_bytes_day, NULLIF(?, -1)) WHERE name = ?",
				 DB_ARGS(db_i(l->running), db_i(l->running), db_i(l->queued), db_i(l->queued),
					 db_i(l->bytes_day), db_i(l->bytes_day), db_s(name))));
}
