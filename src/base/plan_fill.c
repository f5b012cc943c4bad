/* ${…} references: finding what they mean, and putting it in their place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/params_impl.h"
#include "base/plan.h"
#include "base/plan_impl.h"

#define PATH_TEXT 200
#define REF_MAX 200

/* Where the filling stands, for messages. */
struct filler {
	const struct plan_contexts *contexts;
	const char *task, *role;
	struct errmsg *em;
	char path[PATH_TEXT];
};

static int bad(const struct filler *f, const char *ref, const char *what)
{
	return errmsg_set(f->em, ERR_INPUT, "BAD_REFERENCE", "task %s, args%s: ${%s}: %s", f->task,
			  f->path, ref, what);
}

/* The name behind `prefix`, or NULL. */
static const char *behind(const char *ref, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(ref, prefix, n) == 0 ? ref + n : NULL;
}

static int resolve(const struct filler *f, const char *ref, const json_t **out)
{
	const char *name;

	*out = NULL;
	if ((name = behind(ref, "job_context."))) {
		const json_t *job = f->contexts->job;

		*out = params_follow(job, name);
		if (!*out)
			*out = params_follow(json_object_get(job, f->role), name);
		if (!*out)
			*out = params_follow(json_object_get(job, "common"), name);
	} else if ((name = behind(ref, "mission_context."))) {
		*out = params_follow(f->contexts->mission, name);
	} else if ((name = behind(ref, "global_config."))) {
		*out = params_follow(f->contexts->global, name);
	} else {
		return bad(f, ref, "a reference begins with job_context., mission_context. or global_config.");
	}
	return *out ? 0 : bad(f, ref, "there is no such value when the task starts");
}

/* ref is what stands between "${" and "}". */
static int take_ref(const struct filler *f, const char *s, char ref[REF_MAX], size_t *len)
{
	const char *end = strchr(s, '}');
	size_t n = end ? (size_t)(end - s) - 2 : 0;

	if (!end)
		return bad(f, "", "the '}' of a reference is missing");
	if (n == 0 || n >= REF_MAX)
		return bad(f, "", "a reference has 1 to 199 characters");
	memcpy(ref, s + 2, n);
	ref[n] = '\0';
	*len = n + 3;
	return 0;
}

static int add_text(const struct filler *f, struct buf *b, const char *ref, const json_t *v)
{
	char *text;
	int rc;

	if (json_is_string(v))
		return buf_str(b, json_string_value(v));
	if (!json_is_number(v) && !json_is_boolean(v))
		return bad(f, ref, "inside a longer text the value must be a string, a number or a boolean");
	text = json_dumps(v, JSON_ENCODE_ANY);
	rc = text ? buf_str(b, text) : ERR_NOMEM;
	free(text);
	return rc;
}

static int fill_text(const struct filler *f, const char *s, struct buf *b)
{
	char ref[REF_MAX];
	const json_t *v;
	size_t len;
	int rc = 0;

	while (*s && rc == 0) {
		if (strncmp(s, "$${", 3) == 0) {
			rc = buf_str(b, "${");
			s += 3;
		} else if (strncmp(s, "${", 2) == 0) {
			if ((rc = take_ref(f, s, ref, &len)) || (rc = resolve(f, ref, &v)))
				return rc;
			rc = add_text(f, b, ref, v);
			s += len;
		} else {
			rc = buf_add(b, s++, 1);
		}
	}
	return rc;
}

static int fill_string(const struct filler *f, const char *s, json_t **out)
{
	struct buf b = { 0 };
	char ref[REF_MAX];
	const json_t *v;
	size_t len;
	int rc;

	if (strncmp(s, "${", 2) == 0) {
		TRY(take_ref(f, s, ref, &len));
		if (s[len] == '\0') {
			TRY(resolve(f, ref, &v));
			*out = json_deep_copy(v);
			rc = *out ? 0 : ERR_NOMEM;
			goto out;
		}
	}
	TRY(fill_text(f, s, &b));
	*out = json_stringn(b.data ? b.data : "", b.len);
	rc = *out ? 0 : ERR_NOMEM;
out:
	buf_free(&b);
	return rc;
}

static int fill_value(struct filler *f, const json_t *v, json_t **out);

static int fill_object(struct filler *f, const json_t *v, json_t *to)
{
	size_t base = strlen(f->path);
	const char *key;
	json_t *item, *filled;

	json_object_foreach((json_t *)v, key, item) {
		int rc;

		snprintf(f->path + base, PATH_TEXT - base, ".%s", key);
		rc = fill_value(f, item, &filled);
		f->path[base] = '\0';
		if (rc)
			return rc;
		if (json_object_set_new(to, key, filled))
			return ERR_NOMEM;
	}
	return 0;
}

static int fill_array(struct filler *f, const json_t *v, json_t *to)
{
	size_t base = strlen(f->path), i;
	json_t *item, *filled;

	json_array_foreach((json_t *)v, i, item) {
		int rc;

		snprintf(f->path + base, PATH_TEXT - base, "[%zu]", i);
		rc = fill_value(f, item, &filled);
		f->path[base] = '\0';
		if (rc)
			return rc;
		if (json_array_append_new(to, filled))
			return ERR_NOMEM;
	}
	return 0;
}

static int fill_value(struct filler *f, const json_t *v, json_t **out)
{
	int rc;

	*out = NULL;
	if (json_is_string(v))
		return fill_string(f, json_string_value(v), out);
	if (!json_is_object(v) && !json_is_array(v)) {
		*out = json_deep_copy(v);
		return *out ? 0 : ERR_NOMEM;
	}
	*out = json_is_object(v) ? json_object() : json_array();
	if (!*out)
		return ERR_NOMEM;
	rc = json_is_object(v) ? fill_object(f, v, *out) : fill_array(f, v, *out);
	if (rc) {
		json_decref(*out);
		*out = NULL;
	}
	return rc;
}

int plan_fill(json_t **out, const json_t *args, const struct plan_contexts *contexts,
	      const char *task, const char *role, struct errmsg *em)
{
	struct filler f = { .contexts = contexts, .task = task, .role = role, .em = em };

	return fill_value(&f, args, out);
}

static json_t *escape_string(const char *s)
{
	struct buf b = { 0 };
	json_t *v = NULL;
	int rc = 0;

	for (; *s && rc == 0; s++) {
		if (strncmp(s, "${", 2) == 0)
			rc = buf_str(&b, "$");
		if (rc == 0)
			rc = buf_add(&b, s, 1);
	}
	if (rc == 0)
		v = json_stringn(b.data ? b.data : "", b.len);
	buf_free(&b);
	return v;
}

json_t *plan_escape(const json_t *v)
{
	const char *key;
	json_t *to, *item;
	size_t i;
	int bad_alloc = 0;

	if (json_is_string(v))
		return escape_string(json_string_value(v));
	if (!json_is_object(v) && !json_is_array(v))
		return json_deep_copy(v);
	to = json_is_object(v) ? json_object() : json_array();
	if (json_is_object(v))
		json_object_foreach((json_t *)v, key, item)
			bad_alloc |= json_object_set_new(to, key, plan_escape(item));
	else
		json_array_foreach((json_t *)v, i, item)
			bad_alloc |= json_array_append_new(to, plan_escape(item));
	if (!bad_alloc)
		return to;
	json_decref(to);
	return NULL;
}
