#include "base/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/params.h"
#include "base/params_impl.h"
#include "base/plan_impl.h"

static int is_files(const char *key)
{
	return strcmp(key, "inputs") == 0 || strcmp(key, "outputs") == 0;
}

/* --- parties ------------------------------------------------------------ */

static int uses_role(const struct mission *m, unsigned role)
{
	for (unsigned i = 0; i < m->task_count; i++)
		if (m->task[i].role == role)
			return 1;
	return 0;
}

static int check_mapping(const struct mission *m, const json_t *parties, struct errmsg *em)
{
	const char *role;
	json_t *v;

	if (parties && !json_is_object(parties))
		return errmsg_set(em, ERR_INPUT, "BAD_PARTIES", "parties: expected an object like {\"party_a\": \"name of a party\"}");
	json_object_foreach((json_t *)parties, role, v) {
		int r = mission_role(role);

		if (r < 0)
			return errmsg_set(em, ERR_INPUT, "BAD_PARTIES", "parties.%.64s: unknown role: expected party_a or party_b", role);
		if (!uses_role(m, (unsigned)r))
			return errmsg_set(em, ERR_INPUT, "BAD_PARTIES", "parties.%s: mission %s has no task at this role", role, m->name);
		if (!json_is_string(v) || party_name_ok(json_string_value(v)))
			return errmsg_set(em, ERR_INPUT, "BAD_PARTIES", "parties.%s: expected the name of a party", role);
	}
	return 0;
}

int plan_parties(char out[MISSION_ROLES][PARTY_NAME_MAX], const struct mission *m,
		 const json_t *parties, struct errmsg *em)
{
	int rc = check_mapping(m, parties, em);

	if (rc)
		return rc;
	for (unsigned r = 0; r < MISSION_ROLES; r++) {
		const char *name = json_string_value(json_object_get(parties, mission_role_names[r]));

		out[r][0] = '\0';
		if (uses_role(m, r))
			snprintf(out[r], PARTY_NAME_MAX, "%s", name ? name : mission_role_names[r]);
	}
	if (out[0][0] && strcmp(out[0], out[1]) == 0)
		return errmsg_set(em, ERR_INPUT, "BAD_PARTIES",
				  "parties: party_a and party_b are both '%s': two different parties are needed", out[0]);
	return 0;
}

/* --- a task's template -------------------------------------------------- */

/* Does the operator know this name? Without a table everything passes. */
static int declared(const json_t *tables, const char *op, const char *part, const char *name)
{
	const json_t *known = params_schemas(tables, op, part);

	return !known || json_object_get(known, name);
}

static int add_params(json_t *to, const json_t *from, const char *op, const json_t *tables)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)from, key, v) {
		const char *name = params_key(key);

		if (mission_role(name) >= 0 || is_files(name) || !declared(tables, op, "params", name))
			continue;
		if (json_object_set_new(to, name, plan_escape(v)))
			return ERR_NOMEM;
	}
	return 0;
}

static int add_files(json_t *to, const json_t *from, const char *op, const char *part, const json_t *tables)
{
	const char *slot;
	json_t *v;

	json_object_foreach((json_t *)from, slot, v)
		if (declared(tables, op, part, slot) && json_object_set_new(to, slot, plan_escape(v)))
			return ERR_NOMEM;
	return 0;
}

/* The mission's paths may refer to the request only, so they are filled now: the grants see what will be opened. */
static int add_arg_files(json_t *to, const json_t *from, const char *part, const struct mission_task *t,
			 const json_t *context, struct errmsg *em)
{
	struct plan_contexts contexts = { .job = context };
	json_t *filled = NULL, *wrapped, *v;
	const char *slot;
	int rc = ERR_NOMEM;

	if (!from)
		return 0;
	wrapped = json_pack("{s:O}", part, from);
	if (!wrapped)
		return ERR_NOMEM;
	TRY(plan_fill(&filled, wrapped, &contexts, t->name, mission_role_names[t->role], em));
	rc = ERR_NOMEM;
	json_object_foreach(json_object_get(filled, part), slot, v)
		if (json_object_set_new(to, slot, plan_escape(v)))
			goto out;
	rc = 0;
out:
	json_decref(filled);
	json_decref(wrapped);
	return rc;
}

static int add_args(json_t *to, const json_t *args)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)args, key, v)
		if (!is_files(key) && json_object_set_new(to, key, json_deep_copy(v)))
			return ERR_NOMEM;
	return 0;
}

static int make_args(json_t **out, const struct mission_task *t, const json_t *params,
		     const json_t *tables, struct errmsg *em)
{
	static const char *const parts[] = { "inputs", "outputs" };
	const char *role = mission_role_names[t->role], *op = t->op->name;
	const json_t *own = json_object_get(params, role);
	json_t *args = json_pack("{s:{}, s:{}, s:{}}", "params", "inputs", "outputs"), *context = NULL, *to;
	int rc = ERR_NOMEM;

	if (!args)
		goto out;
	to = json_object_get(args, "params");
	TRY(plan_job_context(&context, "", params, role, NULL));
	TRY(add_params(to, params, op, tables));
	TRY(add_params(to, own, op, tables));
	TRY(add_args(to, t->args));
	for (size_t i = 0; i < PET_ARRAY_SIZE(parts); i++) {
		to = json_object_get(args, parts[i]);
		TRY(add_files(to, json_object_get(own, parts[i]), op, parts[i], tables));
		TRY(add_arg_files(to, json_object_get(t->args, parts[i]), parts[i], t, context, em));
	}
	*out = args;
	args = NULL;
	rc = 0;
out:
	json_decref(args);
	json_decref(context);
	return rc;
}

/* --- the plan ----------------------------------------------------------- */

static void add_group_depend(struct plan_group *g, unsigned on)
{
	unsigned i = g->depend_count;

	for (unsigned j = 0; j < g->depend_count; j++)
		if (g->depends[j] == on)
			return;
	for (; i && g->depends[i - 1] > on; i--)
		g->depends[i] = g->depends[i - 1];
	g->depends[i] = on;
	g->depend_count++;
}

static void make_groups(struct plan *p, const struct mission *m)
{
	p->group_count = m->group_count;
	for (unsigned g = 0; g < m->group_count; g++) {
		p->group[g].name = m->group[g].name;
		p->group[g].level = m->group[g].level;
		p->group[g].task_count = m->group[g].task_count;
	}
	for (unsigned i = 0; i < m->task_count; i++)
		for (unsigned d = 0; d < m->task[i].depend_count; d++)
			add_group_depend(&p->group[m->task[i].group], m->task[m->task[i].depends[d]].group);
}

static int make_task(struct plan *p, const struct mission *m, unsigned index, const json_t *params,
		     const json_t *tables, const char *self, struct errmsg *em)
{
	const struct mission_task *from = &m->task[index];
	struct plan_task *t = &p->task[p->task_count++];

	t->name = from->name;
	t->role = mission_role_names[from->role];
	t->op = from->op->name;
	t->group = from->group;
	memcpy(t->party, p->party[from->role], sizeof(t->party));
	t->own = strcmp(t->party, self) == 0;
	t->depends = json_array();
	for (unsigned d = 0; d < from->depend_count; d++)
		if (json_array_append_new(t->depends, json_string(m->task[from->depends[d]].name)))
			return ERR_NOMEM;
	if (t->own)
		return make_args(&t->args, from, params, tables, em);
	t->args = json_object();
	return t->args && t->depends ? 0 : ERR_NOMEM;
}

static int choose_peer(struct plan *p, const struct mission *m, const char *self, struct errmsg *em)
{
	int own = 0;

	for (unsigned r = 0; r < MISSION_ROLES; r++) {
		if (!p->party[r][0])
			continue;
		if (strcmp(p->party[r], self) == 0)
			own = 1;
		else
			memcpy(p->peer, p->party[r], sizeof(p->peer));
	}
	if (own)
		return 0;
	return errmsg_set(em, ERR_INPUT, "BAD_PARTIES",
			  "parties: this party, '%s', has no task in mission %s: map party_a or party_b to it", self, m->name);
}

int plan_make(struct plan **out, const struct mission *m, const json_t *mission_params,
	      const json_t *parties, const char *self, const json_t *tables, struct errmsg *em)
{
	struct plan *p = calloc(1, sizeof(*p));
	int rc = ERR_NOMEM;

	if (!p)
		return ERR_NOMEM;
	TRY(plan_parties(p->party, m, parties, em));
	TRY(choose_peer(p, m, self, em));
	make_groups(p, m);
	for (unsigned i = 0; i < m->task_count; i++)
		TRY(make_task(p, m, i, mission_params, tables, self, em));
	*out = p;
	p = NULL;
	rc = 0;
out:
	plan_free(p);
	return rc;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->task_count; i++) {
		json_decref(p->task[i].depends);
		json_decref(p->task[i].args);
	}
	free(p);
}

/* --- what others ask of a plan ------------------------------------------ */

/* The template doubles "$" before "{": undone here, since a path is final. */
static int each_path(const json_t *v, const char *slot, int output, plan_path_fn *each, void *arg)
{
	struct plan_contexts none = { 0 };
	json_t *plain;
	int rc = plan_fill(&plain, v, &none, "", "", NULL);

	if (rc)
		return rc;
	rc = json_is_string(plain) ? each(arg, slot, json_string_value(plain), output) : ERR_INPUT;
	json_decref(plain);
	return rc;
}

int plan_paths(const struct plan_task *t, plan_path_fn *each, void *arg)
{
	static const char *const parts[] = { "inputs", "outputs" };
	const char *slot;
	json_t *v, *item;
	size_t i;
	int rc = 0;

	for (int output = 0; output < 2; output++)
		json_object_foreach(json_object_get(t->args, parts[output]), slot, v) {
			if (!json_is_array(v) && (rc = each_path(v, slot, output, each, arg)))
				return rc;
			json_array_foreach(v, i, item)
				if ((rc = each_path(item, slot, output, each, arg)))
					return rc;
		}
	return 0;
}

/* The request's parameters without the roles' sections. */
static json_t *common_params(const json_t *params)
{
	json_t *common = json_object(), *v;
	const char *key;

	json_object_foreach((json_t *)params, key, v)
		if (mission_role(key) < 0 && json_object_set(common, params_key(key), v)) {
			json_decref(common);
			return NULL;
		}
	return common;
}

int plan_job_context(json_t **out, const char *job_id, const json_t *mission_params,
		     const char *role, const json_t *results)
{
	json_t *own = json_object_get(mission_params, role);
	json_t *common = common_params(mission_params), *seen = NULL, *all = NULL, *v;
	const char *key;
	int rc = ERR_NOMEM;

	if (!common)
		goto out;
	seen = json_copy(common);
	if (!seen || (own && json_object_set(seen, role, own)))
		goto out;
	all = json_pack("{s:s, s:O, s:O}", "job_id", job_id, "mission_params", seen, "common", common);
	if (!all || (own && json_object_set(all, role, own)))
		goto out;
	/* a task cannot shadow these: they were there first */
	json_object_foreach((json_t *)results, key, v)
		if (!json_object_get(all, key) && json_object_set(all, key, v))
			goto out;
	*out = all;
	all = NULL;
	rc = 0;
out:
	json_decref(all);
	json_decref(seen);
	json_decref(common);
	return rc;
}
