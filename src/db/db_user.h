/* Table api_user: who may ask this party. Reading is the API's part; all changes are an administrator's (pet user). */
#ifndef PET_DB_DB_USER_H
#define PET_DB_DB_USER_H

#include <stdint.h>

#include "base/err.h"
#include "db/db.h"
#include "db/db_limit.h"

enum user_role { USER_OPERATOR, USER_NODE, USER_ADMIN, USER_ROLES };
extern const char *const user_role_name[USER_ROLES];

struct user_row {
	char name[65], note[256], created_at[DB_TIME_MAX];
	enum user_role role;
	int revoked;
	int64_t tokens_from;		/* seconds since 1970: older tokens are refused */
	struct job_limits limits;	/* LIMIT_DEFAULT where the row has none */
};

/* ERR_NOTFOUND. */
int db_user_get(struct db *db, struct user_row *out, const char *name) PET_MUST_USE;
/* By name; `each` returning an error ends the list. */
int db_user_list(struct db *db, int (*each)(const struct user_row *u, void *arg), void *arg) PET_MUST_USE;

/* ERR_CONFLICT: the name exists. */
int db_user_add(struct db *db, const char *name, enum user_role role, const char *note) PET_MUST_USE;
/*
 * Both end all tokens there are: tokens_from becomes later than now and than
 * it was, for a token may have been made with tokens_from as its iat in this
 * very second. now: seconds since 1970. ERR_NOTFOUND.
 */
int db_user_state(struct db *db, const char *name, int revoked, int64_t now) PET_MUST_USE;
int db_user_rotate(struct db *db, const char *name, int64_t now) PET_MUST_USE;
/* LIMIT_KEEP leaves one as it is, LIMIT_DEFAULT removes it. ERR_NOTFOUND. */
int db_user_limit(struct db *db, const char *name, const struct job_limits *limits) PET_MUST_USE;

#endif
