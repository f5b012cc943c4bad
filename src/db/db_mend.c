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

/* A reason of this party beside the end that it takes over, so that no job ends without one. */
static int end_here(struct db *db, struct job_row *j, enum job_state status, const char *code, const char *text, const char *actor)
{
	int rc;

	TRY(row_error(db, j, j->self, "", code, text, "", 1));
	rc = step_end(db, j, status, actor, text);
out:
	return rc;
}

static int mend_submit(struct db *db, struct job_row *j, const char *actor)
{
	char text[160];

	if (j->accepted == ACCEPT_PENDING)
		return job_send_submit(db, j);
	/* What was finished there went with its database. No kill is sent: it would leave a tombstone in the way of a rerun. */
	snprintf(text, sizeof(text), "%.64s no longer knows the job", j->peer);
	j->accepted = ACCEPT_NO;
	return end_here(db, j, JOB_FAILED, "PEER_FORGOT", text, actor);
}

static int mend_accepted(struct db *db, struct job_row *j, const char *actor)
{
	int rc;

	if (j->accepted != ACCEPT_PENDING)
		return 0;
	j->accepted = ACCEPT_YES;
	j->waiting_for[0] = '\0';
	TRY(row_save_job(db, j, actor, ""));
	rc = step_next(db, j, actor);
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

static int all_done(const struct job_row *j)
{
	for (unsigned i = 0; i < j->group_count; i++)
		if (j->group[i].state != GROUP_DONE)
			return 0;
	return 1;
}

/* Committed there: outputs are staged under the numbers of that attempt, which this database may not know. */
static void number_as_there(struct group_row *g, const struct mend_job *m)
{
	const json_t *v = json_array_get(m->their_groups, g->idx);
	const json_t *attempt = json_object_get(v, "attempt"), *epoch = json_object_get(v, "epoch");

	if (json_is_integer(attempt) && json_integer_value(attempt) > g->attempt)
		g->attempt = json_integer_value(attempt);
	if (json_is_integer(epoch) && json_integer_value(epoch) >= 0 && json_integer_value(epoch) <= m->their_epoch)
		g->epoch = json_integer_value(epoch);
}

/*
 * The job is a SUCCESS there, so every group was committed, at both. What is
 * not published here yet is still staged; what was is found published.
 */
static int take_success(struct db *db, struct job_row *j, const struct mend_job *m)
{
	int rc;

	j->status = JOB_RUNNING;
	j->kill_reason[0] = '\0';
	TRY(row_save_job(db, j, m->actor, "committed at the other party"));
	for (unsigned i = 0; i < j->group_count; i++) {
		struct group_row *g = &j->group[i];

		if (group_state_committed(g->state))
			continue;
		g->epoch = j->epoch;
		number_as_there(g, m);
		TRY(step_committed(db, j, g, m->actor));
	}
	if (all_done(j) && j->status == JOB_RUNNING) {
		j->status = JOB_SUCCESS;
		TRY(row_save_job(db, j, m->actor, "as at the other party"));
	}
out:
	return rc;
}

/* The other party's end stands. */
static int mend_take(struct db *db, struct job_row *j, const struct mend_job *m)
{
	int state = job_state_parse(m->their_status);
	char text[160];

	if (state < 0 || !job_state_ended((enum job_state)state))
		return ERR_INPUT;
	if (m->their_epoch > j->epoch)
		j->epoch = m->their_epoch;
	if (state == JOB_SUCCESS)
		return take_success(db, j, m);
	snprintf(text, sizeof(text), "%s at %.64s", job_state_name((enum job_state)state), j->peer);
	return end_here(db, j, (enum job_state)state, "ENDED_THERE", text, m->actor);
}

/* Once every group is committed a kill comes too late; the follower may not have heard of the commits. */
static int mend_kill(struct db *db, struct job_row *j, const char *actor)
{
	int rc = 0;

	if (job_state_ended(j->status))
		return 0;
	if (!step_sealed(j))
		return step_end_all(db, j, JOB_CANCELED, "KILLED", "killed at the other party", actor);
	for (unsigned i = 0; i < j->group_count; i++)
		TRY(step_send_commit(db, j, &j->group[i]));
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

/* The attempt is lost: the next one is numbered above both. What waits for other groups goes on waiting. */
static int mend_retry(struct db *db, struct job_row *j, struct group_row *g, const struct mend_job *m)
{
	int waits = g->state == GROUP_WAITING, rc;

	if (g->retries >= j->max_retries)
		return step_end_all(db, j, JOB_FAILED, "ATTEMPT_LOST", "an attempt was lost, and max_retries allows no other one", m->actor);
	if (g->attempt < m->their_attempt)
		g->attempt = m->their_attempt;
	TRY(step_retry(db, j, g, m->actor));
	if (!waits)
		goto out;
	g->state = GROUP_WAITING;
	TRY(row_save_group(db, j, g, m->actor, "what it depends on is not done"));
	rc = step_next(db, j, m->actor);
out:
	return rc;
}

/* Follower: the leader has ended this attempt, or is at a newer one, whose start is then welcome. */
static int mend_end(struct db *db, struct job_row *j, struct group_row *g, const struct mend_job *m)
{
	if (m->their_attempt <= g->attempt) {
		g->state = GROUP_CANCELED;
		return row_save_group(db, j, g, m->actor, "the leader has ended it");
	}
	g->attempt = m->their_attempt;
	g->state = GROUP_WAITING;
	return step_next_attempt(db, j, g, m->actor, "the leader is at a newer attempt");
}

static int mend_group(struct db *db, struct job_row *j, enum mend what, const struct mend_job *m)
{
	struct group_row *g = row_group(j, m->group);

	if (!g)
		return ERR_INPUT;
	switch (what) {
	case MEND_G_RETRY:
		return mend_retry(db, j, g, m);
	case MEND_G_SEND_END:
		return row_send(db, j, "release", json_pack("{s:i, s:I, s:s, s:b}", "group", (int)g->idx, "attempt",
				(json_int_t)m->their_attempt, "reservation", "00000000000000000000000000000000", "grant_only", 0));
	case MEND_G_PREPARED:
		return mend_prepared(db, j, g, m->actor);
	case MEND_G_SEND_COMMIT:
		return step_send_commit(db, j, g);
	case MEND_G_COMMITTED:
		if (group_state_committed(g->state))
			return 0;
		number_as_there(g, m);
		return step_committed(db, j, g, m->actor);
	case MEND_G_FAIL:
		return step_end_all(db, j, JOB_FAILED, "RESTORED", "the parties' databases differ about a finished group", m->actor);
	default:
		return mend_end(db, j, g, m);
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
		return mend_kill(db, j, m->actor);
	case MEND_TAKE:
		return mend_take(db, j, m);
	case MEND_TAKE_RERUN:
		return j->leader ? 0 : step_rerun(db, j, m->their_epoch, m->actor);
	case MEND_LOST:
		return end_here(db, j, JOB_CANCELED, "LEADER_FORGOT", "the main party does not know the job", m->actor);
	case MEND_ABORT:
		return mend_abort(db, j, m);
	default:
		return mend_group(db, j, what, m);
	}
}

static const char *mend_name(enum mend what)
{
	static const char *const words[] = {
		"none", "submit again", "accepted", "state told again", "rerun told again", "kill told again", "kill", "end taken over",
		"rerun taken over", "the leader forgot the job", "abort", "bury", "attempt lost", "end of a group told again",
		"prepared there", "commit told again", "committed there", "group lost", "group ended",
	};

	return (size_t)what < PET_ARRAY_SIZE(words) ? words[what] : "?";
}

static int mend_tx(struct db *db, void *arg)
{
	const struct mending *a = arg;
	struct job_row *j = NULL;
	char detail[160];
	int rc;

	TRY(row_lock(db, &j, a->m->job_id));
	rc = ERR_CONFLICT;
	if (strcmp(j->peer, a->m->peer) != 0 || j->epoch != a->m->epoch)
		goto out;
	snprintf(detail, sizeof(detail), "%s; %s at %.64s", mend_name(a->what), *a->m->their_status ? a->m->their_status : "unknown",
		 j->peer);
	TRY(row_event(db, j, "peer", "", "reconcile", a->m->actor, detail));
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
