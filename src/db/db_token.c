#include "db/db_token.h"

int db_token_use(struct db *db, const char *iss, const char *jti, int64_t exp)
{
	int rc;

	TRY(db_exec(db, "INSERT INTO jti (iss, jti, exp) VALUES (?, ?, ?)", DB_ARGS(db_s(iss), db_s(jti), db_i(exp))));
	/* Now and then, by the token's own randomness, so that no process needs a timer for it. */
	if (jti[0] == '0' && jti[1] == '0')
		rc = db_exec(db, "DELETE FROM jti WHERE exp < UNIX_TIMESTAMP() - 600 LIMIT 10000", DB_NOARGS);
out:
	return rc;
}
