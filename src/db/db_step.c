#include "db/db_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dag.h"
#include "base/util.h"

static int is_active_job(const struct job_row *j)
{
	return j->status == JOB_INIT || j->status == JOB_RUNNING;
}

static void drop_lease(struct group_row *g)
{
	g->reservation[0] = '\0';
	g->has_key = 0;
	explicit_bzero(g->key, sizeof(g->key));
	g->lease_owner[0] = '\0';
	g->lease_gen++;
}

struct tally {
	unsigned all, prepared, own, own_prepared;
	unsigned own_failed, peer_failed;	/* with a cause of their own */
	unsigned own_closed, peer_closed;	/* consequences only */
	unsigned permanent;			/* causes that another attempt would meet again */
};

static struct tally count(const struct job_row *j, const struct group_row *g)
{
	struct tally n = { 0 };

	for (unsigned i = 0; i < j->task_count; i++) {
		const struct task_row *t = &j->task[i];
		int closed = row_is_consequence(t->code);

		if (t->group != g)
			continue;
		n.all++;
		n.own += t->own != 0;
		n.prepared += t->status == TASK_PREPARED;
		n.own_prepared += t->own && t->status == TASK_PREPARED;
		if (t->status != TASK_FAILED)
			continue;
		n.own_failed += t->own && !closed;
		n.peer_failed += !t->own && !closed;
		n.own_closed += t->own && closed;
		n.peer_closed += !t->own && closed;
		n.permanent += !closed && !t->retryable;
	}
	return n;
}

/* The reasons are all there, or it makes no sense to wait for more. */
static int is_settled(const struct group_row *g, const struct tally *n)
{
	return n->own_failed || n->peer_failed || (n->own_closed && n->peer_closed) ||
	       (g->state == GROUP_FAILED && g->due) || n->own == 0 || n->own == n->all;
}

/* The rows as src/base/dag.h sees them. */
struct view {
	struct dag_group group[DAG_GROUPS_MAX];
	struct dag_job job;
	struct dag_actions actions;
};

static void look(struct view *v, const struct job_row *j)
{
	v->job = (struct dag_job){ j->status, j->max_retries, j->peer[0] && j->accepted != ACCEPT_YES, v->group, j->group_count };
	for (unsigned i = 0; i < j->group_count; i++) {
		const struct group_row *g = &j->group[i];
		struct tally n = { 0 };

		if (g->state == GROUP_FAILED)
			n = count(j, g);
		v->group[i] = (struct dag_group){ g->state, g->retries, n.permanent > 0,
						  g->state == GROUP_FAILED && !is_settled(g, &n), g->depends };
	}
}

int step_sealed(const struct job_row *j)
{
	struct view v;

	look(&v, j);
	return dag_past_kill(&v.job);
}

int step_task_ended(struct db *db, struct job_row *j, struct task_row *t, const struct task_end *e, const char *actor)
{
	int rc;

	t->retryable = !e->prepared && e->retryable;
	snprintf(t->code, sizeof(t->code), "%s", e->prepared ? "" : e->code);
	snprintf(t->message, sizeof(t->message), "%s", e->prepared ? "" : e->message);
	snprintf(t->local, sizeof(t->local), "%s", e->prepared ? "" : e->local);
	TRY(row_save_task(db, j, t, e->prepared ? TASK_PREPARED : TASK_FAILED, actor));
	TRY(db_exec(db, "UPDATE task SET result = ?, bytes_sent = ?, bytes_received = ?, rounds = ?, peak_rss_bytes = ?, "
		    "progress = IF(?, 1, progress), log_tail = COALESCE(?, log_tail), "
		    "ended_at = UTC_TIMESTAMP(6) WHERE id = ?",
		    DB_ARGS(db_s(e->result), db_i(e->bytes_sent), db_i(e->bytes_received), db_i(e->rounds),
			    db_i(e->peak_rss_bytes), db_i(e->prepared), db_s(e->log_tail), db_i(t->id))));
	rc = db_exec(db, "UPDATE job SET rev = rev + 1 WHERE id = ?", DB_ARGS(db_i(j->id)));
out:
	return rc;
}

/* --- the end of groups and jobs ---------------------------------------- */

static int end_tasks(struct db *db, struct job_row *j, const struct group_row *g, enum task_state to, const char *actor)
{
	int rc = 0;

	for (unsigned i = 0; i < j->task_count; i++) {
		struct task_row *t = &j->task[i];

		/* Of a committed group only a database from a backup knows a failure: it was of an earlier attempt. */
		if (t->group != g || (t->status == TASK_FAILED && to != TASK_SUCCESS) || t->status == TASK_SUCCESS || t->status == to)
			continue;
		if (to == TASK_SUCCESS)
			t->code[0] = t->message[0] = t->local[0] = '\0';
		TRY(row_save_task(db, j, t, to, actor));
	}
out:
	return rc;
}

static int end_group(struct db *db, struct job_row *j, struct group_row *g, const char *actor, const char *detail)
{
	int rc;

	if (g->state != GROUP_FAILED)
		g->state = GROUP_CANCELED;
	drop_lease(g);
	TRY(row_save_group(db, j, g, actor, detail));
	rc = end_tasks(db, j, g, TASK_CANCELED, actor);
out:
	return rc;
}

static int end_job(struct db *db, struct job_row *j, enum job_state status, const char *actor, const char *detail)
{
	j->status = status;
	j->waiting_for[0] = '\0';
	j->kill_reason[0] = '\0';
	return row_save_job(db, j, actor, detail);
}

int step_end(struct db *db, struct job_row *j, enum job_state status, const char *actor, const char *detail)
{
	struct view v;
	int rc;

	look(&v, j);
	TRY(dag_end(&v.actions, &v.job));
	for (unsigned i = 0; i < v.actions.count; i++)
		TRY(end_group(db, j, &j->group[v.actions.list[i].group], actor, detail));
	rc = end_job(db, j, status, actor, detail);
out:
	return rc;
}

int step_end_all(struct db *db, struct job_row *j, enum job_state status, const char *code, const char *message,
		 const char *actor)
{
	json_t *errors = NULL, *body;
	int rc;

	TRY(row_error(db, j, j->self, "", code, message, "", 0));
	TRY(step_end(db, j, status, actor, message));
	TRY(step_errors(db, j, &errors));
	body = json_pack("{s:s, s:s, s:b, s:o}", "status", job_state_name(status), "reason", message, "decided", 1,
			 "errors", errors);
	errors = NULL;
	rc = row_send(db, j, "kill", body);
out:
	json_decref(errors);
	return rc;
}

int step_next_attempt(struct db *db, struct job_row *j, struct group_row *g, const char *actor, const char *detail)
{
	int rc = 0;

	/* What the last attempt waited for; the caller may know more. */
	j->waiting_for[0] = '\0';
	drop_lease(g);
	TRY(row_save_group(db, j, g, actor, detail));
	for (unsigned i = 0; i < j->task_count; i++) {
		struct task_row *t = &j->task[i];

		if (t->group != g)
			continue;
		t->attempt = g->attempt;
		t->code[0] = t->message[0] = t->local[0] = '\0';
		t->retryable = 0;
		TRY(row_save_task(db, j, t, TASK_INIT, actor));
	}
	rc = db_exec(db, "UPDATE job SET rev = rev + 1, waiting_for = '' WHERE id = ?", DB_ARGS(db_i(j->id)));
out:
	return rc;
}

int step_done(struct db *db, struct job_row *j, struct group_row *g, const char *actor)
{
	int rc;

	g->state = GROUP_DONE;
	drop_lease(g);
	TRY(row_save_group(db, j, g, actor, ""));
	TRY(end_tasks(db, j, g, TASK_SUCCESS, actor));
	TRY(row_save_job(db, j, actor, ""));
	rc = step_next(db, j, actor);
out:
	return rc;
}

int step_committed(struct db *db, struct job_row *j, struct group_row *g, const char *actor)
{
	int rc;

	g->state = GROUP_COMMITTED;
	TRY(row_save_group(db, j, g, actor, ""));
	j->waiting_for[0] = '\0';
	TRY(row_save_job(db, j, actor, ""));
	if (g->own_tasks == 0)
		rc = step_done(db, j, g, actor);
out:
	return rc;
}

int step_rerun(struct db *db, struct job_row *j, int64_t epoch, const char *actor)
{
	struct view v;
	int rc;

	look(&v, j);
	TRY(dag_rerun(&v.actions, &v.job));
	j->epoch = epoch;
	for (unsigned i = 0; i < v.actions.count; i++) {
		struct group_row *g = &j->group[v.actions.list[i].group];

		g->epoch = epoch;
		g->retries = 0;
		g->attempt = 0;
		g->state = GROUP_WAITING;
		TRY(step_next_attempt(db, j, g, actor, "rerun"));
	}
	j->status = JOB_INIT;
	TRY(row_save_job(db, j, actor, "rerun"));
	TRY(db_exec(db, "UPDATE job SET started_at = NULL, deadline_at = IF(timeout_seconds > 0, UTC_TIMESTAMP(6) "
		    "+ INTERVAL timeout_seconds SECOND, NULL) WHERE id = ?", DB_ARGS(db_i(j->id))));
	rc = step_next(db, j, actor);
out:
	return rc;
}

/* --- decisions --------------------------------------------------------- */

/* Up to a half longer, so that what failed together does not come back together. */
static int64_t backoff_ms(int64_t retries)
{
	int64_t ms = dag_backoff(retries);
	uint16_t r;

	util_random(&r, sizeof(r));
	return ms + (int64_t)r * ms / (2 * 65536);
}

static int send_outcome(struct db *db, struct job_row *j, const struct group_row *g, const char *outcome,
			int64_t attempt, json_t *errors, json_t *tasks)
{
	json_t *body = json_pack("{s:s, s:i, s:I, s:I, s:I}", "outcome", outcome, "group", (int)g->idx, "group_epoch",
				 (json_int_t)g->epoch, "attempt", (json_int_t)attempt, "next_attempt", (json_int_t)g->attempt);

	if (body && errors)
		json_object_set_new(body, "errors", errors);
	if (body && tasks)
		json_object_set_new(body, "tasks", tasks);
	return row_send(db, j, "commit", body);
}

int step_send_commit(struct db *db, struct job_row *j, const struct group_row *g)
{
	json_t *tasks = NULL;
	int rc;

	TRY(step_results(db, j, g, &tasks));
	rc = send_outcome(db, j, g, "committed", g->attempt, NULL, tasks);
out:
	return rc;
}

static int commit_group(struct db *db, struct job_row *j, struct group_row *g, const char *actor)
{
	int rc;

	TRY(step_send_commit(db, j, g));
	rc = step_committed(db, j, g, actor);
out:
	return rc;
}

static int note_errors(struct db *db, struct job_row *j, const struct group_row *g)
{
	int rc = 0;

	for (unsigned i = 0; i < j->task_count; i++) {
		struct task_row *t = &j->task[i];

		if (t->group == g && t->status == TASK_FAILED)
			TRY(row_error(db, j, t->party, t->name, t->code, t->message, t->local, row_is_consequence(t->code)));
	}
out:
	return rc;
}

int step_retry(struct db *db, struct job_row *j, struct group_row *g, const char *actor)
{
	int64_t attempt = g->attempt;
	int rc;

	g->delay_ms = backoff_ms(g->retries++);
	g->attempt++;
	g->state = GROUP_READY;
	TRY(step_next_attempt(db, j, g, actor, "another attempt"));
	rc = send_outcome(db, j, g, "retry", attempt, NULL, NULL);
out:
	return rc;
}

static int fail_job(struct db *db, struct job_row *j, struct group_row *g, const char *actor)
{
	json_t *errors = NULL;
	int rc;

	TRY(note_errors(db, j, g));
	TRY(end_job(db, j, JOB_FAILED, actor, ""));
	TRY(step_errors(db, j, &errors));
	rc = send_outcome(db, j, g, "failed", g->attempt, errors, NULL);
out:
	return rc;
}

static int apply(struct db *db, struct job_row *j, const struct dag_action *a, const char *actor)
{
	struct group_row *g = &j->group[a->group];

	switch (a->act) {
	case DAG_JOB_SUCCESS:
		return end_job(db, j, JOB_SUCCESS, actor, "");
	case DAG_GROUP_READY:
		g->state = GROUP_READY;
		return row_save_group(db, j, g, actor, "");
	case DAG_GROUP_RETRY:
		return step_retry(db, j, g, actor);
	case DAG_GROUP_END:
		return end_group(db, j, g, actor, "");
	case DAG_JOB_FAILED:
		return fail_job(db, j, g, actor);
	default:
		return ERR_INTERNAL;	/* resets belong to dag_rerun */
	}
}

int step_next(struct db *db, struct job_row *j, const char *actor)
{
	struct view v;
	int rc;

	look(&v, j);
	TRY(dag_next(&v.actions, &v.job));
	for (unsigned i = 0; i < v.actions.count; i++)
		if (j->leader || v.actions.list[i].act == DAG_JOB_SUCCESS)
			TRY(apply(db, j, &v.actions.list[i], actor));
out:
	return rc;
}

/* A consequence alone waits for the other party's own reason: then the job shows the root cause. */
static int hold_group(struct db *db, struct job_row *j, struct group_row *g, const char *actor)
{
	g->state = GROUP_FAILED;
	g->delay_ms = STEP_GRACE_MS;
	g->due = 0;
	return row_save_group(db, j, g, actor, "waits for the other party's reason");
}

int step_decide(struct db *db, struct job_row *j, struct group_row *g, const char *actor)
{
	struct tally n = count(j, g);

	if (!j->leader || !is_active_job(j) ||
	    !(g->state == GROUP_RUNNING || g->state == GROUP_PREPARED || g->state == GROUP_FAILED ||
	      g->state == GROUP_STARTING || g->state == GROUP_RESERVED))
		return 0;
	if (n.own_failed + n.peer_failed + n.own_closed + n.peer_closed == 0) {
		if (n.prepared == n.all)
			return commit_group(db, j, g, actor);
		if (g->state == GROUP_RUNNING && n.own_prepared == n.own && n.own > 0) {
			g->state = GROUP_PREPARED;
			snprintf(j->waiting_for, sizeof(j->waiting_for), "%s to finish %s", j->peer, g->name);
			return row_save_group(db, j, g, actor, "");
		}
		return 0;
	}
	if (g->state != GROUP_FAILED && !is_settled(g, &n))
		return hold_group(db, j, g, actor);
	g->state = GROUP_FAILED;
	return step_next(db, j, actor);
}

int step_follow(struct db *db, struct job_row *j, struct group_row *g, const char *actor)
{
	struct tally n = count(j, g);

	if (n.own_failed || n.own_closed) {
		if (g->state == GROUP_FAILED)
			return 0;
		g->state = GROUP_FAILED;
		return row_save_group(db, j, g, actor, "the leader decides");
	}
	if (g->state == GROUP_RUNNING && n.own_prepared == n.own) {
		g->state = GROUP_PREPARED;
		return row_save_group(db, j, g, actor, "");
	}
	return 0;
}
