/* For GET /readyz: is a scheduler alive? */
#ifndef PET_DB_DB_READY_H
#define PET_DB_DB_READY_H

#include "base/err.h"
#include "db/db.h"

/* Seconds since any scheduler of this party was seen, by the database's clock; ERR_NOTFOUND when none ever was. */
int db_ready_sched_age(struct db *db, int64_t *seconds) PET_MUST_USE;

#endif
