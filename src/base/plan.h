/*
 * From (mission, mission_params, parties) to the rows of a job, and the
 * filling of ${…} references when a task starts. Pure: no clock, no files.
 */
#ifndef PET_BASE_PLAN_H
#define PET_BASE_PLAN_H

#include <jansson.h>

#include "base/err.h"
#include "base/mission.h"
#include "base/party.h"

struct plan_task {
	const char *name;	/* borrowed from the mission, as role and op are */
	const char *role;	/* party_a or party_b */
	const char *op;		/* operator's name */
	char party[PARTY_NAME_MAX];
	unsigned group;		/* index */
	int own;		/* runs at this party */
	json_t *depends;	/* owned array of task names */
	/*
	 * Owned: {"params": {…}, "inputs": {slot: path or [paths]}, "outputs": {…}},
	 * a template for plan_fill: always fill it, also when the mission has no
	 * references. The paths are final already: grants are checked against
	 * plan_paths. {} for the other party's tasks: their section of the
	 * request stays out of our task documents.
	 */
	json_t *args;
};

struct plan_group {
	const char *name;	/* borrowed */
	unsigned level;
	unsigned task_count;
	unsigned depends[MISSION_TASKS_MAX];	/* indexes of groups, ascending */
	unsigned depend_count;
};

struct plan {
	char party[MISSION_ROLES][PARTY_NAME_MAX];	/* by role; "" for a role that the mission does not use */
	char peer[PARTY_NAME_MAX];	/* "" when every task is our own */
	struct plan_group group[MISSION_TASKS_MAX];
	unsigned group_count;
	struct plan_task task[MISSION_TASKS_MAX];
	unsigned task_count;
};

/*
 * Maps roles to parties. `parties` is the request's object role → party, or
 * NULL: a role not in it is played by the party of the same name. One party
 * cannot play two roles. out[r] is "" for a role that the mission does not use.
 */
int plan_parties(char out[MISSION_ROLES][PARTY_NAME_MAX], const struct mission *m,
		 const json_t *parties, struct errmsg *em) PET_MUST_USE;

/*
 * `tables` is the object operator → `--describe` document (table mission,
 * column params): a task gets those parameters and slots that its operator
 * declares; NULL, or an operator that it lacks: all of them.
 * The plan borrows from m. Owned: plan_free.
 */
int plan_make(struct plan **out, const struct mission *m, const json_t *mission_params,
	      const json_t *parties, const char *self, const json_t *tables,
	      struct errmsg *em) PET_MUST_USE;
void plan_free(struct plan *p);

/*
 * Calls `each` for every path that a task will read or write here, in order,
 * until it returns something else than 0, and returns that.
 */
typedef int plan_path_fn(void *arg, const char *slot, const char *path, int output);
int plan_paths(const struct plan_task *t, plan_path_fn *each, void *arg) PET_MUST_USE;

/*
 * The job_context of one role: {"job_id", "mission_params": {common…, role: own
 * section}, "common": {…}, role: own section, task: results…}. `results` (task
 * name → object, or NULL) is what ended tasks left: own results, and the
 * other party's public ones. *out is owned.
 */
int plan_job_context(json_t **out, const char *job_id, const json_t *mission_params,
		     const char *role, const json_t *results) PET_MUST_USE;

/* What ${…} may refer to; each an object, or NULL for an empty one. Borrowed. */
struct plan_contexts {
	const json_t *job;	/* ${job_context.a.b}: see plan_job_context */
	const json_t *mission;	/* ${mission_context.k} */
	const json_t *global;	/* ${global_config.k} */
};

/*
 * A copy of `args` with every reference replaced: a string that is one
 * reference becomes the value itself, a reference inside a longer string
 * becomes text (strings, numbers and booleans only); "$${" stands for "${".
 * job_context.k is looked up at the top, then below the own role's name, then
 * below "common". Errors name task, path and reference. *out is owned.
 */
int plan_fill(json_t **out, const json_t *args, const struct plan_contexts *contexts,
	      const char *task, const char *role, struct errmsg *em) PET_MUST_USE;

#endif
