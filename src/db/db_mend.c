/* The steps that mend a difference between the parties: db_reconcile.h's second half. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db_job_impl.h"
#include "db/db_reconcile.h"
#include "db/db_step.h"

struct mending {
	enum mend what;
	const struct mend_job *m;
};

static int mend_submit(struct db *db, struct job_row *j, const char *actor)
{
	char text[160];

	if (j->accepted == ACCEPT_PENDING)
		return job_send_submit(db, j);
	/* What was finished there went with its database: nothing can be built on it. */
	snprintf(text, sizeof(text), "%.64s no longer knows the job", j->peer);
	return step_end_all(db, j, JOB_FAILED, "PEER_FORGOT", text, actor);
}

static int mend_accepted(struct db *db, struct job_row *j, const char *actor)
{
	int rc;

	if (j->accepted != ACCEPT_PENDING)
		return 0;
	j->accepted = ACCEPT_YES;
	j->waiting_for[0] = '\0';
	TRY(row_save_job(db, j, actor, ""));
	rc = step_ready(db, j, actor);
out:
	return rc;
}

/* A decided kill that repeats how the job ended, errors included. */
static int send_end(struct db *db, struct job_row *j)
{
	json_t *errors = NULL, *body;
	int rc;

	TRY(step_errors(db, j, &errors));
	body = json_pack("{s:s, s:s, s:b, s:o}", "status", job_state_name(j->status), "reason", "the job has ended", "decided", 1,
			 "errors", errors);
	rc = row_send(db, j, "kill", body);
out:
	return rc;
}

static int send_state(struct db *db, struct job_row *j)
{
	int rc = 0;

	if (!j->leader || !job_state_ended(j->status))
		return 0;
	if (j->status != JOB_SUCCESS)
		return send_end(db, j);
	for (unsigned i = 0; i < j->group_count; i++)
		TRY(step_send_commit(db, j, &j->group[i]));
out:
	return rc;
}

/* The other party's end stands. Outputs of a SUCCESS were published before this database forgot them. */
static int mend_take(struct db *db, struct job_row *j, const struct mend_job *m)
{
	int state = job_state_parse(m->their_status), rc = 0;

	if (state < 0 || !job_state_ended((enum job_state)state))
		return ERR_INPUT;
	j->epoch = m->their_epoch;
	if (state != JOB_SUCCESS)
		return step_end(db, j, (enum job_state)state, m->actor, "as at the other party");
	if (!j->leader)
		return 0;	/* the leader repeats its commits, and this party publishes by them */
	if (job_state_ended(j->status))
		j->status = JOB_RUNNING;
	for (unsigned i = 0; i < j->group_count; i++)
		if (j->group[i].state != GROUP_DONE)
			TRY(step_done(db, j, &j->group[i], m->actor));
out:
	return rc;
}

static int mend_abort(struct db *db, struct job_row *j, const struct mend_job *m)
{
	j->epoch = m->their_epoch;
	return step_end_all(db, j, JOB_FAILED, "RESTORED", "this party's database is older than what it had decided", m->actor);
}

static int mend_prepared(struct db *db, struct job_row *j, struct group_row *g, const char *actor)
{
	int rc = 0;

	for (unsigned i = 0; i < j->task_count; i++) {
		struct task_row *t = &j->task[i];

		if (t->group == g && !t->own && (t->status == TASK_INIT || t->status == TASK_RUNNING))
			TRY(row_save_task(db, j, t, TASK_PREPARED, actor));
	}
	rc = step_decide(db, j, g, actor);
out:
	return rc;
}

static int mend_group(struct db *db, struct job_row *j, enum mend what, const struct mend_job *m)
{
	struct group_row *g = row_group(j, m->group);

	if (!g)
		return ERR_INPUT;
	switch (what) {
	case MEND_G_RETRY:
		if (g->attempt < m->their_attempt)
			g->attempt = m->their_attempt;
		return step_retry(db, j, g, m->actor);
	case MEND_G_SEND_END:
		return row_send(db, j, "release", json_pack("{s:i, s:I, s:s, s:b}", "group", (int)g->idx, "attempt",
				(json_int_t)m->their_attempt, "reservation", "00000000000000000000000000000000", "grant_only", 0));
	case MEND_G_PREPARED:
		return mend_prepared(db, j, g, m->actor);
	case MEND_G_SEND_COMMIT:
		return step_send_commit(db, j, g);
	case MEND_G_COMMITTED:
		return group_state_committed(g->state) ? 0 : step_committed(db, j, g, m->actor);
	case MEND_G_FAIL:
		return step_end_all(db, j, JOB_FAILED, "RESTORED", "the parties' databases differ about a finished group", m->actor);
	default:
		g->state = GROUP_CANCELED;
		return row_save_group(db, j, g, m->actor, "the leader has ended it");
	}
}

static int mend_job(struct db *db, struct job_row *j, enum mend what, const struct mend_job *m)
{
	switch (what) {
	case MEND_NONE:
	case MEND_BURY:
		return 0;
	case MEND_SUBMIT:
		return mend_submit(db, j, m->actor);
	case MEND_ACCEPTED:
		return mend_accepted(db, j, m->actor);
	case MEND_SEND_STATE:
		return send_state(db, j);
	case MEND_SEND_RERUN:
		return row_send(db, j, "rerun", json_object());
	case MEND_SEND_KILL:
		return row_send(db, j, "kill", json_pack("{s:s, s:b}", "reason", *j->kill_reason ? j->kill_reason : "killed", "decided", 0));
	case MEND_KILL:
		return job_state_ended(j->status) ? 0 : step_end_all(db, j, JOB_CANCELED, "KILLED", "killed at the other party", m->actor);
	case MEND_TAKE:
		return mend_take(db, j, m);
	case MEND_TAKE_RERUN:
		return j->leader ? 0 : step_rerun(db, j, m->their_epoch, m->actor);
	case MEND_LOST:
		return step_end(db, j, JOB_CANCELED, m->actor, "the main party does not know the job");
	case MEND_ABORT:
		return mend_abort(db, j, m);
	default:
		return mend_group(db, j, what, m);
	}
}

static int mend_tx(struct db *db, void *arg)
{
	const struct mending *a = arg;
	struct job_row *j = NULL;
	int rc;

	TRY(row_lock(db, &j, a->m->job_id));
	rc = ERR_CONFLICT;
	if (strcmp(j->peer, a->m->peer) != 0 || j->epoch != a->m->epoch)
		goto out;
	TRY(row_event(db, j, "peer", "", "reconcile", a->m->actor, a->m->their_status));
	rc = mend_job(db, j, a->what, a->m);
out:
	row_free(j);
	return rc;
}

int db_reconcile_mend(struct db *db, enum mend what, const struct mend_job *m)
{
	struct mending a = { .what = what, .m = m };

	if (what == MEND_NONE)
		return 0;
	if (what == MEND_BURY)
		return db_exec(db, "INSERT IGNORE INTO tombstone (job_id, peer, reason) VALUES (?, ?, 'killed at the other party')",
			       DB_ARGS(db_s(m->job_id), db_s(m->peer)));
	return db_tx(db, mend_tx, NULL, &a);
}
