/* /api/v1/jobs/<id> and what hangs below it. */
#include <string.h>

#include "api/api.h"
#include "api/job_print.h"
#include "base/jin.h"
#include "base/util.h"

static int print_detail(struct buf *b, const struct job_status *s, const struct task_status *t)
{
	int rc;

	TRY(buf_str(b, "{\"name\": "));
	TRY(reply_string(b, t->name));
	TRY(buf_fmt(b, ", \"status\": \"%s\"", print_task_status(t->status)));
	TRY(print_time(b, "start_time", t->started_at));
	TRY(print_time(b, "end_time", t->ended_at));
	if (t->error_code[0]) {
		TRY(buf_str(b, ", \"errors\": "));
		TRY(print_errors(b, s, t->name));
	}
	TRY(buf_str(b, "}"));
	rc = 0;
out:
	return rc;
}

static int print(struct buf *b, const struct job_status *s)
{
	int rc;

	TRY(buf_fmt(b, "{\"success\": true, \"job\": {\"job_id\": \"%s\", \"mission_name\": ", s->job_id));
	TRY(reply_string(b, s->mission_name));
	TRY(buf_fmt(b, ", \"mission_version\": %lld, \"progress\": \"%.2f%%\", \"job_status\": \"%s\", \"task_details\": [",
		    (long long)s->mission_version, s->progress * 100, s->status));
	for (size_t i = 0; i < s->task_count; i++) {
		TRY(buf_str(b, i ? ", " : ""));
		TRY(print_detail(b, s, &s->task[i]));
	}
	TRY(buf_str(b, "], \"errors\": "));
	TRY(print_errors(b, s, NULL));
	TRY(buf_str(b, "}}\n"));
	rc = 0;
out:
	return rc;
}

int v1_job(struct request *req, struct reply *out, struct errmsg *em)
{
	struct job_status *s = NULL;
	int rc;

	TRY(job_load(&s, req, req->arg[0], em));
	TRY(print(&out->body, s));
	rc = 0;
out:
	db_job_status_free(s);
	return rc;
}

int v1_job_cancel(struct request *req, struct reply *out, struct errmsg *em)
{
	return job_kill_by_id(req, out, req->arg[0], em);
}

int v1_job_rerun(struct request *req, struct reply *out, struct errmsg *em)
{
	return job_rerun_by_id(req, out, req->arg[0], em);
}

struct log_ask {
	int64_t tail;
};

/* The last n lines of text; all of it when n is 0. */
static const char *last_lines(const char *text, size_t len, int64_t n)
{
	size_t i = len;

	if (n == 0)
		return text;
	if (i && text[i - 1] == '\n')
		i--;
	while (i && (text[i - 1] != '\n' || --n > 0))
		i--;
	return text + i;
}

int v1_task_log(struct request *req, struct reply *out, struct errmsg *em)
{
	static const struct jin_field table[] = {
		{ .name = "tail", .type = JIN_INT, .low = 1, .high = 100000, .offset = offsetof(struct log_ask, tail) },
		{ .name = NULL },
	};
	struct log_ask ask = { 0 };
	struct buf log = { 0 };
	json_t *query = NULL;
	int rc;

	TRY(jin_query(&query, table, req->query, em));
	TRY(jin_read(&ask, table, query, "", em));
	rc = job_visible(req, req->arg[0]);
	if (rc == ERR_NOTFOUND)
		job_missing(req->arg[0], em);
	TRY(rc);
	rc = db_job_log(req->db, req->arg[0], req->arg[1], &log);
	if (rc == ERR_NOTFOUND)
		errmsg_set(em, rc, "NO_SUCH_TASK", "there is no task %s of a job %s", req->arg[1], req->arg[0]);
	TRY(rc);
	TRY(buf_str(&out->body, "{\"success\": true, \"log\": "));
	TRY(reply_string(&out->body, log.data ? last_lines(log.data, log.len, ask.tail) : ""));
	TRY(buf_str(&out->body, "}\n"));
	rc = 0;
out:
	buf_free(&log);
	json_decref(query);
	return rc;
}
