/* GET /api/v1/jobs?status=&hours=&limit=&cursor=: newest first. */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/job_print.h"
#include "base/jin.h"

#define LIST_MAX 200

struct ask {
	const char *status;
	int64_t hours, limit, cursor;
};

static int status_ok(const char *s)
{
	static const char *const words[] = { "INIT", "RUNNING", "SUCCESS", "FAILED", "CANCELED" };

	for (size_t i = 0; i < PET_ARRAY_SIZE(words); i++)
		if (strcmp(s, words[i]) == 0)
			return 0;
	return ERR_INPUT;
}

#define AT(field) .offset = offsetof(struct ask, field)
static const struct jin_field table[] = {
	{ .name = "status", .type = JIN_STRING, .ok = status_ok,
	  .expected = "INIT, RUNNING, SUCCESS, FAILED or CANCELED", AT(status) },
	{ .name = "hours", .type = JIN_INT, .low = 1, .high = 876000, AT(hours) },
	{ .name = "limit", .type = JIN_INT, .low = 1, .high = LIST_MAX, AT(limit) },
	{ .name = "cursor", .type = JIN_INT, .low = 1, .high = INT64_MAX, AT(cursor) },
	{ .name = NULL },
};

static int print_one(struct buf *b, const struct job_brief *j)
{
	int rc;

	TRY(buf_fmt(b, "{\"job_id\": \"%s\", \"mission_name\": ", j->job_id));
	TRY(reply_string(b, j->mission_name));
	TRY(buf_fmt(b, ", \"status\": \"%s\", \"owner\": ", j->status));
	TRY(reply_string(b, j->owner));
	TRY(print_time(b, "created_time", j->created_at));
	TRY(print_time(b, "start_time", j->started_at));
	TRY(print_time(b, "end_time", j->ended_at));
	TRY(buf_str(b, "}"));
	rc = 0;
out:
	return rc;
}

static int print(struct buf *b, const struct job_brief *list, size_t count, size_t limit)
{
	int rc;

	TRY(buf_str(b, "{\"success\": true, \"jobs\": ["));
	for (size_t i = 0; i < count; i++) {
		TRY(buf_str(b, i ? ", " : ""));
		TRY(print_one(b, &list[i]));
	}
	/* A full page may be followed by another: its cursor is the last row's. */
	if (count == limit)
		TRY(buf_fmt(b, "], \"cursor\": %lld}\n", (long long)list[count - 1].id));
	else
		TRY(buf_str(b, "], \"cursor\": null}\n"));
	rc = 0;
out:
	return rc;
}

int v1_jobs(struct request *req, struct reply *out, struct errmsg *em)
{
	struct ask ask = { .limit = 50 };
	struct job_brief *list = NULL;
	json_t *query = NULL;
	size_t count;
	int rc;

	TRY(jin_query(&query, table, req->query, em));
	TRY(jin_read(&ask, table, query, "", em));
	list = calloc((size_t)ask.limit, sizeof(*list));
	if (!list) {
		rc = ERR_NOMEM;
		goto out;
	}
	TRY(db_job_list(req->db, list, (size_t)ask.limit, &count, &req->view, ask.status, ask.hours, ask.cursor));
	TRY(print(&out->body, list, count, (size_t)ask.limit));
	rc = 0;
out:
	free(list);
	json_decref(query);
	return rc;
}
