/* The memory of node tokens already used: each jti is good once per issuer. */
#ifndef PET_DB_DB_TOKEN_H
#define PET_DB_DB_TOKEN_H

#include <stdint.h>

#include "base/err.h"
#include "db/db.h"

/* exp: seconds since 1970. ERR_CONFLICT when this jti was used before; expired ones are forgotten now and then. */
int db_token_use(struct db *db, const char *iss, const char *jti, int64_t exp) PET_MUST_USE;

#endif
