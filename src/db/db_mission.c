#include "db/db_mission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fill(struct mission_row *m, struct db_rows *r)
{
	memset(m, 0, sizeof(*m));
	m->id = db_int(r, 0);
	snprintf(m->name, sizeof(m->name), "%s", db_text(r, 1));
	m->version = db_int(r, 2);
	if (db_len(r, 3) == sizeof(m->digest))
		memcpy(m->digest, db_text(r, 3), sizeof(m->digest));
	m->dag = strdup(db_text(r, 4));
	m->params = strdup(db_text(r, 5));
	snprintf(m->missing, sizeof(m->missing), "%s", db_text(r, 6));
	return m->dag && m->params ? 0 : ERR_NOMEM;
}

static void clear(struct mission_row *m)
{
	free(m->dag);
	free(m->params);
}

void mission_row_free(struct mission_row *m)
{
	if (!m)
		return;
	clear(m);
	free(m);
}

int db_mission_get(struct db *db, struct mission_row **out, const char *name, int64_t version)
{
	struct mission_row *m = calloc(1, sizeof(*m));
	struct db_rows *r = NULL;
	int rc = ERR_NOMEM;

	*out = NULL;
	if (!m)
		goto out;
	TRY(db_query(db, &r, "SELECT id, name, version, digest, dag, params, missing FROM mission "
		     "WHERE name = ? AND (version = ? OR ? = 0) ORDER BY version DESC LIMIT 1",
		     DB_ARGS(db_s(name), db_i(version), db_i(version))));
	rc = db_next(r);
	rc = rc > 0 ? fill(m, r) : rc == 0 ? ERR_NOTFOUND : rc;
	if (rc == 0) {
		*out = m;
		m = NULL;
	}
out:
	db_done(r);
	mission_row_free(m);
	return rc;
}

int db_mission_list(struct db *db, int (*each)(const struct mission_row *m, void *arg), void *arg)
{
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT id, name, version, digest, dag, params, missing FROM mission "
		     "ORDER BY name, version", DB_NOARGS));
	while ((rc = db_next(r)) > 0) {
		struct mission_row m;

		rc = fill(&m, r);
		if (rc == 0)
			rc = each(&m, arg);
		clear(&m);
		if (rc != 0)
			break;
	}
out:
	db_done(r);
	return rc;
}

int db_mission_put(struct db *db, const struct mission_row *m)
{
	return db_exec(db, "INSERT INTO mission (name, version, digest, dag, params, missing) VALUES (?, ?, ?, ?, ?, ?) "
		       "ON DUPLICATE KEY UPDATE digest = VALUES(digest), dag = VALUES(dag), params = VALUES(params), "
		       "missing = VALUES(missing), loaded_at = CURRENT_TIMESTAMP(6)",
		       DB_ARGS(db_s(m->name), db_i(m->version), db_b(m->digest, sizeof(m->digest)), db_s(m->dag),
			       db_s(m->params), db_s(m->missing)));
}
