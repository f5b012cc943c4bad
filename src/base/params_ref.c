/* The request's keys that a mission's own args refer to by ${job_context…}. */
#include <stdio.h>
#include <string.h>

#include "base/params_impl.h"

struct walk {
	const struct mission *m;
	const struct mission_task *t;
	params_ref_fn *fn;
	void *arg;
};

/* The rest behind "name.", or NULL. */
static const char *below(const char *path, const char *name)
{
	size_t n = strlen(name);

	return strncmp(path, name, n) == 0 && path[n] == '.' ? path + n + 1 : NULL;
}

static int is_task(const struct mission *m, const char *path)
{
	for (unsigned i = 0; i < m->task_count; i++)
		if (strcmp(path, m->task[i].name) == 0 || below(path, m->task[i].name))
			return 1;
	return 0;
}

/* A section as a whole, or the other role's, which no task here sees: plan_fill knows. */
static int not_of_request(const struct walk *w, const char *path)
{
	const char *other = mission_role_names[!w->t->role];

	return strcmp(path, "job_id") == 0 || strcmp(path, "mission_params") == 0 || strcmp(path, "common") == 0 ||
	       mission_role(path) >= 0 || below(path, other) || is_task(w->m, path);
}

/* The order of plan_fill: what stands at the top of the context, then the own section, then the common parameters. */
static int classify(const struct walk *w, const char *path, struct params_ref *ref)
{
	const char *rest = below(path, "mission_params");

	ref->where = PARAMS_REF_COMMON;
	if (not_of_request(w, path) || (rest && (mission_role(rest) >= 0 || below(rest, mission_role_names[!w->t->role]))))
		return 0;
	if ((ref->path = below(rest ? rest : path, mission_role_names[w->t->role]))) {
		ref->where = PARAMS_REF_OWN;
		return 1;
	}
	if ((ref->path = rest) || (ref->path = below(path, "common")))
		return 1;
	ref->where = PARAMS_REF_EITHER;
	ref->path = path;
	return 1;
}

static int one(const struct walk *w, const char *text, size_t len)
{
	char copy[PARAMS_PATH];
	struct params_ref ref;
	const char *path;

	if (len >= sizeof(copy))
		return 0;	/* plan_fill refuses it by name */
	memcpy(copy, text, len);
	copy[len] = '\0';
	path = below(copy, "job_context");
	return path && classify(w, path, &ref) ? w->fn(w->arg, w->t, &ref) : 0;
}

static int in_text(const struct walk *w, const char *s)
{
	int rc = 0;

	while (*s && rc == 0) {
		const char *end;

		if (strncmp(s, "$${", 3) == 0) {
			s += 3;
		} else if (strncmp(s, "${", 2) == 0 && (end = strchr(s, '}'))) {
			rc = one(w, s + 2, (size_t)(end - s) - 2);
			s = end + 1;
		} else {
			s++;
		}
	}
	return rc;
}

static int in_value(const struct walk *w, const json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;
	int rc = 0;

	if (json_is_string(v))
		return in_text(w, json_string_value(v));
	json_object_foreach((json_t *)v, key, item)
		if (rc == 0)
			rc = in_value(w, item);
	json_array_foreach((json_t *)v, i, item)
		if (rc == 0)
			rc = in_value(w, item);
	return rc;
}

int params_refs(const struct mission *m, params_ref_fn *fn, void *arg)
{
	int rc = 0;

	for (unsigned i = 0; i < m->task_count && rc == 0; i++) {
		struct walk w = { m, &m->task[i], fn, arg };

		rc = in_value(&w, m->task[i].args);
	}
	return rc;
}

const json_t *params_follow(const json_t *root, const char *dotted)
{
	char part[PARAMS_PATH];

	while (root) {
		size_t n = strcspn(dotted, ".");

		if (n >= sizeof(part))
			return NULL;
		memcpy(part, dotted, n);
		part[n] = '\0';
		root = json_object_get(root, part);
		if (dotted[n] == '\0')
			return root;
		dotted += n + 1;
	}
	return NULL;
}
