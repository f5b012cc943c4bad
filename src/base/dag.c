#include "base/dag.h"

#include <string.h>

static uint64_t bit(unsigned g)
{
	return (uint64_t)1 << g;
}

static int check(const struct dag_job *job)
{
	uint64_t all;

	if (job->group_count == 0 || job->group_count > DAG_GROUPS_MAX)
		return ERR_INPUT;
	all = ~(uint64_t)0 >> (DAG_GROUPS_MAX - job->group_count);
	for (unsigned g = 0; g < job->group_count; g++)
		if (job->group[g].depends & (bit(g) | ~all))
			return ERR_INPUT;
	return 0;
}

static int begin(struct dag_actions *out, const struct dag_job *job)
{
	memset(out, 0, sizeof(*out));
	return check(job);
}

static void add(struct dag_actions *out, enum dag_act act, unsigned group)
{
	out->list[out->count++] = (struct dag_action){ act, group };
}

int64_t dag_backoff(int64_t retries)
{
	int64_t ms = DAG_BACKOFF_MS;

	for (; retries > 0 && ms < DAG_BACKOFF_MAX_MS; retries--)
		ms *= 2;
	return ms < DAG_BACKOFF_MAX_MS ? ms : DAG_BACKOFF_MAX_MS;
}

int dag_past_kill(const struct dag_job *job)
{
	for (unsigned g = 0; g < job->group_count; g++)
		if (!group_state_committed(job->group[g].state))
			return 0;
	return 1;
}

/* A CANCELED group of a live job is an end that was cut short: it was on its way to the job's end. */
static int beyond_retry(const struct dag_job *job, const struct dag_group *g)
{
	if (g->state == GROUP_CANCELED)
		return 1;
	return g->state == GROUP_FAILED && !g->held && (g->fatal || g->retries >= job->max_retries);
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

/* Committed groups go on to DONE: their outputs stay valid, whatever happens to the job. */
static void each_uncommitted(struct dag_actions *out, const struct dag_job *job, enum dag_act act)
{
	for (unsigned g = 0; g < job->group_count; g++)
		if (!group_state_committed(job->group[g].state))
			add(out, act, g);
}

static void each_group(struct dag_actions *out, const struct dag_job *job, uint64_t done)
{
	for (unsigned g = 0; g < job->group_count; g++) {
		const struct dag_group *grp = &job->group[g];

		if (grp->state == GROUP_WAITING && !job->pending && (grp->depends & ~done) == 0)
			add(out, DAG_GROUP_READY, g);
		else if (grp->state == GROUP_FAILED && !grp->held)
			add(out, DAG_GROUP_RETRY, g);
	}
}

int dag_next(struct dag_actions *out, const struct dag_job *job)
{
	unsigned cause = 0, count = 0;
	uint64_t done = 0;
	int rc = begin(out, job);

	if (rc || job_state_ended(job->status))
		return rc;
	for (unsigned g = 0; g < job->group_count; g++)
		if (job->group[g].state == GROUP_DONE) {
			done |= bit(g);
			count++;
		}
	if (count == job->group_count) {
		add(out, DAG_JOB_SUCCESS, 0);
	} else if (broken_group(job, &cause)) {
		/* The groups end before the job does: a job whose row says FAILED has no running group. */
		each_uncommitted(out, job, DAG_GROUP_END);
		add(out, DAG_JOB_FAILED, cause);
	} else {
		each_group(out, job, done);
	}
	return 0;
}

int dag_end(struct dag_actions *out, const struct dag_job *job)
{
	int rc = begin(out, job);

	if (rc == 0)
		each_uncommitted(out, job, DAG_GROUP_END);
	return rc;
}

int dag_rerun(struct dag_actions *out, const struct dag_job *job)
{
	int rc = begin(out, job);

	if (rc == 0)
		each_uncommitted(out, job, DAG_GROUP_RESET);
	return rc;
}
