/* Values against tables: the messages name the place, what stood there, and what would be right. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "op_impl.h"

static const char *json_word(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "a list";
	case JSON_STRING: return "a string";
	case JSON_INTEGER: return "an integer";
	case JSON_REAL: return "a number";
	case JSON_NULL: return "null";
	default: return "true or false";
	}
}

/* The value itself goes into the local text only: the public one may cross to the other party. */
static int wrong(const char *path, const char *key, const json_t *v, const char *want,
		 struct errmsg *em)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

	errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "%s.%s is %s: expected %s", path, key,
		   json_word(v), want);
	errmsg_local(em, "%s.%s is %.60s%s (%s): expected %s", path, key, text ? text : "?",
		     text && strlen(text) > 60 ? "..." : "", json_word(v), want);
	free(text);
	return ERR_INPUT;
}

static void want_range(char *out, size_t size, const struct op_param *p)
{
	const char *what = p->type == OP_INT ? "an integer" : "a number";

	if (p->low == 0 && p->high == 0)
		snprintf(out, size, "%s", what);
	else
		snprintf(out, size, "%s from %.15g to %.15g", what, p->low, p->high);
}

static int check_number(const struct op_param *p, const json_t *v, const char *path,
			struct errmsg *em)
{
	char want[96];
	int kind = p->type == OP_INT ? json_is_integer(v) : json_is_number(v);
	double x = kind ? json_number_value(v) : 0;

	want_range(want, sizeof(want), p);
	if (!kind || !isfinite(x) || ((p->low != 0 || p->high != 0) && (x < p->low || x > p->high)))
		return wrong(path, p->name, v, want, em);
	return 0;
}

static int check_word(const struct op_param *p, const json_t *v, const char *path,
		      struct errmsg *em)
{
	char want[400] = "one of ";
	size_t used = strlen(want);

	if (!json_is_string(v))
		return wrong(path, p->name, v, "a string", em);
	if (!p->words)
		return 0;
	for (size_t i = 0; p->words[i]; i++) {
		if (strcmp(p->words[i], json_string_value(v)) == 0)
			return 0;
		if (used < sizeof(want))
			used += (size_t)snprintf(want + used, sizeof(want) - used, "%s\"%s\"",
						 i ? ", " : "", p->words[i]);
	}
	return wrong(path, p->name, v, want, em);
}

static int strings_only(const json_t *v)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(v) || json_array_size(v) > OP_LIST_MAX)
		return 0;
	json_array_foreach((json_t *)v, i, item)
		if (!json_is_string(item))
			return 0;
	return 1;
}

static int check_value(const struct op_param *p, const json_t *v, const char *path,
		       struct errmsg *em)
{
	switch (p->type) {
	case OP_BOOL:
		return json_is_boolean(v) ? 0 : wrong(path, p->name, v, "true or false", em);
	case OP_INT:
	case OP_NUMBER:
		return check_number(p, v, path, em);
	case OP_STRING:
		return check_word(p, v, path, em);
	case OP_STRING_LIST:
		return strings_only(v) ? 0 : wrong(path, p->name, v, "a list of at most 256 strings", em);
	case OP_STRING_OR_LIST:
		if (json_is_string(v) || strings_only(v))
			return 0;
		return wrong(path, p->name, v, "a string, or a list of at most 256 strings", em);
	case OP_OBJECT:
		return json_is_object(v) ? 0 : wrong(path, p->name, v, "an object", em);
	}
	return ERR_INTERNAL;
}

/* The nearest name is only a help when it is near. */
static int unknown(const char *path, const char *key, const char *nearest, struct errmsg *em)
{
	if (!nearest)
		return errmsg_set(em, ERR_INPUT, "UNKNOWN_PARAMETER",
				  "%s.%.64s is unknown: %s takes no keys", path, key, path);
	if (util_distance(key, nearest) <= 1 + strlen(nearest) / 3)
		return errmsg_set(em, ERR_INPUT, "UNKNOWN_PARAMETER",
				  "%s.%.64s is unknown: did you mean '%s'?", path, key, nearest);
	return errmsg_set(em, ERR_INPUT, "UNKNOWN_PARAMETER",
			  "%s.%.64s is unknown: the nearest known key is '%s'", path, key, nearest);
}

static int known_params(const struct op_param *table, const json_t *obj, const char *path,
			struct errmsg *em)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)obj, key, v) {
		const char *best = NULL;
		size_t i;

		for (i = 0; table[i].name && strcmp(table[i].name, key) != 0; i++)
			if (!best || util_distance(key, table[i].name) < util_distance(key, best))
				best = table[i].name;
		if (!table[i].name)
			return unknown(path, key, best, em);
	}
	return 0;
}

/* An absent parameter gets its default, or is an error when it is required. */
static int fill(const struct op_param *p, json_t *obj, const char *path, struct errmsg *em)
{
	json_t *v;

	if (p->required)
		return errmsg_set(em, ERR_INPUT, "MISSING_PARAMETER", "%s.%s is missing: %s", path,
				  p->name, p->help ? p->help : "it is required");
	if (!p->fallback)
		return 0;
	v = json_loads(p->fallback, JSON_DECODE_ANY, NULL);
	if (!v || check_value(p, v, path, em)) {
		json_decref(v);
		return errmsg_set(em, ERR_INTERNAL, "BAD_OPERATOR",
				  "the default of %s does not pass its own table", p->name);
	}
	return json_object_set_new(obj, p->name, v) ? ERR_NOMEM : 0;
}

int op_check(const struct op_param *table, json_t *obj, const char *path, struct errmsg *em)
{
	static const struct op_param none[] = { { .name = NULL } };
	int rc;

	if (!table)
		table = none;
	rc = known_params(table, obj, path, em);
	for (const struct op_param *p = table; rc == 0 && p->name; p++) {
		json_t *v = json_object_get(obj, p->name);

		rc = v ? check_value(p, v, path, em) : fill(p, obj, path, em);
		v = json_object_get(obj, p->name);
		/* 1 and 1.0 are the same number: one form, so that both parties' digests agree */
		if (rc == 0 && p->type == OP_NUMBER && json_is_integer(v) &&
		    json_object_set_new(obj, p->name, json_real(json_number_value(v))))
			rc = ERR_NOMEM;
	}
	return rc;
}

static int check_file(const struct op_file *f, const json_t *v, const char *path,
		      struct errmsg *em)
{
	const json_t *item;
	size_t i, count = json_array_size(v);

	if (!v || (f->list && f->required && json_is_array(v) && count == 0)) {
		if (!f->required)
			return 0;
		return errmsg_set(em, ERR_INPUT, "MISSING_PARAMETER", "%s.%s is missing: %s", path,
				  f->name, f->help ? f->help : "a path is required");
	}
	if (json_is_string(v))
		return json_string_length(v) ? 0 : wrong(path, f->name, v, "a path", em);
	if (!f->list)
		return wrong(path, f->name, v, "one path as a string", em);
	if (!strings_only(v))
		return wrong(path, f->name, v, "a list of at most 256 paths", em);
	json_array_foreach((json_t *)v, i, item)
		if (json_string_length(item) == 0)
			return wrong(path, f->name, v, "paths that are not empty", em);
	return 0;
}

int op_check_files(const struct op_file *table, const json_t *obj, const char *path,
		   struct errmsg *em)
{
	const char *key;
	json_t *v;
	int rc = 0;

	json_object_foreach((json_t *)obj, key, v) {
		const char *best = NULL;
		size_t i;

		for (i = 0; table && table[i].name && strcmp(table[i].name, key) != 0; i++)
			if (!best || util_distance(key, table[i].name) < util_distance(key, best))
				best = table[i].name;
		if (!table || !table[i].name)
			return unknown(path, key, best, em);
	}
	for (const struct op_file *f = table; rc == 0 && f && f->name; f++)
		rc = check_file(f, json_object_get(obj, f->name), path, em);
	return rc;
}
