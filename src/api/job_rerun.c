/* POST /job/rerun: docs/api.md. */
#include <stdatomic.h>
#include <string.h>

#include "api/api.h"
#include "api/job_print.h"
#include "base/wake.h"

#define RERUN_WAIT_MS 5000	/* for the main party's answer, at the other party */

/* Reruns wait inside a thread: at most half of the threads may do that, or status calls would starve. */
static atomic_int waiting;

static int rerun(struct request *req, const char *job_id, struct errmsg *em)
{
	int most = req->api->threads / 2 > 0 ? req->api->threads / 2 : 1, rc;

	TRY(job_visible(req, job_id));
	TRY(limit_check(req->db, &req->limits, req->api->self, req->user, em));
	if (atomic_fetch_add(&waiting, 1) < most)
		rc = db_job_rerun(req->db, req->api->self, job_id, req->user, RERUN_WAIT_MS, em);
	else
		rc = errmsg_set(em, ERR_BUSY, "BUSY", "%d reruns are under way: try again in a second", most);
	atomic_fetch_sub(&waiting, 1);
out:
	return rc;
}

int job_rerun_by_id(struct request *req, struct reply *out, const char *job_id, struct errmsg *em)
{
	int rc = rerun(req, job_id, em);

	if (rc == ERR_NOTFOUND)
		return job_missing(job_id, em);
	if (rc == ERR_BUSY && strncmp(em->code, "LIMIT_", 6) != 0) {
		out->retry_after = 2;
		return reply_error(out, 503, em->code[0] ? em->code : "MAIN_PARTY_AWAY", "%s",
				   em->local[0] ? em->local : "the main party did not answer: nothing was changed, try again later");
	}
	if (rc)
		return rc;
	wake_sched();
	return buf_str(&out->body, "{\"success\": true}\n");
}

int job_rerun(struct request *req, struct reply *out, struct errmsg *em)
{
	json_t *body = NULL;
	const char *job_id;
	int rc;

	TRY(job_id_body(&job_id, &body, req, em));
	TRY(job_rerun_by_id(req, out, job_id, em));
	rc = 0;
out:
	json_decref(body);
	return rc;
}
