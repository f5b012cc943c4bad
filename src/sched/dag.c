#include "sched/dag.h"

#include <string.h>

static int check(const struct dag_job *job)
{
	if (job->group_count == 0 || job->group_count > DAG_GROUPS_MAX)
		return ERR_INPUT;
	for (unsigned g = 0; g < job->group_count; g++)
		for (unsigned i = 0; i < job->group[g].depend_count; i++)
			if (job->group[g].depends[i] >= job->group_count || job->group[g].depends[i] == g)
				return ERR_INPUT;
	return 0;
}

static void add(struct dag_actions *out, enum dag_act act, unsigned group, enum dag_why why, int64_t at_ms)
{
	out->list[out->count++] = (struct dag_action){ act, group, why, at_ms };
}

static void wake_at(struct dag_actions *out, int64_t at_ms)
{
	if (!out->wake_ms || at_ms < out->wake_ms)
		out->wake_ms = at_ms;
}

int64_t dag_backoff(int64_t backoff_ms, unsigned retries)
{
	int64_t ms = backoff_ms > 0 ? backoff_ms : DAG_BACKOFF_MS;

	for (; retries && ms < DAG_BACKOFF_MAX_MS; retries--)
		ms *= 2;
	return ms < DAG_BACKOFF_MAX_MS ? ms : DAG_BACKOFF_MAX_MS;
}

static unsigned count_done(const struct dag_job *job)
{
	unsigned n = 0;

	for (unsigned g = 0; g < job->group_count; g++)
		n += job->group[g].state == GROUP_DONE;
	return n;
}

int dag_past_kill(const struct dag_job *job)
{
	for (unsigned g = 0; g < job->group_count; g++)
		if (!group_state_committed(job->group[g].state))
			return 0;
	return 1;
}

/* A CANCELED group of a live job is a cancel that was cut short: it was on its way to the job's end. */
static int beyond_retry(const struct dag_job *job, const struct dag_group *g)
{
	if (g->state == GROUP_CANCELED)
		return 1;
	return g->state == GROUP_FAILED && (g->fatal || g->retries >= job->max_retries);
}

/* The first FAILED group is the root cause; a CANCELED one only when there is nothing better. */
static int broken_group(const struct dag_job *job, unsigned *group)
{
	int found = 0;

	for (unsigned g = 0; g < job->group_count; g++) {
		if (!beyond_retry(job, &job->group[g]))
			continue;
		if (!found || (job->group[*group].state == GROUP_CANCELED && job->group[g].state == GROUP_FAILED))
			*group = g;
		found = 1;
	}
	return found;
}

/*
 * The groups end before the job does, so that a job whose row says FAILED has
 * no running group. Committed ones go on to DONE: their outputs stay valid,
 * whatever happens to the job.
 */
static void end_job(struct dag_actions *out, const struct dag_job *job, enum dag_act act,
		    enum dag_why why, unsigned cause)
{
	for (unsigned g = 0; g < job->group_count; g++) {
		enum group_state s = job->group[g].state;

		if (s == GROUP_WAITING || s == GROUP_READY || group_state_active(s))
			add(out, DAG_GROUP_CANCEL, g, why, 0);
	}
	add(out, act, cause, why, 0);
}

static int depends_done(const struct dag_job *job, const struct dag_group *g)
{
	for (unsigned i = 0; i < g->depend_count; i++)
		if (job->group[g->depends[i]].state != GROUP_DONE)
			return 0;
	return 1;
}

static void next_of_group(struct dag_actions *out, const struct dag_job *job, unsigned index, int64_t now_ms)
{
	const struct dag_group *g = &job->group[index];
	int64_t at;

	switch (g->state) {
	case GROUP_WAITING:
		if (depends_done(job, g))
			add(out, DAG_GROUP_READY, index, DAG_WHY_NONE, 0);
		break;
	case GROUP_READY:
		if (g->not_before_ms <= now_ms)
			add(out, DAG_GROUP_START, index, DAG_WHY_NONE, 0);
		else
			wake_at(out, g->not_before_ms);
		break;
	case GROUP_FAILED:
		at = now_ms + dag_backoff(job->backoff_ms, g->retries);
		add(out, DAG_GROUP_RETRY, index, DAG_WHY_NONE, at);
		wake_at(out, at);
		break;
	default:	/* on its way, or done: other events move it */
		break;
	}
}

int dag_next(struct dag_actions *out, const struct dag_job *job, int64_t now_ms)
{
	unsigned cause = 0;
	int rc = check(job);

	memset(out, 0, sizeof(*out));
	if (rc || job_state_ended(job->status))
		return rc;
	if (count_done(job) == job->group_count) {
		add(out, DAG_JOB_SUCCESS, 0, DAG_WHY_NONE, 0);
		return 0;
	}
	/* once the last group is committed, neither a kill nor the clock takes the result back */
	if (!dag_past_kill(job)) {
		if (job->kill) {
			end_job(out, job, DAG_JOB_CANCELED, DAG_WHY_KILL, 0);
			return 0;
		}
		if (broken_group(job, &cause)) {
			end_job(out, job, DAG_JOB_FAILED, DAG_WHY_GROUP, cause);
			return 0;
		}
		if (job->deadline_ms && job->deadline_ms <= now_ms) {
			end_job(out, job, DAG_JOB_FAILED, DAG_WHY_TIMEOUT, 0);
			return 0;
		}
		if (job->deadline_ms)
			wake_at(out, job->deadline_ms);
	}
	if (job->status == JOB_INIT)
		add(out, DAG_JOB_RUN, 0, DAG_WHY_NONE, 0);
	for (unsigned g = 0; g < job->group_count; g++)
		next_of_group(out, job, g, now_ms);
	return 0;
}

int dag_rerun(struct dag_actions *out, const struct dag_job *job)
{
	int rc = check(job);

	memset(out, 0, sizeof(*out));
	if (rc)
		return rc;
	if (job->status != JOB_FAILED && job->status != JOB_CANCELED)
		return ERR_CONFLICT;
	for (unsigned g = 0; g < job->group_count; g++)
		if (!group_state_committed(job->group[g].state))
			add(out, DAG_GROUP_RESET, g, DAG_WHY_NONE, 0);
	add(out, DAG_JOB_RERUN, 0, DAG_WHY_NONE, 0);
	return 0;
}

const char *dag_act_name(enum dag_act act)
{
	static const char *const names[] = {
		[DAG_GROUP_READY] = "ready", [DAG_GROUP_START] = "start", [DAG_GROUP_RETRY] = "retry",
		[DAG_GROUP_CANCEL] = "cancel", [DAG_GROUP_RESET] = "reset", [DAG_JOB_RUN] = "job run",
		[DAG_JOB_SUCCESS] = "job success", [DAG_JOB_FAILED] = "job failed",
		[DAG_JOB_CANCELED] = "job canceled", [DAG_JOB_RERUN] = "job rerun",
	};

	return (size_t)act < PET_ARRAY_SIZE(names) ? names[act] : "?";
}
