/*
 * The way from a submit to the rows of a job: every check that must hold
 * before anything is created, the same for users and for the other party.
 */
#ifndef PET_API_ADMIT_H
#define PET_API_ADMIT_H

#include <jansson.h>

#include "api/api.h"
#include "base/mission.h"
#include "base/plan.h"
#include "db/db_job.h"
#include "db/db_mission.h"
#include "db/db_peer.h"

/* The submit's fields; texts and objects are borrowed from the body. */
struct submit {
	const char *mission_name, *job_id, *main_party;
	int64_t mission_version;	/* 0: the latest */
	const json_t *mission_params, *parties;
	int64_t priority, timeout_seconds, max_retries;
	int dry_run;
};

/* A checked one. */
struct admitted {
	struct mission_row *row;
	struct mission *mission;
	json_t *tables;		/* operator → its describe document */
	struct plan *plan;
	char main_party[PARTY_NAME_MAX];
};

/* Zeroes *out, fills in the defaults and reads the body by the table of docs/api.md. */
int admit_read(struct submit *out, const json_t *body, struct errmsg *em) PET_MUST_USE;
/* Mission, operators, parameters, parties and paths. `asker` is the main party unless the submit names another. */
int admit_check(struct admitted *out, const struct api *api, struct db *db, const struct submit *s,
		const char *asker, struct errmsg *em) PET_MUST_USE;
void admit_free(struct admitted *a);

/* The digest of a body leaves job_id and dry_run out: they say which job, not what it does. *canonical is owned. */
int admit_digest(unsigned char digest[32], char **canonical, const json_t *body) PET_MUST_USE;
/* head's fields about mission, parties and limits are filled in here; the caller has set job_id, request, submitter, owner. */
int admit_job(struct job_new **out, const struct admitted *a, const struct api *api,
	      const struct submit *s, struct job_new_head *head) PET_MUST_USE;

/* What a job from `sender` would read and write here must be granted: else ERR_DENIED, code NO_GRANT, with the rule's name. */
int admit_grants(const struct admitted *a, const struct submit *s, struct db *db, const char *sender,
		 struct errmsg *em) PET_MUST_USE;

/* For struct peer_env: arg is the struct api. */
int admit_peer(struct db *db, const char *sender, const json_t *body, struct job_new **out, void *arg,
	       struct errmsg *em);

#endif
