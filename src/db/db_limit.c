#include "db/db_limit.h"

static void fill(int64_t *v, int64_t fallback)
{
	if (*v == LIMIT_DEFAULT)
		*v = fallback;
}

void limit_fill(struct job_limits *l, const struct job_limits *defaults)
{
	fill(&l->running, defaults->running);
	fill(&l->queued, defaults->queued);
	fill(&l->bytes_day, defaults->bytes_day);
}

static int refuse(struct errmsg *em, const char *code, const char *owner, const char *what, int64_t have, int64_t limit)
{
	return errmsg_set(em, ERR_BUSY, code, "%s has %lld %s, and the limit is %lld: try again when there are fewer",
			  owner, (long long)have, what, (long long)limit);
}

/* One lock for all: without it two submits at once would both count the same jobs. Outside a transaction it holds nothing. */
static int lock(struct db *db)
{
	int64_t n;
	int rc = db_query_int(db, &n, "SELECT 1 FROM setting WHERE name = 'limits' FOR UPDATE", DB_NOARGS);

	return rc == ERR_NOTFOUND ? 0 : rc;
}

static int check_jobs(struct db *db, const char *status, int64_t limit, const char *submitter, const char *owner, int64_t *have)
{
	*have = 0;
	if (limit == 0)
		return 0;
	return db_query_int(db, have, "SELECT COUNT(*) FROM job WHERE status = ? AND owner = ? AND submitter = ?",
			    DB_ARGS(db_s(status), db_s(owner), db_s(submitter)));
}

int limit_check(struct db *db, const struct job_limits *l, const char *submitter, const char *owner, struct errmsg *em)
{
	int64_t running, queued, bytes = 0;
	int rc = 0;

	if (l->running == 0 && l->queued == 0 && l->bytes_day == 0)
		return 0;
	TRY(lock(db));
	TRY(check_jobs(db, "RUNNING", l->running, submitter, owner, &running));
	TRY(check_jobs(db, "INIT", l->queued, submitter, owner, &queued));
	if (l->bytes_day)
		TRY(db_query_int(db, &bytes, "SELECT CAST(COALESCE(SUM(t.bytes_sent + t.bytes_received), 0) AS SIGNED) FROM job j "
				 "JOIN task t ON t.job = j.id WHERE j.owner = ? AND j.submitter = ? AND "
				 "j.created_at > UTC_TIMESTAMP(6) - INTERVAL 1 DAY AND t.party = j.self",
				 DB_ARGS(db_s(owner), db_s(submitter))));
	if (l->running && running >= l->running)
		rc = refuse(em, "LIMIT_RUNNING_JOBS", owner, "running jobs", running, l->running);
	else if (l->queued && queued >= l->queued)
		rc = refuse(em, "LIMIT_QUEUED_JOBS", owner, "queued jobs", queued, l->queued);
	else if (l->bytes_day && bytes >= l->bytes_day)
		rc = refuse(em, "LIMIT_BYTES_PER_DAY", owner, "bytes in jobs of the last 24 hours", bytes, l->bytes_day);
out:
	return rc;
}
