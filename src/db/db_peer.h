/*
 * What the other party's scheduler tells this one. pet-api checks the node
 * token and calls db_peer_apply; everything else, order and duplicates
 * included, is decided here in one transaction. docs/agreement.md draws it.
 *
 * kind        endpoint
 * submit      POST  /api/v1/peer/jobs
 * reserve     POST  /api/v1/peer/groups/reserve
 * release     POST  /api/v1/peer/groups/release
 * start       POST  /api/v1/peer/groups/start
 * commit      POST  /api/v1/peer/groups/commit
 * task        PATCH /api/v1/tasks/<job>/<task>   (with "seq": state; without: progress)
 * kill        POST  /api/v1/peer/jobs/kill
 * rerun       POST  /api/v1/peer/jobs/rerun
 * reconcile   POST  /api/v1/peer/reconcile
 */
#ifndef PET_DB_DB_PEER_H
#define PET_DB_DB_PEER_H

#include <jansson.h>

#include "base/err.h"
#include "db/db.h"
#include "db/db_job.h"

#define PEER_PROTOCOL 1		/* another version is refused by name */

struct peer_env {
	const char *self;	/* this party's name */
	/*
	 * Checks a submit from `sender` as pet-api checks a user's: mission known,
	 * its digest the same, parameters valid, a grant there; and expands it.
	 * Fields of `body`: job_id, mission_name, mission_version, mission_digest (hex),
	 * request (object), main_party, submitter, parties (role -> party), priority,
	 * timeout_seconds, max_retries. On refusal any error with em filled in:
	 * em->code and em->pub go back to the submitter. ERR_DB and ERR_DB_RETRY
	 * refuse nothing: the message will come again. Not called for a job that is
	 * there already. Runs outside the transaction. *out is freed here.
	 */
	int (*admit)(struct db *db, const char *sender, const json_t *body, struct job_new **out,
		     void *arg, struct errmsg *em);
	void *arg;
};

/*
 * `path_job` and `path_task` are the names in the PATCH's path (checked against
 * the body's), NULL elsewhere.
 *   0             200 with *reply
 *   ERR_CONFLICT  409 with *reply (it says which sequence number is expected, or the epoch)
 *   ERR_INPUT     400, ERR_DENIED 403 (the sender is not this job's other party),
 *   ERR_NOTFOUND  404 (no such job here), ERR_DB 503: with em
 * *reply is owned by the caller when it is not NULL. Wake the scheduler after a 0.
 */
int db_peer_apply(struct db *db, const struct peer_env *env, const char *sender, const char *kind,
		  const json_t *body, const char *path_job, const char *path_task,
		  json_t **reply, struct errmsg *em) PET_MUST_USE;

#endif
