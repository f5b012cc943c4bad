/*
 * One empty file per task whose outputs were put in their places, in
 * $PET_STATE_DIR/sched/published: a database that comes back from a backup does
 * not know it. A task is published once in a job's life, whatever the attempt.
 */
#ifndef PET_SCHED_PUBLISHED_H
#define PET_SCHED_PUBLISHED_H

#include "base/err.h"
#include "base/taskdir.h"

/* On disk when it returns 0. */
int published_note(const struct task_id *id, struct errmsg *em) PET_MUST_USE;
int published_known(const struct task_id *id) PET_MUST_USE;
/* Removes marks that are older than any backup ought to be (PUBLISHED_KEEP_DAYS). */
#define PUBLISHED_KEEP_DAYS 180
void published_sweep(void);

#endif
