#include "db/db_reconcile.h"

#include <string.h>

#include "base/util.h"
#include "db/db_peer_impl.h"

#define VIEW "SELECT j.id, j.job_id, j.status, j.kill_reason IS NOT NULL, j.accepted = 'accepted', j.epoch, j.seq_in, j.seq_out, " \
	"j.role = 'leader', (SELECT COUNT(*) FROM outbox o WHERE o.job = j.id AND o.seq IS NOT NULL), j.submitter = j.self FROM job j "

static json_t *groups_of(struct db *db, int64_t job)
{
	json_t *list = json_array();
	struct db_rows *r = NULL;
	int rc;

	TRY(db_query(db, &r, "SELECT state, attempt, epoch FROM job_group WHERE job = ? ORDER BY idx", DB_ARGS(db_i(job))));
	while ((rc = db_next(r)) > 0)
		json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "state", db_text(r, 0), "attempt", (json_int_t)db_int(r, 1),
						      "epoch", (json_int_t)db_int(r, 2)));
out:
	db_done(r);
	if (rc != 0) {
		json_decref(list);
		list = NULL;
	}
	return list;
}

static json_t *view(struct db *db, struct db_rows *r)
{
	json_t *groups = groups_of(db, db_int(r, 0));

	return groups ? json_pack("{s:s, s:b, s:s, s:b, s:b, s:I, s:I, s:I, s:b, s:I, s:b, s:o}", "job_id", db_text(r, 1), "known", 1,
				  "status", db_text(r, 2), "killing", (int)db_int(r, 3), "accepted", (int)db_int(r, 4),
				  "epoch", (json_int_t)db_int(r, 5), "seq_in", (json_int_t)db_int(r, 6), "seq_out",
				  (json_int_t)db_int(r, 7), "leader", (int)db_int(r, 8), "pending", (json_int_t)db_int(r, 9),
				  "submitter", (int)db_int(r, 10), "groups", groups)
		      : NULL;
}

int db_reconcile_views(struct db *db, const char *peer, int64_t recent_s, int64_t after, json_t **out, int64_t *next)
{
	json_t *list = json_array();
	struct db_rows *r = NULL;
	int rc;

	*next = 0;
	TRY(db_query(db, &r, VIEW "JOIN (SELECT id FROM job WHERE status IN ('INIT', 'RUNNING') AND id > ? UNION "
		     "SELECT id FROM job WHERE ended_at > UTC_TIMESTAMP(6) - INTERVAL ? SECOND AND id > ?) a ON a.id = j.id "
		     "WHERE j.peer = ? ORDER BY j.id LIMIT ?",
		     DB_ARGS(db_i(after), db_i(recent_s), db_i(after), db_s(peer), db_i(RECONCILE_JOBS_MAX))));
	while ((rc = db_next(r)) > 0) {
		*next = db_int(r, 0);
		if (json_array_append_new(list, view(db, r)) != 0) {
			rc = ERR_DB_RETRY;
			goto out;
		}
	}
	if (json_array_size(list) < RECONCILE_JOBS_MAX)
		*next = 0;
out:
	db_done(r);
	if (rc != 0) {
		json_decref(list);
		list = NULL;
	}
	*out = list;
	return rc;
}

static int view_of_unknown(struct db *db, const char *peer, const char *job_id, json_t **out)
{
	int64_t dead;
	int rc = db_query_int(db, &dead, "SELECT COUNT(*) FROM tombstone WHERE job_id = ? AND peer = ?",
			      DB_ARGS(db_s(job_id), db_s(peer)));

	if (rc != 0)
		return rc;
	*out = json_pack("{s:s, s:b, s:b}", "job_id", job_id, "known", 0, "tombstone", dead > 0);
	return *out ? 0 : ERR_NOMEM;
}

int db_reconcile_view(struct db *db, const char *peer, const char *job_id, json_t **out)
{
	struct db_rows *r = NULL;
	int rc;

	*out = NULL;
	TRY(db_query(db, &r, VIEW "WHERE j.job_id = ? AND j.peer = ?", DB_ARGS(db_s(job_id), db_s(peer))));
	rc = db_next(r);
	if (rc > 0) {
		*out = view(db, r);
		rc = *out ? 0 : ERR_DB_RETRY;
	} else if (rc == 0) {
		rc = view_of_unknown(db, peer, job_id, out);
	}
out:
	db_done(r);
	return rc;
}

/* The other party asks: our view of each job that it names. It does the same from its side when we ask. */
int peer_reconcile(struct db *db, struct peer_msg *m)
{
	const json_t *jobs = json_object_get(m->body, "jobs"), *v;
	json_t *list = json_array();
	size_t i;
	int rc = ERR_INPUT;

	if (!json_is_array(jobs) || json_array_size(jobs) > RECONCILE_JOBS_MAX) {
		errmsg_set(m->em, rc, "BAD_FIELD", "jobs: expected a list of at most %d", RECONCILE_JOBS_MAX);
		goto out;
	}
	json_array_foreach(jobs, i, v) {
		const char *id;
		json_t *mine;

		TRY(peer_str(v, "job_id", 62, &id, m->em));
		if (util_job_id_ok(id) != 0) {
			rc = errmsg_set(m->em, ERR_INPUT, "BAD_FIELD", "job_id: not a job's id");
			goto out;
		}
		TRY(db_reconcile_view(db, m->sender, id, &mine));
		json_array_append_new(list, mine);
	}
	*m->reply = json_pack("{s:b, s:o}", "success", 1, "jobs", list);
	list = NULL;
	rc = *m->reply ? 0 : ERR_NOMEM;
out:
	json_decref(list);
	return rc;
}

struct renumber {
	const char *job_id;
	int64_t seen;
};

static int renumber_tx(struct db *db, void *arg)
{
	const struct renumber *a = arg;
	struct job_row *j = NULL;
	int64_t up;
	int rc;

	TRY(row_lock(db, &j, a->job_id));
	up = a->seen - j->seq_out;
	if (up <= 0)
		goto out;
	TRY(db_exec(db, "UPDATE outbox SET seq = seq + ?, body = JSON_SET(body, '$.seq', seq) WHERE job = ? AND seq IS NOT NULL "
		    "ORDER BY seq DESC", DB_ARGS(db_i(up), db_i(j->id))));
	TRY(db_exec(db, "UPDATE job SET seq_out = ? WHERE id = ?", DB_ARGS(db_i(a->seen), db_i(j->id))));
	rc = row_event(db, j, "peer", "", "renumbered", j->peer, "the peer has seen messages that this database does not know");
out:
	row_free(j);
	return rc;
}

int db_reconcile_seq(struct db *db, const char *job_id, int64_t seen)
{
	struct renumber a = { .job_id = job_id, .seen = seen };

	return db_tx(db, renumber_tx, NULL, &a);
}
