/* A job to insert: db_job.h's struct job_new. */
#include <stdlib.h>
#include <string.h>

#include "db/db_job_impl.h"

#define GROUPS_MAX 64
#define TASKS_MAX 256

static int dup_to(const char **out, const char *s)
{
	*out = strdup(s ? s : "");
	return *out ? 0 : ERR_NOMEM;
}

struct job_new *job_new_create(const struct job_new_head *h)
{
	struct job_new *j = calloc(1, sizeof(*j));
	struct job_new_head *o;

	if (!j)
		return NULL;
	o = &j->head;
	*o = *h;
	if (dup_to(&o->job_id, h->job_id) | dup_to(&o->mission_name, h->mission_name) |
	    dup_to(&o->mission_digest, h->mission_digest) | dup_to(&o->request, h->request) | dup_to(&o->self, h->self) |
	    dup_to(&o->main_party, h->main_party) | dup_to(&o->submitter, h->submitter) | dup_to(&o->owner, h->owner) |
	    dup_to(&o->peer, h->peer) | dup_to(&o->parties, h->parties)) {
		job_new_free(j);
		return NULL;
	}
	return j;
}

int job_new_group(struct job_new *j, const char *name, int64_t level, const char *depends)
{
	struct job_new_group *bigger;
	int rc = ERR_NOMEM;

	if (j->group_count == GROUPS_MAX)
		return ERR_INPUT;
	bigger = realloc(j->group, (j->group_count + 1) * sizeof(*bigger));
	if (!bigger)
		return ERR_NOMEM;
	j->group = bigger;
	bigger += j->group_count;
	memset(bigger, 0, sizeof(*bigger));
	j->group_count++;
	bigger->level = level;
	TRY(dup_to(&bigger->name, name));
	rc = dup_to(&bigger->depends, depends);
out:
	return rc;
}

int job_new_task(struct job_new *j, size_t group, const char *name, const char *party, const char *role, const char *op,
		 const char *args, const char *depends)
{
	struct job_new_task *t;
	int rc = ERR_NOMEM;

	if (j->task_count == TASKS_MAX || group >= j->group_count)
		return ERR_INPUT;
	t = realloc(j->task, (j->task_count + 1) * sizeof(*t));
	if (!t)
		return ERR_NOMEM;
	j->task = t;
	t += j->task_count++;
	memset(t, 0, sizeof(*t));
	t->group = group;
	TRY(dup_to(&t->name, name));
	TRY(dup_to(&t->party, party));
	TRY(dup_to(&t->role, role));
	TRY(dup_to(&t->op, op));
	TRY(dup_to(&t->args, args));
	rc = dup_to(&t->depends, depends);
out:
	return rc;
}

static void drop(const char *s)
{
	free((char *)(uintptr_t)s);
}

void job_new_free(struct job_new *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->group_count; i++) {
		drop(j->group[i].name);
		drop(j->group[i].depends);
	}
	for (size_t i = 0; i < j->task_count; i++) {
		struct job_new_task *t = &j->task[i];

		drop(t->name);
		drop(t->party);
		drop(t->role);
		drop(t->op);
		drop(t->args);
		drop(t->depends);
	}
	free(j->group);
	free(j->task);
	drop(j->head.job_id);
	drop(j->head.mission_name);
	drop(j->head.mission_digest);
	drop(j->head.request);
	drop(j->head.self);
	drop(j->head.main_party);
	drop(j->head.submitter);
	drop(j->head.owner);
	drop(j->head.peer);
	drop(j->head.parties);
	free(j);
}
