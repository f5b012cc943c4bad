/* Shared by exec.c (processes), exec_doc.c (documents) and exec_publish.c. */
#ifndef PET_SCHED_EXEC_IMPL_H
#define PET_SCHED_EXEC_IMPL_H

#include <jansson.h>
#include <stdint.h>

#include "base/taskdir.h"
#include "db/db_run.h"
#include "db/db_step.h"
#include "sched/exec.h"

#define LOG_TAIL (64 << 10)

struct proc {
	int64_t run;		/* run.id */
	struct task_id id;
	int started, killed, seen;
	int64_t since, term_at, look_at, reported_at;	/* monotonic ms */
	double last_t;		/* of the progress line last written to the database */
};

struct exec {
	struct sched *s;
	struct proc *proc;
	size_t count;
	int64_t beat_at;
};

/*
 * The document for pet-spawn and the outputs that may replace a file; the
 * filled-in outputs are kept in the database. ERR_INPUT: a reference that
 * cannot be filled in, with its sentence.
 */
int exec_document(struct sched *s, struct db *db, const struct run_row *r, json_t **doc, json_t **replace,
		  struct errmsg *em) PET_MUST_USE;
/* What pet-spawn starts before the operator: *gateway NULL in scheme agent and for a task without a peer. */
int exec_gateway(const struct sched *s, const struct run_row *r, json_t **gateway, struct errmsg *em) PET_MUST_USE;
/* The outputs of a task to be published, filled in again: for a database that is older than the task's start. */
int exec_outputs(struct db *db, const struct publish_row *p, json_t **outputs, struct errmsg *em) PET_MUST_USE;
/* Of these outputs (slot -> path or list), the paths that may replace a file: db_run_replaces. */
int exec_replace(struct db *db, const json_t *outputs, const char *owner, json_t **replace) PET_MUST_USE;

#endif
