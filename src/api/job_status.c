/* GET /job/status?job_id=…[&wait=SECONDS[&rev=N]]: docs/api.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/job_print.h"
#include "base/jin.h"
#include "base/util.h"

struct ask {
	const char *job_id;
	int64_t wait, rev;
};

#define AT(field) .offset = offsetof(struct ask, field)
static const struct jin_field table[] = {
	{ .name = "job_id", .type = JIN_STRING, .required = 1, .high = 64, AT(job_id) },
	{ .name = "wait", .type = JIN_INT, .low = 0, .high = 86400, AT(wait) },
	{ .name = "rev", .type = JIN_INT, .low = 0, .high = INT64_MAX, AT(rev) },
	{ .name = NULL },
};

static int print_tasks(struct buf *b, const struct job_status *s)
{
	int rc;

	TRY(buf_str(b, ", \"task_status\": {"));
	for (size_t i = 0; i < s->task_count; i++) {
		TRY(buf_str(b, i ? ", " : ""));
		TRY(reply_string(b, s->task[i].name));
		TRY(buf_fmt(b, ": \"%s\"", print_task_status(s->task[i].status)));
	}
	TRY(buf_str(b, "}, \"tasks\": ["));
	for (size_t i = 0; i < s->task_count; i++) {
		TRY(buf_str(b, i ? ", " : ""));
		TRY(print_task(b, &s->task[i]));
	}
	TRY(buf_str(b, "]"));
	rc = 0;
out:
	return rc;
}

static int print(struct buf *b, const struct job_status *s)
{
	int rc;

	TRY(buf_fmt(b, "{\"success\": true, \"job_id\": \"%s\", \"mission_name\": ", s->job_id));
	TRY(reply_string(b, s->mission_name));
	TRY(buf_fmt(b, ", \"mission_version\": %lld, \"status\": \"%s\", \"progress\": \"%.2f%%\", \"epoch\": %lld, \"rev\": %lld",
		    (long long)s->mission_version, s->status, s->progress * 100, (long long)s->epoch, (long long)s->rev));
	TRY(print_time(b, "created_time", s->created_at));
	TRY(print_time(b, "start_time", s->started_at));
	TRY(print_time(b, "end_time", s->ended_at));
	TRY(print_tasks(b, s));
	TRY(buf_str(b, ", \"waiting_for\": "));
	TRY(reply_string(b, s->waiting_for));
	TRY(buf_str(b, ", \"errors\": "));
	TRY(print_errors(b, s, NULL));
	TRY(buf_str(b, "}\n"));
	rc = 0;
out:
	return rc;
}

static int finished(const struct job_status *s)
{
	return strcmp(s->status, "INIT") != 0 && strcmp(s->status, "RUNNING") != 0;
}

/* A finished job would make its watcher wait for a rerun that may never come. */
static void maybe_wait(struct request *req, struct reply *out, const struct ask *ask, const struct job_status *s)
{
	int64_t seconds = ask->wait < API_WAIT_MAX_S ? ask->wait : API_WAIT_MAX_S;

	if (!req->may_wait || seconds == 0 || finished(s) || (ask->rev >= 0 && ask->rev != s->rev))
		return;
	snprintf(out->wait.job_id, sizeof(out->wait.job_id), "%s", s->job_id);
	out->wait.rev = s->rev;
	out->wait.until_ms = util_mono_ms() + seconds * 1000;
}

int job_status(struct request *req, struct reply *out, struct errmsg *em)
{
	struct ask ask = { .rev = -1 };
	struct job_status *s = NULL;
	json_t *query = NULL;
	int rc;

	TRY(jin_query(&query, table, req->query, em));
	TRY(jin_read(&ask, table, query, "", em));
	TRY(job_load(&s, req, ask.job_id, em));
	TRY(print(&out->body, s));
	maybe_wait(req, out, &ask, s);
	rc = 0;
out:
	db_job_status_free(s);
	json_decref(query);
	return rc;
}
