#include "base/mission.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mission_impl.h"
#include "base/util.h"

#define ARGS_DEPTH 16

const char *const mission_role_names[MISSION_ROLES] = { "party_a", "party_b" };

static const char *const top_keys[] = { "meta", "operators" };
static const char *const meta_keys[] = { "name", "version" };
static const char *const task_keys[] = {
	"name", "class", "class_path", "party", "depends", "args", "group", "shards",
};

/* A JSON object of the mission and where it stands, e.g. operators[1]. */
struct at {
	const struct mission_src *src;
	const json_t *obj;
	const char *path;
	int line;
};

int mission_bad(const struct mission_src *s, int line, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (line)
		return errmsg_set(s->em, ERR_INPUT, "BAD_MISSION", "%s:%d: %s", s->file, line, what);
	return errmsg_set(s->em, ERR_INPUT, "BAD_MISSION", "%s: %s", s->file, what);
}

static int key_line(const struct at *at, const char *key)
{
	int line = at->src->yaml ? yaml_json_line(at->src->yaml, at->obj, key, 0) : 0;

	return line ? line : at->line;
}

static int bad_key(const struct at *at, const char *key, const char *what)
{
	return mission_bad(at->src, key_line(at, key), "%s%s%s: %s", at->path,
			   *at->path ? "." : "", key, what);
}

int mission_role(const char *name)
{
	for (int i = 0; i < MISSION_ROLES; i++)
		if (strcmp(mission_role_names[i], name) == 0)
			return i;
	return -1;
}

int mission_name_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n >= 1 && n < MISSION_NAME_MAX && name[n] == '\0' ? 0 : ERR_INPUT;
}

static int only_keys(const struct at *at, const char *const *known, size_t count)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)at->obj, key, value) {
		size_t i, best = 0;

		for (i = 0; i < count && strcmp(key, known[i]) != 0; i++)
			if (util_distance(key, known[i]) < util_distance(key, known[best]))
				best = i;
		if (i == count)
			return mission_bad(at->src, key_line(at, key),
					   "%s%s%.64s: unknown key; did you mean '%s'?", at->path,
					   *at->path ? "." : "", key, known[best]);
	}
	return 0;
}

static int take_name(char out[MISSION_NAME_MAX], const struct at *at, const char *key)
{
	const json_t *v = json_object_get(at->obj, key);

	if (!v)
		return bad_key(at, key, "is missing: expected a name");
	if (!json_is_string(v) || json_string_length(v) != strlen(json_string_value(v)) ||
	    mission_name_ok(json_string_value(v)))
		return bad_key(at, key, "expected 1 to 64 of a-z, 0-9 and '_'");
	strcpy(out, json_string_value(v));
	return 0;
}

static int take_meta(struct mission *m, const struct at *root)
{
	const json_t *meta = json_object_get(root->obj, "meta"), *version;
	struct at at = { root->src, meta, "meta", key_line(root, "meta") };
	int rc;

	if (!json_is_object(meta))
		return bad_key(root, "meta", "expected a mapping with 'name' and 'version'");
	TRY(only_keys(&at, meta_keys, PET_ARRAY_SIZE(meta_keys)));
	TRY(take_name(m->name, &at, "name"));
	version = json_object_get(meta, "version");
	if (!json_is_integer(version) || json_integer_value(version) < 1 ||
	    json_integer_value(version) > 1000000)
		return bad_key(&at, "version", "expected an integer from 1 to 1000000");
	m->version = (unsigned)json_integer_value(version);
	rc = 0;
out:
	return rc;
}

static int take_class(struct mission_task *t, const struct at *at)
{
	const char *name = json_string_value(json_object_get(at->obj, "class"));
	char what[240];

	if (!name)
		return bad_key(at, "class", "expected an operator's name or class");
	t->op = catalog_find(name);
	if (t->op)
		return 0;
	snprintf(what, sizeof(what), "no operator is called '%.64s'; did you mean '%s'?", name,
		 catalog_nearest(name));
	return bad_key(at, "class", what);
}

static int take_party(struct mission_task *t, const struct at *at)
{
	const char *name = json_string_value(json_object_get(at->obj, "party"));
	int role = name ? mission_role(name) : -1;

	if (role < 0)
		return bad_key(at, "party", "expected party_a or party_b (a request's 'parties' maps them to names)");
	t->role = (unsigned)role;
	return 0;
}

/* class_path and shards say nothing here, but a wrong value would mislead whoever wrote it. */
static int check_unused(const struct at *at)
{
	const json_t *path = json_object_get(at->obj, "class_path");
	const json_t *shards = json_object_get(at->obj, "shards");

	if (path && !json_is_string(path))
		return bad_key(at, "class_path", "expected a string");
	if (shards && !json_is_integer(shards))
		return bad_key(at, "shards", "expected the integer 1");
	if (shards && json_integer_value(shards) != 1)
		return bad_key(at, "shards", "shards is not supported yet: leave it out, or write 1");
	return 0;
}

static int too_deep(const json_t *v, unsigned depth)
{
	const char *key;
	json_t *item;
	size_t i;

	if (depth > ARGS_DEPTH)
		return 1;
	if (json_is_object(v))
		json_object_foreach((json_t *)v, key, item)
			if (too_deep(item, depth + 1))
				return 1;
	if (json_is_array(v))
		json_array_foreach((json_t *)v, i, item)
			if (too_deep(item, depth + 1))
				return 1;
	return 0;
}

/* A path may come from the request's own parameters only: the grants are checked at submit, against what stands there. */
static int path_ok(const json_t *v)
{
	const char *s = json_string_value(v);

	if (!s || !*s)
		return 0;
	while ((s = strstr(s, "${"))) {
		if (strncmp(s, "${job_context.mission_params.", 29) != 0)
			return 0;
		s += 2;
	}
	return 1;
}

static int paths_ok(const json_t *v)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return path_ok(v);
	json_array_foreach((json_t *)v, i, item)
		if (!path_ok(item))
			return 0;
	return 1;
}

static int check_files(const struct at *at, const json_t *files)
{
	const char *slot;
	json_t *v;

	if (!files)
		return 0;
	if (!json_is_object(files))
		return bad_key(at, "args", "'inputs' and 'outputs' are mappings from a slot to a path or a list of paths");
	json_object_foreach((json_t *)files, slot, v)
		if (!paths_ok(v))
			return bad_key(at, "args", "a path of 'inputs' and 'outputs' is text, and may refer to ${job_context.mission_params....} only");
	return 0;
}

static int take_args(struct mission_task *t, const struct at *at)
{
	json_t *args = json_object_get(at->obj, "args");
	int rc;

	if (args && !json_is_object(args) && !json_is_null(args))
		return bad_key(at, "args", "expected a mapping of parameters");
	if (args && too_deep(args, 0))
		return bad_key(at, "args", "nested deeper than 16 levels");
	if ((rc = check_files(at, json_object_get(args, "inputs"))) ||
	    (rc = check_files(at, json_object_get(args, "outputs"))))
		return rc;
	t->args = json_is_object(args) ? json_incref(args) : json_object();
	return t->args ? 0 : ERR_NOMEM;
}

/* What job_context holds besides the tasks' results: a task of that name could not be referred to. */
static int reserved(const char *name)
{
	return mission_role(name) >= 0 || strcmp(name, "common") == 0 || strcmp(name, "job_id") == 0 ||
	       strcmp(name, "mission_params") == 0;
}

static int take_task(struct mission *m, const struct at *at)
{
	struct mission_task *t = &m->task[m->task_count];
	int rc;

	m->task_count++;
	t->line = at->line;
	TRY(only_keys(at, task_keys, PET_ARRAY_SIZE(task_keys)));
	TRY(take_name(t->name, at, "name"));
	if (reserved(t->name))
		return bad_key(at, "name", "this word has a meaning of its own in ${job_context...}: choose another name");
	for (unsigned i = 0; i + 1 < m->task_count; i++)
		if (strcmp(m->task[i].name, t->name) == 0)
			return bad_key(at, "name", "another task above has this name already");
	TRY(take_class(t, at));
	TRY(take_party(t, at));
	TRY(check_unused(at));
	if (json_object_get(at->obj, "group"))
		TRY(take_name(t->group_name, at, "group"));
	TRY(take_args(t, at));
	rc = 0;
out:
	return rc;
}

static int find_task(const struct mission *m, const char *name)
{
	for (unsigned i = 0; i < m->task_count; i++)
		if (strcmp(m->task[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int unknown_task(const struct mission *m, const struct at *at, const char *name)
{
	const char *best = m->task[0].name;
	char what[300];

	for (unsigned i = 1; i < m->task_count; i++)
		if (util_distance(m->task[i].name, name) < util_distance(best, name))
			best = m->task[i].name;
	snprintf(what, sizeof(what), "no task is called '%.64s'; did you mean '%s'?", name, best);
	return bad_key(at, "depends", what);
}

/* Keeps the list ascending, so that its canonical form does not depend on how it was written. */
static int add_depend(struct mission_task *t, unsigned index)
{
	unsigned i = t->depend_count;

	for (unsigned j = 0; j < t->depend_count; j++)
		if (t->depends[j] == index)
			return ERR_CONFLICT;
	while (i && t->depends[i - 1] > index) {
		t->depends[i] = t->depends[i - 1];
		i--;
	}
	t->depends[i] = index;
	t->depend_count++;
	return 0;
}

static int take_depends(struct mission *m, unsigned index, const struct at *at)
{
	const json_t *list = json_object_get(at->obj, "depends"), *item;
	struct mission_task *t = &m->task[index];
	size_t i;

	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return bad_key(at, "depends", "expected a list of tasks' names");
	json_array_foreach((json_t *)list, i, item) {
		int found;

		if (!json_is_string(item))
			return bad_key(at, "depends", "expected a list of tasks' names");
		found = find_task(m, json_string_value(item));
		if (found < 0)
			return unknown_task(m, at, json_string_value(item));
		if ((unsigned)found == index)
			return bad_key(at, "depends", "the task depends on itself");
		if (add_depend(t, (unsigned)found))
			return bad_key(at, "depends", "names a task twice");
	}
	return 0;
}

static int task_at(struct at *out, char path[32], const struct mission_src *s, const json_t *list, size_t i)
{
	snprintf(path, 32, "operators[%zu]", i);
	out->src = s;
	out->obj = json_array_get(list, i);
	out->path = path;
	out->line = s->yaml ? yaml_json_line(s->yaml, list, NULL, i) : 0;
	return json_is_object(out->obj) ? 0 : mission_bad(s, out->line, "%s: expected a mapping", path);
}

static int take_tasks(struct mission *m, const struct at *root)
{
	const json_t *list = json_object_get(root->obj, "operators");
	struct at at;
	char path[32];
	int rc = 0;

	if (!json_is_array(list) || json_array_size(list) == 0)
		return bad_key(root, "operators", "expected a list with at least one task");
	if (json_array_size(list) > MISSION_TASKS_MAX)
		return bad_key(root, "operators", "more than 64 tasks");
	for (size_t i = 0; i < json_array_size(list); i++) {
		TRY(task_at(&at, path, root->src, list, i));
		TRY(take_task(m, &at));
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		TRY(task_at(&at, path, root->src, list, i));
		TRY(take_depends(m, (unsigned)i, &at));
	}
out:
	return rc;
}

static int parse_tree(struct mission **out, const json_t *root, const struct mission_src *s)
{
	struct mission *m = NULL;
	struct at at = { s, root, "", s->yaml ? 1 : 0 };
	int rc;

	if (!json_is_object(root))
		return mission_bad(s, at.line, "expected a mapping with 'meta' and 'operators'");
	m = calloc(1, sizeof(*m));
	if (!m)
		return ERR_NOMEM;
	TRY(only_keys(&at, top_keys, PET_ARRAY_SIZE(top_keys)));
	TRY(take_meta(m, &at));
	TRY(take_tasks(m, &at));
	TRY(mission_arrange(m, s));
	*out = m;
	m = NULL;
	rc = 0;
out:
	mission_free(m);
	return rc;
}

int mission_parse_yaml(struct mission **out, const char *text, size_t len, const char *file,
		       struct errmsg *em)
{
	struct yaml_json y;
	struct mission_src s = { file, &y, em };
	int rc;

	if (len > MISSION_TEXT_MAX)
		return errmsg_set(em, ERR_INPUT, "BAD_MISSION", "%s: larger than 1 MiB", file);
	rc = yaml_json_parse(&y, text, len, file, em);
	if (rc)
		return rc;
	rc = parse_tree(out, y.root, &s);
	yaml_json_free(&y);
	return rc;
}

int mission_load(struct mission **out, const char *path, struct errmsg *em)
{
	struct buf text = { 0 };
	int rc = util_read_file(&text, path, MISSION_TEXT_MAX);

	if (rc)
		errmsg_set(em, rc, "BAD_MISSION", "cannot read the mission file %s: %s", path,
			   rc == ERR_INPUT ? "larger than 1 MiB" : strerror(errno));
	else
		rc = mission_parse_yaml(out, text.data, text.len, path, em);
	buf_free(&text);
	return rc;
}

int mission_parse_json(struct mission **out, const char *text, size_t len, struct errmsg *em)
{
	struct mission_src s = { "mission", NULL, em };
	json_error_t je;
	json_t *root;
	int rc;

	if (len > MISSION_TEXT_MAX)
		return errmsg_set(em, ERR_INPUT, "BAD_MISSION", "the mission is larger than 1 MiB");
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!root)
		return mission_bad(&s, je.line > 0 ? je.line : 0, "not JSON: %s", je.text);
	rc = parse_tree(out, root, &s);
	json_decref(root);
	return rc;
}

void mission_free(struct mission *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->task_count; i++)
		json_decref(m->task[i].args);
	free(m);
}

static json_t *print_task(const struct mission *m, const struct mission_task *t)
{
	json_t *obj = json_pack("{s:s, s:s, s:s}", "name", t->name, "class", t->op->name, "party",
				mission_role_names[t->role]);
	json_t *depends;
	int bad = !obj;

	if (t->group_name[0])
		bad |= json_object_set_new(obj, "group", json_string(t->group_name));
	if (json_object_size(t->args))
		bad |= json_object_set(obj, "args", t->args);
	if (t->depend_count) {
		depends = json_array();
		for (unsigned i = 0; i < t->depend_count; i++)
			bad |= json_array_append_new(depends, json_string(m->task[t->depends[i]].name));
		bad |= json_object_set_new(obj, "depends", depends);
	}
	if (!bad)
		return obj;
	json_decref(obj);
	return NULL;
}

int mission_print(const struct mission *m, char **text)
{
	json_t *tasks = json_array(), *root = NULL;
	int rc = ERR_NOMEM;

	for (unsigned i = 0; i < m->task_count; i++)
		if (json_array_append_new(tasks, print_task(m, &m->task[i])))
			goto out;
	root = json_pack("{s:{s:s, s:i}, s:O}", "meta", "name", m->name, "version", (int)m->version,
			 "operators", tasks);
	*text = root ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	rc = *text ? 0 : ERR_NOMEM;
out:
	json_decref(tasks);
	json_decref(root);
	return rc;
}

int mission_digest(const struct mission *m, uint8_t digest[32])
{
	char *text;
	int rc = mission_print(m, &text);

	if (rc)
		return rc;
	rc = SHA256((const unsigned char *)text, strlen(text), digest) ? 0 : ERR_INTERNAL;
	free(text);
	return rc;
}
