/* POST /job/submit, POST /api/v1/jobs: docs/api.md. */
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"
#include "base/jin.h"
#include "base/util.h"
#include "base/wake.h"

static int answer(struct reply *out, const struct admitted *a, const char *job_id, int dry_run)
{
	const struct plan *p = a->plan;
	int rc;

	TRY(buf_str(&out->body, "{\"success\": true"));
	if (!dry_run)
		return buf_fmt(&out->body, ", \"job_id\": \"%s\"}\n", job_id);
	TRY(buf_fmt(&out->body, ", \"dry_run\": true, \"mission_version\": %lld, \"tasks\": [", (long long)a->row->version));
	for (unsigned i = 0; i < p->task_count; i++)
		TRY(buf_fmt(&out->body, "%s{\"name\": \"%s\", \"party\": \"%s\", \"operator\": \"%s\"}", i ? ", " : "",
			    p->task[i].name, p->task[i].party, p->task[i].op));
	TRY(buf_str(&out->body, "]}\n"));
	rc = 0;
out:
	return rc;
}

static int insert(struct request *req, const struct admitted *a, const struct submit *s, const json_t *body,
		  const char *job_id, struct errmsg *em)
{
	struct job_new_head head = { .job_id = job_id, .submitter = req->api->self, .owner = req->user,
				      .limits = req->limits };
	struct job_new *j = NULL;
	char *request = NULL;
	int existed, rc;

	TRY(admit_digest(head.request_digest, &request, body));
	head.request = request;
	TRY(admit_job(&j, a, req->api, s, &head));
	TRY(db_job_insert(req->db, j, &existed, em));
	wake_sched();
	rc = 0;
out:
	job_new_free(j);
	free(request);
	return rc;
}

int job_submit(struct request *req, struct reply *out, struct errmsg *em)
{
	char made[UTIL_JOB_ID_MAX];
	struct admitted a = { 0 };
	json_t *body = NULL;
	const char *job_id;
	struct submit s;
	int rc;

	TRY(jin_parse(&body, req->body, req->body_len, em));
	TRY(admit_read(&s, body, em));
	TRY(admit_check(&a, req->api, req->db, &s, req->api->self, em));
	util_job_id(made);
	job_id = s.job_id ? s.job_id : made;
	if (!s.dry_run)
		TRY(insert(req, &a, &s, body, job_id, em));
	TRY(answer(out, &a, job_id, s.dry_run));
	rc = 0;
out:
	admit_free(&a);
	json_decref(body);
	return rc;
}
