/* The rows of a job, from its plan. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"
#include "base/jin.h"
#include "base/util.h"

static int add_group(struct job_new *j, const struct plan_group *g)
{
	json_t *list = json_array();
	char *text;
	int rc = ERR_NOMEM;

	for (unsigned i = 0; list && i < g->depend_count; i++)
		if (json_array_append_new(list, json_integer(g->depends[i])))
			goto out;
	text = list ? jin_canonical(list) : NULL;
	if (text)
		rc = job_new_group(j, g->name, g->level, text);
	free(text);
out:
	json_decref(list);
	return rc;
}

static int add_task(struct job_new *j, const struct plan_task *t)
{
	char *args = jin_canonical(t->args), *depends = jin_canonical(t->depends);
	int rc = ERR_NOMEM;

	if (args && depends)
		rc = job_new_task(j, t->group, t->name, t->party, t->role, t->op, args, depends);
	free(args);
	free(depends);
	return rc;
}

static char *parties_text(const struct plan *p)
{
	json_t *obj = json_object();
	char *text = NULL;

	for (int i = 0; obj && i < MISSION_ROLES; i++)
		if (p->party[i][0] && json_object_set_new(obj, mission_role_names[i], json_string(p->party[i])))
			goto out;
	text = obj ? jin_canonical(obj) : NULL;
out:
	json_decref(obj);
	return text;
}

int admit_job(struct job_new **out, const struct admitted *a, const struct api *api,
	      const struct submit *s, struct job_new_head *head)
{
	char hex[65], *parties = parties_text(a->plan);
	struct job_new *j = NULL;
	int rc = ERR_NOMEM;

	if (!parties)
		return ERR_NOMEM;
	util_hex(hex, a->row->digest, sizeof(a->row->digest));
	head->mission = a->row->id;
	head->mission_name = a->row->name;
	head->mission_version = a->row->version;
	head->mission_digest = hex;
	head->self = api->self;
	head->main_party = a->main_party;
	head->peer = a->plan->peer;
	head->parties = parties;
	head->priority = s->priority;
	head->timeout_seconds = s->timeout_seconds;
	head->max_retries = s->max_retries;
	j = job_new_create(head);
	if (!j)
		goto out;
	for (unsigned i = 0; i < a->plan->group_count; i++)
		TRY(add_group(j, &a->plan->group[i]));
	for (unsigned i = 0; i < a->plan->task_count; i++)
		TRY(add_task(j, &a->plan->task[i]));
	*out = j;
	j = NULL;
	rc = 0;
out:
	job_new_free(j);
	free(parties);
	/* They pointed into this function. */
	head->mission_digest = head->parties = NULL;
	return rc;
}
