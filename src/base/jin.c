#include "base/jin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* --- documents ----------------------------------------------------------- */

static int too_deep(const json_t *v, int left)
{
	const char *key;
	json_t *item;
	size_t i;

	if (left == 0)
		return 1;
	json_object_foreach((json_t *)v, key, item)
		if (too_deep(item, left - 1))
			return 1;
	json_array_foreach(v, i, item)
		if (too_deep(item, left - 1))
			return 1;
	return 0;
}

int jin_parse(json_t **out, const void *data, size_t len, struct errmsg *em)
{
	json_error_t je;
	json_t *v;

	if (len == 0)
		return errmsg_set(em, ERR_INPUT, "BAD_JSON", "the body is empty: expected a JSON object");
	v = json_loadb(data, len, JSON_REJECT_DUPLICATES, &je);
	if (!v)
		return errmsg_set(em, ERR_INPUT, "BAD_JSON",
				  "the body is not valid JSON: line %d column %d: %s",
				  je.line < 1 ? 1 : je.line, je.column < 1 ? 1 : je.column, je.text);
	if (!json_is_object(v)) {
		json_decref(v);
		return errmsg_set(em, ERR_INPUT, "NOT_AN_OBJECT",
				  "the body is valid JSON, but no object: expected {\"key\": value, …}");
	}
	if (too_deep(v, JIN_DEPTH_MAX)) {
		json_decref(v);
		return errmsg_set(em, ERR_INPUT, "BAD_JSON", "the body nests deeper than %d levels", JIN_DEPTH_MAX);
	}
	*out = v;
	return 0;
}

char *jin_canonical(const json_t *value)
{
	return json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}

/* --- fields -------------------------------------------------------------- */

static const char *type_name(const json_t *v)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_STRING] = "a string",
		[JSON_INTEGER] = "an integer", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false", [JSON_NULL] = "null",
	};

	return names[json_typeof(v)];
}

static const char *dot(const char *path)
{
	return path[0] ? "." : "";
}

static int bad(struct errmsg *em, const char *path, const struct jin_field *f, const json_t *v,
	       const char *expected)
{
	return errmsg_set(em, ERR_INPUT, "BAD_FIELD", "%s%s%s is %s%s: expected %s", path, dot(path),
			  f->name, type_name(v),
			  json_is_string(v) || json_is_integer(v) ? " that does not fit" : "", expected);
}

static int unknown(struct errmsg *em, const char *path, const char *key,
		   const struct jin_field *table)
{
	const struct jin_field *best = table;
	unsigned near, limit = strlen(key) < 6 ? 2 : 3;

	for (const struct jin_field *f = table; f->name; f++)
		if (util_distance(key, f->name) < util_distance(key, best->name))
			best = f;
	near = best->name ? util_distance(key, best->name) : 64;
	/* A far guess would mislead: then the known keys are named. */
	if (near <= limit)
		return errmsg_set(em, ERR_INPUT, "UNKNOWN_FIELD", "%s%s%.64s is not known; did you mean '%s'?",
				  path, dot(path), key, best->name);
	errmsg_set(em, ERR_INPUT, "UNKNOWN_FIELD", "%s%s%.64s is not known; nearest is '%s', known are:",
		   path, dot(path), key, best->name ? best->name : "");
	for (const struct jin_field *f = table; em && f->name; f++) {
		size_t n = strlen(em->pub);

		snprintf(em->pub + n, sizeof(em->pub) - n, " %s", f->name);
	}
	if (em)
		snprintf(em->local, sizeof(em->local), "%s", em->pub);
	return ERR_INPUT;
}

static int read_string(const char **out, const struct jin_field *f, const json_t *v,
		       const char *path, struct errmsg *em)
{
	char expected[96];
	size_t low = f->low > 0 ? (size_t)f->low : 1;

	if (!json_is_string(v))
		return bad(em, path, f, v, f->expected ? f->expected : "a string");
	if (json_string_length(v) < low ||
	    (f->high > 0 && json_string_length(v) > (size_t)f->high)) {
		if (f->high > 0)
			snprintf(expected, sizeof(expected), "%zu to %lld bytes of text", low, (long long)f->high);
		else
			snprintf(expected, sizeof(expected), "at least %zu bytes of text", low);
		return bad(em, path, f, v, expected);
	}
	if (f->ok && f->ok(json_string_value(v)))
		return bad(em, path, f, v, f->expected ? f->expected : "another form of text");
	*out = json_string_value(v);
	return 0;
}

static int read_int(int64_t *out, const struct jin_field *f, const json_t *v, const char *path,
		    struct errmsg *em)
{
	int64_t n = json_integer_value(v);
	char expected[96] = "an integer";

	if (f->low || f->high)
		snprintf(expected, sizeof(expected), "an integer from %lld to %lld",
			 (long long)f->low, (long long)f->high);
	if (!json_is_integer(v) || ((f->low || f->high) && (n < f->low || n > f->high)))
		return bad(em, path, f, v, expected);
	*out = n;
	return 0;
}

static int read_field(void *target, const struct jin_field *f, const json_t *v, const char *path,
		      struct errmsg *em)
{
	void *to = (char *)target + f->offset;

	switch (f->type) {
	case JIN_STRING:
		return read_string(to, f, v, path, em);
	case JIN_INT:
		return read_int(to, f, v, path, em);
	case JIN_BOOL:
		if (!json_is_boolean(v))
			return bad(em, path, f, v, "true or false");
		*(int *)to = json_is_true(v);
		return 0;
	case JIN_OBJECT:
		if (!json_is_object(v))
			return bad(em, path, f, v, f->expected ? f->expected : "an object");
		*(const json_t **)to = v;
		return 0;
	case JIN_CUSTOM:
		return f->custom(to, v) ? bad(em, path, f, v, f->expected) : 0;
	}
	return ERR_INTERNAL;
}

static const struct jin_field *find(const struct jin_field *table, const char *name)
{
	for (const struct jin_field *f = table; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

int jin_read(void *target, const struct jin_field *table, const json_t *obj, const char *path,
	     struct errmsg *em)
{
	const char *key;
	json_t *v;
	int rc;

	/* Unknown keys first: a misspelt required key is better answered as misspelt than as missing. */
	json_object_foreach((json_t *)obj, key, v)
		if (!find(table, key))
			return unknown(em, path, key, table);
	for (const struct jin_field *f = table; f->name; f++) {
		v = json_object_get(obj, f->name);
		if (!v && f->required)
			return errmsg_set(em, ERR_INPUT, "MISSING_FIELD", "%s%s%s is missing: expected %s",
					  path, dot(path), f->name,
					  f->expected ? f->expected : f->type == JIN_STRING ? "a string" :
					  f->type == JIN_INT ? "an integer" :
					  f->type == JIN_OBJECT ? "an object" : "a value");
		if (v)
			TRY(read_field(target, f, v, path, em));
	}
	rc = 0;
out:
	return rc;
}

/* --- query strings ------------------------------------------------------- */

static int unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '%') {
			char hex[3] = { s[1], s[1] ? s[2] : '\0', '\0' };
			unsigned char c;

			/* A NUL would end the text early: what we check must be what we use. */
			if (util_unhex(&c, 1, hex) || c == 0)
				return ERR_INPUT;
			*to++ = (char)c;
			s += 2;
		} else {
			*to++ = *s == '+' ? ' ' : *s;
		}
	}
	*to = '\0';
	return 0;
}

/* By the field's type; what is no integer stays a string, so that jin_read refuses it with the usual sentence. */
static json_t *query_value(const struct jin_field *f, const char *text)
{
	char *end;
	long long n;

	if (f && f->type == JIN_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
		return json_boolean(text[0] == 't');
	if (f && f->type == JIN_INT && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'))) {
		errno = 0;
		n = strtoll(text, &end, 10);
		if (!errno && !*end)
			return json_integer(n);
	}
	return json_string(text);
}

static int query_pair(json_t *obj, const struct jin_field *table, char *pair, struct errmsg *em)
{
	char *eq = strchr(pair, '=');
	json_t *v;

	if (!eq)
		return errmsg_set(em, ERR_INPUT, "BAD_QUERY", "the query string holds '%.40s': expected key=value", pair);
	*eq = '\0';
	if (unescape(pair) || unescape(eq + 1))
		return errmsg_set(em, ERR_INPUT, "BAD_QUERY", "the query string holds a broken %%-escape");
	if (json_object_get(obj, pair))
		return errmsg_set(em, ERR_INPUT, "BAD_QUERY", "the query string names '%.40s' twice", pair);
	v = query_value(find(table, pair), eq + 1);
	if (!v)
		return errmsg_set(em, ERR_INPUT, "BAD_QUERY", "the query string is not UTF-8");
	if (json_object_set_new(obj, pair, v))
		return errmsg_set(em, ERR_INPUT, "BAD_QUERY", "the query string is not UTF-8");
	return 0;
}

int jin_query(json_t **out, const struct jin_field *table, const char *query, struct errmsg *em)
{
	json_t *obj = json_object();
	char *copy = strdup(query), *save = NULL;
	int rc = ERR_NOMEM;

	if (!obj || !copy)
		goto out;
	for (char *pair = strtok_r(copy, "&", &save); pair; pair = strtok_r(NULL, "&", &save))
		TRY(query_pair(obj, table, pair, em));
	*out = obj;
	obj = NULL;
	rc = 0;
out:
	json_decref(obj);
	free(copy);
	return rc;
}
