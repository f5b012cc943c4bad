/* The local executor: operators of this instance, started and ended through pet-spawn. */
#ifndef PET_SCHED_EXEC_H
#define PET_SCHED_EXEC_H

#include "base/err.h"
#include "db/db.h"
#include "sched/sched.h"

struct exec;

struct exec *exec_new(struct sched *s);
void exec_free(struct exec *x);
/*
 * Reads what should run and makes it so: starts, adopts, ends; collects what
 * has ended. *did counts ends that were written (the job has moved on).
 */
int exec_sync(struct exec *x, struct db *db, unsigned *did) PET_MUST_USE;
/* Between two exec_syncs, without the database: 1 when some operator has ended or one must be looked at. */
int exec_peek(struct exec *x);
/* How many operators run. */
size_t exec_count(const struct exec *x);
/* Publishes committed groups of this instance. */
int exec_publish(struct exec *x, struct db *db, unsigned *did) PET_MUST_USE;
/* Removes folders of attempts that nothing needs any more. */
int exec_sweep(struct exec *x, struct db *db) PET_MUST_USE;

#endif
