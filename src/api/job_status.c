/* GET /job/status?job_id=…[&wait=SECONDS[&rev=N]]: docs/api.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/job_print.h"
#include "api/status_cache.h"
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
static void maybe_wait(struct request *req, struct reply *out, const struct ask *ask, int ended, int64_t rev)
{
	int64_t seconds = ask->wait < API_WAIT_MAX_S ? ask->wait : API_WAIT_MAX_S;

	if (!req->may_wait || seconds == 0 || ended || (ask->rev >= 0 && ask->rev != rev))
		return;
	snprintf(out->wait.job_id, sizeof(out->wait.job_id), "%s", ask->job_id);
	out->wait.rev = rev;
	out->wait.until_ms = util_mono_ms() + seconds * 1000;
}

/* 1: answered by a body that this thread printed for the same revision. */
static int from_cache(struct request *req, struct reply *out, const struct ask *ask)
{
	const struct status_entry *e = status_cache_find(req->cache, ask->job_id);
	int64_t rev;

	if (!e || !job_view_sees(&req->view, e->owner, e->submitter) || db_job_rev(req->db, ask->job_id, &rev) != 0 || rev != e->rev || buf_add(&out->body, e->body.data, e->body.len) != 0)
		return 0;
	maybe_wait(req, out, ask, e->finished, e->rev);
	return 1;
}

static int from_rows(struct request *req, struct reply *out, const struct ask *ask, struct errmsg *em)
{
	struct job_status *s = NULL;
	int rc;

	TRY(job_load(&s, req, ask->job_id, em));
	TRY(print(&out->body, s));
	status_cache_keep(req->cache, s, finished(s), &out->body);
	maybe_wait(req, out, ask, finished(s), s->rev);
	rc = 0;
out:
	db_job_status_free(s);
	return rc;
}

int job_status(struct request *req, struct reply *out, struct errmsg *em)
{
	struct ask ask = { .rev = -1 };
	json_t *query = NULL;
	int rc;

	TRY(jin_query(&query, table, req->query, em));
	TRY(jin_read(&ask, table, query, "", em));
	rc = from_cache(req, out, &ask) ? 0 : from_rows(req, out, &ask, em);
out:
	json_decref(query);
	return rc;
}
