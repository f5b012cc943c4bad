/* POST /job/kill: docs/api.md. */
#include "api/api.h"
#include "api/job_print.h"
#include "base/wake.h"

int job_kill_by_id(struct request *req, struct reply *out, const char *job_id, struct errmsg *em)
{
	int rc = job_visible(req, job_id);

	if (rc == 0)
		rc = db_job_kill(req->db, req->api->self, job_id, req->user, em);
	if (rc == ERR_NOTFOUND)
		return job_missing(job_id, em);
	if (rc)
		return rc;
	wake_sched();
	return buf_str(&out->body, "{\"success\": true}\n");
}

int job_kill(struct request *req, struct reply *out, struct errmsg *em)
{
	json_t *body = NULL;
	const char *job_id;
	int rc;

	TRY(job_id_body(&job_id, &body, req, em));
	TRY(job_kill_by_id(req, out, job_id, em));
	rc = 0;
out:
	json_decref(body);
	return rc;
}
