/* The least-privilege accounts pet_api, pet_sched and pet_dba. */
#ifndef PET_DB_ACCOUNTS_H
#define PET_DB_ACCOUNTS_H

#include "base/err.h"
#include "db/db.h"

struct accounts_how {
	const char *host;	/* where they may come from: "localhost", or "%" and the like for a server on another machine */
	const char *password[3];	/* of pet_api, pet_sched, pet_dba; NULL: the operating system's user of that name, over the socket */
};

/* Creates or updates all three; safe to repeat, and takes away what is not granted here. */
int accounts_apply(struct db *db, const char *database, const struct accounts_how *how, struct errmsg *em) PET_MUST_USE;

#endif
