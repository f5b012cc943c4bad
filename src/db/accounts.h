/* The least-privilege accounts pet_api, pet_sched and pet_dba. */
#ifndef PET_DB_ACCOUNTS_H
#define PET_DB_ACCOUNTS_H

#include "base/err.h"
#include "db/db.h"

struct accounts_how {
	const char *host;	/* where they may come from: "localhost", or "%" and the like for a server on another machine */
	const char *password[3];	/* of pet_api, pet_sched, pet_dba; NULL: the operating system's user of that name, over the socket */
	/*
	 * 1: no passwords, since only one user can reach the socket: a private server of one ordinary user, where
	 * accounts by operating system users would need three of them. The caller has checked accounts_private.
	 */
	int private_socket;
};

/* 0 when the socket lies below a folder of this user that nobody else may enter. */
int accounts_private(const char *socket, struct errmsg *em) PET_MUST_USE;
/* Creates or updates all three; safe to repeat, and takes away what is not granted here. */
int accounts_apply(struct db *db, const char *database, const struct accounts_how *how, struct errmsg *em) PET_MUST_USE;

#endif
