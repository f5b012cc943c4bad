/*
 * The folders of one attempt at one task, as the scheduler sees them:
 *
 *	$PET_STATE_DIR/tasks/JOB.EPOCH.GROUP.ATTEMPT.TASK/	control: lease progress exit.json log
 *	$SAFE_WORK_DIR/.pet/JOB.EPOCH.GROUP.ATTEMPT.TASK/	staging: outputs before they are published
 *
 * pet-spawn makes and removes them; the operator writes into them, so nothing
 * in them is trusted: no link is followed, every size has a limit.
 */
#ifndef PET_BASE_TASKDIR_H
#define PET_BASE_TASKDIR_H

#include <jansson.h>
#include <limits.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/util.h"

#define TASKDIR_NAME_MAX 176
#define TASK_NAME_MAX 65	/* with the NUL; [A-Za-z0-9_-] */

struct task_id {
	char job[UTIL_JOB_ID_MAX];
	uint32_t epoch, group, attempt;
	char task[TASK_NAME_MAX];
};

/* Checks both names; anything else would be a way out of the folders. */
int task_id_set(struct task_id *id, const char *job, uint32_t epoch, uint32_t group,
		uint32_t attempt, const char *task) PET_MUST_USE;
/* From a task's document. */
int task_id_from(struct task_id *id, const json_t *document, struct errmsg *em) PET_MUST_USE;
void task_id_name(const struct task_id *id, char out[TASKDIR_NAME_MAX]);
int task_id_parse(struct task_id *id, const char *name) PET_MUST_USE;
/* The control folder's path. */
int taskdir_control(const struct task_id *id, char out[PATH_MAX]) PET_MUST_USE;

/* Renews the lease: `beat` must differ from the last one. ERR_NOTFOUND when the task has no folder (any more). */
int taskdir_beat(const struct task_id *id, uint64_t beat) PET_MUST_USE;

struct task_progress {
	double t, progress;
	char stage[32];
	uint64_t bytes_sent, bytes_received, rounds, rss;
};

/* The last whole line; ERR_NOTFOUND while there is none. */
int taskdir_progress(const struct task_id *id, struct task_progress *out) PET_MUST_USE;
/* The exit record (owned), or ERR_NOTFOUND while the task has not ended. ERR_INPUT: it is no record. */
int taskdir_exit(const struct task_id *id, json_t **record) PET_MUST_USE;
/* Appends at most the last `max` bytes of the log, from the begin of a line. */
int taskdir_log_tail(const struct task_id *id, size_t max, struct buf *out) PET_MUST_USE;

#endif
