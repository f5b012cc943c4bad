#include "db/db_ready.h"

int db_ready_sched_age(struct db *db, int64_t *seconds)
{
	int rc = db_query_int(db, seconds, "SELECT COALESCE(TIMESTAMPDIFF(SECOND, MAX(seen_at), CURRENT_TIMESTAMP(6)), -1) "
			      "FROM scheduler", DB_NOARGS);

	/* A clock that was set back makes a small negative age; only -1 of an empty table is none. */
	if (rc == 0 && *seconds < 0)
		return ERR_NOTFOUND;
	return rc;
}
