/* What a job waits for, and whom: for the status of a job whose row does not say it. Private to src/db. */
#ifndef PET_DB_DB_WAITING_H
#define PET_DB_DB_WAITING_H

#include <stddef.h>

#include "base/err.h"
#include "db/db.h"

/* From the groups of a job that is INIT or RUNNING; "" while one of them is at work. */
int db_waiting(struct db *db, const char *job_id, char *out, size_t cap) PET_MUST_USE;

#endif
