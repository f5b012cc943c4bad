/* GET /api/v1/missions and /api/v1/missions/<name>?version=N. */
#include "api/api.h"
#include "base/jin.h"
#include "base/util.h"
#include "db/db_mission.h"

struct list {
	struct buf *body;
	const char *sep;
};

static int print_head(struct buf *b, const struct mission_row *m)
{
	char digest[65];
	int rc;

	util_hex(digest, m->digest, sizeof(m->digest));
	TRY(buf_str(b, "{\"name\": "));
	TRY(reply_string(b, m->name));
	TRY(buf_fmt(b, ", \"version\": %lld, \"digest\": \"%s\", \"available\": %s, \"missing_operators\": ",
		    (long long)m->version, digest, m->missing[0] ? "false" : "true"));
	TRY(reply_string(b, m->missing));
	rc = 0;
out:
	return rc;
}

static int print_brief(const struct mission_row *m, void *arg)
{
	struct list *l = arg;
	int rc;

	TRY(buf_str(l->body, l->sep));
	TRY(print_head(l->body, m));
	TRY(buf_str(l->body, "}"));
	l->sep = ", ";
	rc = 0;
out:
	return rc;
}

int v1_missions(struct request *req, struct reply *out, struct errmsg *em)
{
	struct list l = { &out->body, "" };
	int rc;

	(void)em;
	TRY(buf_str(&out->body, "{\"success\": true, \"missions\": ["));
	TRY(db_mission_list(req->db, print_brief, &l));
	TRY(buf_str(&out->body, "]}\n"));
	rc = 0;
out:
	return rc;
}

struct ask {
	int64_t version;
};

int v1_mission(struct request *req, struct reply *out, struct errmsg *em)
{
	static const struct jin_field table[] = {
		{ .name = "version", .type = JIN_INT, .low = 1, .high = 2147483647, .offset = offsetof(struct ask, version) },
		{ .name = NULL },
	};
	struct mission_row *m = NULL;
	struct ask ask = { 0 };
	json_t *query = NULL;
	int rc;

	TRY(jin_query(&query, table, req->query, em));
	TRY(jin_read(&ask, table, query, "", em));
	rc = db_mission_get(req->db, &m, req->arg[0], ask.version);
	if (rc == ERR_NOTFOUND)
		errmsg_set(em, rc, "NO_SUCH_MISSION", "there is no mission %s of this version", req->arg[0]);
	TRY(rc);
	TRY(buf_str(&out->body, "{\"success\": true, \"mission\": "));
	TRY(print_head(&out->body, m));
	/* Both were printed by our own programs and are checked as JSON by the database. */
	TRY(buf_fmt(&out->body, ", \"dag\": %s, \"parameters\": %s}}\n", m->dag, m->params));
	rc = 0;
out:
	mission_row_free(m);
	json_decref(query);
	return rc;
}
