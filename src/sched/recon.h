/* One round of reconciliation with one peer: views out, views in, the tables of reconcile.h decide, the database acts. */
#ifndef PET_SCHED_RECON_H
#define PET_SCHED_RECON_H

#include <jansson.h>

#include "base/err.h"
#include "db/db.h"
#include "db/db_sched.h"

struct recon;

struct recon *recon_new(const struct sched_who *who, const char *peer);
void recon_free(struct recon *r);
/* `exchange` sends {"jobs": [views]} and brings the reply, or ERR_PEER. *did counts what was mended. */
int recon_round(struct recon *r, struct db *db, int (*exchange)(void *arg, const char *body, json_t **reply), void *arg,
		unsigned *did) PET_MUST_USE;

#endif
