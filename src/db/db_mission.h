/* Missions as the scheduler loaded them from the mission files. */
#ifndef PET_DB_DB_MISSION_H
#define PET_DB_DB_MISSION_H

#include <stdint.h>

#include "base/err.h"
#include "db/db.h"

struct mission_row {
	int64_t id, version;
	char name[65];
	unsigned char digest[32];	/* of the canonical DAG */
	char *dag;			/* owned; JSON */
	char *params;			/* owned; JSON: operator -> its --describe */
	char missing[256];		/* operators that are not installed, "" when all are */
};

/* version 0: the latest. ERR_NOTFOUND. Owned: mission_row_free. */
int db_mission_get(struct db *db, struct mission_row **out, const char *name, int64_t version) PET_MUST_USE;
void mission_row_free(struct mission_row *m);
/* Calls `each` per mission, by name and version, until it returns non-zero (which is returned). */
int db_mission_list(struct db *db, int (*each)(const struct mission_row *m, void *arg), void *arg) PET_MUST_USE;
/* Inserts, or updates the one of this name and version. Jobs that run keep what they were expanded from. */
int db_mission_put(struct db *db, const struct mission_row *m) PET_MUST_USE;

#endif
