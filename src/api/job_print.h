/* The parts of a job's status that several endpoints show, and the finding of a job for a user. */
#ifndef PET_API_JOB_PRINT_H
#define PET_API_JOB_PRINT_H

#include "api/http.h"
#include "db/db_job.h"

/* The job, if this user may know of it; else ERR_NOTFOUND, code JOB_NOT_FOUND. Owned: db_job_status_free. */
int job_load(struct job_status **out, const struct request *req, const char *job_id, struct errmsg *em) PET_MUST_USE;
/* ERR_NOTFOUND: no job's id, or a job that this user may not know of. */
int job_visible(const struct request *req, const char *job_id) PET_MUST_USE;
int job_missing(const char *job_id, struct errmsg *em);

/* Of a task, as users know them: PREPARED and PUBLISHING are RUNNING. */
const char *print_task_status(const char *status);
/* `, "key": "time"` or null. */
int print_time(struct buf *b, const char *key, const char *time) PET_MUST_USE;
int print_task(struct buf *b, const struct task_status *t) PET_MUST_USE;
/* A list; task NULL: of the whole job, root cause first. */
int print_errors(struct buf *b, const struct job_status *s, const char *task) PET_MUST_USE;

/* The body {"job_id": …} of kill and rerun; *out is owned by *body, which the caller frees. */
int job_id_body(const char **out, json_t **body, const struct request *req, struct errmsg *em) PET_MUST_USE;
/* What both forms of the endpoint do. */
int job_kill_by_id(struct request *req, struct reply *out, const char *job_id, struct errmsg *em) PET_MUST_USE;
int job_rerun_by_id(struct request *req, struct reply *out, const char *job_id, struct errmsg *em) PET_MUST_USE;

#endif
