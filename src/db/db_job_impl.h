/* Shared by the files of db_job.h and by db_peer's submit. Private to src/db. */
#ifndef PET_DB_DB_JOB_IMPL_H
#define PET_DB_DB_JOB_IMPL_H

#include "db/db_job.h"
#include "db/db_row.h"

#define JOB_ACCEPT_SECONDS 60	/* the other party must have answered a submit by then */

struct job_new_group {
	const char *name, *depends;
	int64_t level;
};

struct job_new_task {
	const char *name, *party, *role, *op, *args, *depends;
	size_t group;
};

struct job_new {
	struct job_new_head head;
	struct job_new_group *group;
	size_t group_count;
	struct job_new_task *task;
	size_t task_count;
};

/* Within a transaction: the rows of job, groups and tasks at this epoch. ERR_CONFLICT when the id is taken. */
int job_rows_insert(struct db *db, const struct job_new *j, int64_t epoch, const char *actor) PET_MUST_USE;
/* The submit message of a locked job, from its row. */
int job_send_submit(struct db *db, struct job_row *j) PET_MUST_USE;

#endif
