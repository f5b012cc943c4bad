/* Data grants: what a job that another party submitted may read and write here. No row, no job. */
#ifndef PET_DB_DB_GRANT_H
#define PET_DB_DB_GRANT_H

#include <stddef.h>

#include "base/err.h"
#include "db/db.h"

struct data_grant {
	char mission[65];
	char input_path[513];	/* a trailing slash-star covers a folder */
	char output_dir[513];
};

/* All grants for this peer that name this mission or `*`. Owned: free(). */
int db_grant_list(struct db *db, const char *peer, const char *mission,
		  struct data_grant **out, size_t *count) PET_MUST_USE;

#endif
