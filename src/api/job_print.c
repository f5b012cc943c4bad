#include "api/job_print.h"

#include <string.h>

#include "api/api.h"
#include "base/jin.h"
#include "base/util.h"

int job_missing(const char *job_id, struct errmsg *em)
{
	return errmsg_set(em, ERR_NOTFOUND, "JOB_NOT_FOUND", "there is no job %.64s", job_id);
}

int job_load(struct job_status **out, const struct request *req, const char *job_id, struct errmsg *em)
{
	/* What is no job id cannot be one: no query for it. */
	int rc = util_job_id_ok(job_id) ? ERR_NOTFOUND : db_job_status(req->db, out, job_id);

	if (rc == 0 && !job_view_sees(&req->view, (*out)->owner, (*out)->submitter)) {
		db_job_status_free(*out);
		*out = NULL;
		rc = ERR_NOTFOUND;
	}
	return rc == ERR_NOTFOUND ? job_missing(job_id, em) : rc;
}

int job_visible(const struct request *req, const char *job_id)
{
	return util_job_id_ok(job_id) ? ERR_NOTFOUND : db_job_visible(req->db, &req->view, job_id);
}

const char *print_task_status(const char *status)
{
	return strcmp(status, "PREPARED") == 0 || strcmp(status, "PUBLISHING") == 0 ? "RUNNING" : status;
}

int print_time(struct buf *b, const char *key, const char *time)
{
	return time[0] ? buf_fmt(b, ", \"%s\": \"%s\"", key, time) : buf_fmt(b, ", \"%s\": null", key);
}

int print_task(struct buf *b, const struct task_status *t)
{
	int rc;

	TRY(buf_str(b, "{\"name\": "));
	TRY(reply_string(b, t->name));
	TRY(buf_fmt(b, ", \"party\": \"%s\", \"operator\": \"%s\", \"status\": \"%s\", \"progress\": \"%.2f%%\", \"stage\": ",
		    t->party, t->op, print_task_status(t->status), t->progress * 100));
	TRY(reply_string(b, t->stage));
	TRY(buf_fmt(b, ", \"attempt\": %lld", (long long)t->attempt));
	TRY(print_time(b, "start_time", t->started_at));
	TRY(print_time(b, "end_time", t->ended_at));
	TRY(buf_fmt(b, ", \"bytes_sent\": %lld, \"bytes_received\": %lld, \"rounds\": %lld, \"peak_rss_bytes\": %lld, \"error_code\": ",
		    (long long)t->bytes_sent, (long long)t->bytes_received, (long long)t->rounds,
		    (long long)t->peak_rss_bytes));
	TRY(reply_string(b, t->error_code));
	TRY(buf_str(b, ", \"error_message\": "));
	TRY(reply_string(b, t->error_public));
	TRY(buf_str(b, "}"));
	rc = 0;
out:
	return rc;
}

int print_errors(struct buf *b, const struct job_status *s, const char *task)
{
	const char *sep = "";
	int rc;

	TRY(buf_str(b, "["));
	for (size_t i = 0; i < s->error_count; i++) {
		const struct job_error *e = &s->error[i];

		if (task && strcmp(e->task, task) != 0)
			continue;
		TRY(buf_fmt(b, "%s{\"party\": ", sep));
		TRY(reply_string(b, e->party));
		TRY(buf_str(b, ", \"task\": "));
		TRY(reply_string(b, e->task));
		TRY(buf_str(b, ", \"error_code\": "));
		TRY(reply_string(b, e->code));
		TRY(buf_str(b, ", \"error_message\": "));
		TRY(reply_string(b, e->local && e->local[0] ? e->local : e->message));
		TRY(buf_str(b, "}"));
		sep = ", ";
	}
	TRY(buf_str(b, "]"));
	rc = 0;
out:
	return rc;
}

struct job_ask {
	const char *job_id;
};

int job_id_body(const char **out, json_t **body, const struct request *req, struct errmsg *em)
{
	static const struct jin_field table[] = {
		{ .name = "job_id", .type = JIN_STRING, .required = 1, .high = 64, .offset = offsetof(struct job_ask, job_id) },
		{ .name = NULL },
	};
	struct job_ask ask;
	int rc;

	TRY(jin_parse(body, req->body, req->body_len, em));
	TRY(jin_read(&ask, table, *body, "", em));
	*out = ask.job_id;
	rc = 0;
out:
	return rc;
}
