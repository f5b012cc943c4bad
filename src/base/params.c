#include "base/params.h"

#include <stdio.h>
#include <string.h>

#include "base/params_impl.h"
#include "base/util.h"

/* What the checks share; role is -1 while they look at the common parameters. */
struct check {
	const struct mission *m;
	const json_t *tables, *params;
	struct errmsg *em;
};

/* The nearest known name, gathered while looking. */
struct nearest {
	const char *to;
	char best[MISSION_NAME_MAX];
	unsigned distance;
};

const char *params_key(const char *key)
{
	return strcmp(key, "objective:") == 0 ? "objective" : key;
}

static int per_party(const json_t *schema)
{
	return json_is_true(json_object_get(schema, "x-party"));
}

/* By its name in the tables, whatever the request spells. */
static const json_t *get_param(const json_t *obj, const char *name)
{
	const json_t *v = json_object_get(obj, name);

	return v || strcmp(name, "objective") != 0 ? v : json_object_get(obj, "objective:");
}

static void candidate(struct nearest *n, const char *name)
{
	unsigned d = util_distance(n->to, name);

	if (!n->best[0] || d < n->distance) {
		snprintf(n->best, sizeof(n->best), "%.*s", (int)sizeof(n->best) - 1, name);
		n->distance = d;
	}
}

static int unknown(const char *path, const struct nearest *n, struct errmsg *em)
{
	if (!n->best[0])
		return errmsg_set(em, ERR_INPUT, "UNKNOWN_PARAMETER", "%s: unknown key: nothing is expected here", path);
	return errmsg_set(em, ERR_INPUT, "UNKNOWN_PARAMETER", "%s: unknown key; did you mean '%s'?", path, n->best);
}

/* Does any task at the role (-1: any) declare the parameter, commonly or per party? Collects the names that it could be. */
static int find_param(const struct check *c, int role, const char *name, int party, struct nearest *n)
{
	int found = 0;

	for (unsigned i = 0; i < c->m->task_count; i++) {
		const struct mission_task *t = &c->m->task[i];
		const json_t *schemas = params_schemas(c->tables, t->op->name, "params");
		const char *known;
		json_t *schema;

		if (role >= 0 && t->role != (unsigned)role)
			continue;
		json_object_foreach((json_t *)schemas, known, schema) {
			if (per_party(schema) != party || json_object_get(t->args, known))
				continue;
			candidate(n, known);
			found |= strcmp(known, name) == 0;
		}
	}
	return found;
}

/* Looks for a key, or for a slot below one, among the mission's references to the request. */
struct wanted {
	int role;		/* -1: the common parameters */
	const char *part;	/* "inputs", "outputs", or NULL for the keys beside them */
	struct nearest *n;
	int found;
};

static int compare_ref(void *arg, const struct mission_task *t, const struct params_ref *ref)
{
	struct wanted *w = arg;
	enum params_ref_where elsewhere = w->role < 0 ? PARAMS_REF_OWN : PARAMS_REF_COMMON;
	const char *at = ref->path;
	char name[PARAMS_PATH];
	size_t part = w->part ? strlen(w->part) : 0;

	if (ref->where == elsewhere || (w->role >= 0 && t->role != (unsigned)w->role))
		return 0;
	if (part && (strncmp(at, w->part, part) != 0 || at[part] != '.'))
		return 0;
	at += part ? part + 1 : 0;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "."), at);
	candidate(w->n, name);
	w->found |= strcmp(name, w->n->to) == 0;
	return 0;
}

/* What the mission reads from the request itself, of any type. */
static int find_ref(const struct check *c, int role, const char *part, struct nearest *n)
{
	struct wanted w = { role, part, n, 0 };

	return params_refs(c->m, compare_ref, &w) == 0 && w.found;
}

/* The mission's own args give it at every task that would take it. */
static int fixed_by_mission(const struct check *c, const char *name)
{
	for (unsigned i = 0; i < c->m->task_count; i++)
		if (json_object_get(c->m->task[i].args, name))
			return 1;
	return 0;
}

/* An unknown name may be a known one at the wrong place: say so. */
static int misplaced(const struct check *c, int role, const char *name, const char *path, const struct nearest *n)
{
	struct nearest other = { .to = name };

	if (find_param(c, -1, name, role < 0, &other))
		return errmsg_set(c->em, ERR_INPUT, "MISPLACED_PARAMETER",
				  role < 0 ? "%s: this parameter belongs below mission_params.party_a and mission_params.party_b, each party its own"
					   : "%s: this parameter is the same for both parties: it belongs directly below mission_params",
				  path);
	if (role < 0 && (strcmp(name, "inputs") == 0 || strcmp(name, "outputs") == 0))
		return errmsg_set(c->em, ERR_INPUT, "MISPLACED_PARAMETER",
				  "%s: files belong below mission_params.party_a and mission_params.party_b", path);
	if (fixed_by_mission(c, name))
		return errmsg_set(c->em, ERR_INPUT, "FIXED_PARAMETER", "%s: mission %s sets this parameter itself: leave it out", path, c->m->name);
	return unknown(path, n, c->em);
}

static int has_role(const struct mission *m, int role)
{
	for (unsigned i = 0; i < m->task_count; i++)
		if (m->task[i].role == (unsigned)role)
			return 1;
	return 0;
}

static int check_section_key(const struct check *c, int role, const json_t *v)
{
	const char *name = mission_role_names[role];

	if (!has_role(c->m, role))
		return errmsg_set(c->em, ERR_INPUT, "UNKNOWN_PARAMETER", "mission_params.%s: mission %s has no task at this role", name, c->m->name);
	if (!json_is_object(v))
		return errmsg_set(c->em, ERR_INPUT, "BAD_PARAMETER", "mission_params.%s: expected an object", name);
	return 0;
}

static int check_common_keys(const struct check *c)
{
	const char *key;
	json_t *v;
	int rc;

	json_object_foreach((json_t *)c->params, key, v) {
		struct nearest n = { .to = params_key(key) };
		char path[PARAMS_PATH];

		if (mission_role(key) >= 0) {
			if ((rc = check_section_key(c, mission_role(key), v)))
				return rc;
			continue;
		}
		snprintf(path, sizeof(path), "mission_params.%.64s", key);
		if (n.to != key && json_object_get(c->params, n.to))
			return errmsg_set(c->em, ERR_INPUT, "BAD_PARAMETER", "%s: means the same as '%s', which stands there too", path, n.to);
		candidate(&n, "party_a");
		candidate(&n, "party_b");
		if (!find_param(c, -1, n.to, 0, &n) && !find_ref(c, -1, NULL, &n))
			return misplaced(c, -1, n.to, path, &n);
	}
	return 0;
}

static int check_section_keys(const struct check *c, int role)
{
	const json_t *section = json_object_get(c->params, mission_role_names[role]);
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)section, key, v) {
		struct nearest n = { .to = params_key(key) };
		char path[PARAMS_PATH];

		snprintf(path, sizeof(path), "mission_params.%s.%.64s", mission_role_names[role], key);
		if (strcmp(key, "inputs") == 0 || strcmp(key, "outputs") == 0) {
			if (!json_is_object(v))
				return errmsg_set(c->em, ERR_INPUT, "BAD_PARAMETER", "%s: expected an object from a slot to a path", path);
			continue;
		}
		candidate(&n, "inputs");
		candidate(&n, "outputs");
		if (!find_param(c, role, n.to, 1, &n) && !find_ref(c, role, NULL, &n))
			return misplaced(c, role, n.to, path, &n);
	}
	return 0;
}

/* Slots that no task of the role has. */
static int check_slots(const struct check *c, int role, const char *part)
{
	const json_t *files = json_object_get(json_object_get(c->params, mission_role_names[role]), part);
	const char *slot, *known;
	json_t *v, *schema;

	json_object_foreach((json_t *)files, slot, v) {
		struct nearest n = { .to = slot };
		char path[PARAMS_PATH];
		int found = 0;

		for (unsigned i = 0; i < c->m->task_count; i++) {
			const struct mission_task *t = &c->m->task[i];
			const json_t *given = json_object_get(t->args, part);

			if (t->role != (unsigned)role)
				continue;
			json_object_foreach((json_t *)params_schemas(c->tables, t->op->name, part), known, schema) {
				if (json_object_get(given, known))
					continue;
				candidate(&n, known);
				found |= strcmp(known, slot) == 0;
			}
		}
		snprintf(path, sizeof(path), "mission_params.%s.%s.%.64s", mission_role_names[role], part, slot);
		if (!found && !find_ref(c, role, part, &n))
			return unknown(path, &n, c->em);
	}
	return 0;
}

static int is_required(const struct check *c, const struct mission_task *t, const char *part, const char *name)
{
	const json_t *list = json_object_get(json_object_get(json_object_get(c->tables, t->op->name), part), "required");
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)list, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
			return 1;
	return 0;
}

static int missing(const struct check *c, const json_t *schema, const char *path)
{
	const char *help = json_string_value(json_object_get(schema, "description"));

	return errmsg_set(c->em, ERR_INPUT, "MISSING_PARAMETER", "%s is missing: %s", path, help ? help : "it is required");
}

static int check_task_params(const struct check *c, const struct mission_task *t)
{
	const char *role = mission_role_names[t->role], *name;
	const json_t *section = json_object_get(c->params, role);
	json_t *schema;
	int rc;

	json_object_foreach((json_t *)params_schemas(c->tables, t->op->name, "params"), name, schema) {
		const json_t *v = get_param(per_party(schema) ? section : c->params, name);
		char path[PARAMS_PATH];

		/* a value of the mission may be a reference: the operator checks it when it is known */
		if (json_object_get(t->args, name))
			continue;
		snprintf(path, sizeof(path), "mission_params.%s%s%.64s", per_party(schema) ? role : "",
			 per_party(schema) ? "." : "", name);
		if (!v && is_required(c, t, "params", name))
			return missing(c, schema, path);
		if (v && (rc = params_value(v, schema, path, c->em)))
			return rc;
	}
	return 0;
}

/* A path is text, and an empty one is none. */
static int empty_path(const json_t *v)
{
	const json_t *item;
	size_t i;

	if (json_is_string(v))
		return json_string_length(v) == 0;
	json_array_foreach((json_t *)v, i, item)
		if (json_is_string(item) && json_string_length(item) == 0)
			return 1;
	return 0;
}

static int check_task_files(const struct check *c, const struct mission_task *t, const char *part)
{
	const json_t *files = json_object_get(json_object_get(c->params, mission_role_names[t->role]), part);
	const char *slot;
	json_t *schema;
	int rc;

	json_object_foreach((json_t *)params_schemas(c->tables, t->op->name, part), slot, schema) {
		const json_t *v = json_object_get(files, slot);
		int none = !v || (json_is_array(v) && json_array_size(v) == 0);
		char path[PARAMS_PATH];

		if (json_object_get(json_object_get(t->args, part), slot))
			continue;
		snprintf(path, sizeof(path), "mission_params.%s.%s.%.64s", mission_role_names[t->role], part, slot);
		if (none && is_required(c, t, part, slot))
			return missing(c, schema, path);
		if (v && (rc = params_value(v, schema, path, c->em)))
			return rc;
		if (v && empty_path(v))
			return errmsg_set(c->em, ERR_INPUT, "BAD_PARAMETER", "%s: a path is empty", path);
	}
	return 0;
}

/* What the mission itself gives must be known to the operator: otherwise every job of it would fail when it starts. */
static int check_args(const struct check *c, const struct mission_task *t)
{
	const char *key;
	json_t *v;

	if (!json_object_get(c->tables, t->op->name))
		return errmsg_set(c->em, ERR_INPUT, "OPERATOR_NOT_INSTALLED", "mission %s needs operator '%s', which is not installed at this party", c->m->name, t->op->name);
	json_object_foreach(t->args, key, v) {
		if (strcmp(key, "inputs") == 0 || strcmp(key, "outputs") == 0)
			continue;
		if (!json_object_get(params_schemas(c->tables, t->op->name, "params"), key))
			return errmsg_set(c->em, ERR_INPUT, "BAD_MISSION", "mission %s, task %s: args.%.64s: operator %s has no such parameter", c->m->name, t->name, key, t->op->name);
	}
	return 0;
}

/* What the mission reads must be there: otherwise the job would fail only when that task starts. */
static int check_ref(void *arg, const struct mission_task *t, const struct params_ref *ref)
{
	const struct check *c = arg;
	const char *role = mission_role_names[t->role];
	int own = ref->where != PARAMS_REF_COMMON;

	if (own && params_follow(json_object_get(c->params, role), ref->path))
		return 0;
	if (ref->where != PARAMS_REF_OWN && (params_follow(c->params, ref->path) ||
	    (strcmp(ref->path, "objective") == 0 && get_param(c->params, ref->path))))
		return 0;
	return errmsg_set(c->em, ERR_INPUT, "MISSING_PARAMETER", "mission_params.%s%s%.100s is missing: task %s of mission %s refers to it",
			  own ? role : "", own ? "." : "", ref->path, t->name, c->m->name);
}

static int check_task(const struct check *c, const struct mission_task *t)
{
	int rc;

	TRY(check_task_params(c, t));
	TRY(check_task_files(c, t, "inputs"));
	TRY(check_task_files(c, t, "outputs"));
out:
	return rc;
}

int params_check(const struct mission *m, const json_t *tables, const json_t *mission_params, struct errmsg *em)
{
	struct check c = { m, tables, mission_params, em };
	int rc;

	if (!json_is_object(mission_params))
		return errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "mission_params: expected an object");
	for (unsigned i = 0; i < m->task_count; i++)
		TRY(check_args(&c, &m->task[i]));
	TRY(check_common_keys(&c));
	for (int role = 0; role < MISSION_ROLES; role++) {
		TRY(check_section_keys(&c, role));
		TRY(check_slots(&c, role, "inputs"));
		TRY(check_slots(&c, role, "outputs"));
	}
	for (unsigned i = 0; i < m->task_count; i++)
		TRY(check_task(&c, &m->task[i]));
	rc = params_refs(m, check_ref, &c);
out:
	return rc;
}
