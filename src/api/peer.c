/*
 * The endpoints that the other party's scheduler calls: a checked node token,
 * a JSON object, and db_peer_apply, which decides everything else.
 */
#include "api/admit.h"
#include "api/api.h"
#include "base/jin.h"
#include "base/wake.h"

/* A conflict tells the sender what is expected here, in the shape of every other error. */
static int conflict(struct reply *out, json_t *reply)
{
	json_t *merged = json_pack("{sb ss ss}", "success", 0, "error_code", "CONFLICT", "error_message",
				   "the message does not fit the state here: the other fields tell what is expected");
	int rc = ERR_NOMEM;

	if (merged && json_object_update(merged, reply) == 0)
		rc = reply_json(out, merged);
	out->status = 409;
	json_decref(merged);
	return rc;
}

static int ok(struct reply *out, json_t *reply)
{
	if (!json_object_get(reply, "success") && json_object_set_new(reply, "success", json_true()))
		return ERR_NOMEM;
	return reply_json(out, reply);
}

static int apply(struct request *req, struct reply *out, const char *kind, int has_path, struct errmsg *em)
{
	struct peer_env env = { .self = req->api->self, .admit = admit_peer, .arg = (void *)req->api };
	json_t *body = NULL, *reply = NULL;
	int rc;

	TRY(jin_parse(&body, req->body, req->body_len, em));
	rc = db_peer_apply(req->db, &env, req->node.iss, kind, body, has_path ? req->arg[0] : NULL,
			   has_path ? req->arg[1] : NULL, &reply, em);
	if (rc == ERR_CONFLICT && json_is_object(reply)) {
		rc = conflict(out, reply);
		goto out;
	}
	TRY(rc);
	wake_sched();
	if (!reply)
		reply = json_object();
	TRY(reply ? ok(out, reply) : ERR_NOMEM);
	rc = 0;
out:
	json_decref(reply);
	json_decref(body);
	return rc;
}

#define PEER(function, kind, has_path) \
int function(struct request *req, struct reply *out, struct errmsg *em) \
{ \
	return apply(req, out, kind, has_path, em); \
}

PEER(node_jobs, "submit", 0)
PEER(node_kill, "kill", 0)
PEER(node_rerun, "rerun", 0)
PEER(node_reserve, "reserve", 0)
PEER(node_release, "release", 0)
PEER(node_start, "start", 0)
PEER(node_commit, "commit", 0)
PEER(node_reconcile, "reconcile", 0)
PEER(node_task, "task", 1)
