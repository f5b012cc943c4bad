/* One value against one JSON Schema row of an operator's table. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/params_impl.h"

static const char *kind_of(const json_t *v)
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

/* The value goes into the local text only: the public one may cross to the other party. */
static int wrong(const char *path, const json_t *v, const char *want, struct errmsg *em)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

	errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "%s is %s: expected %s", path, kind_of(v), want);
	errmsg_local(em, "%s is %.60s%s (%s): expected %s", path, text ? text : "?",
		     text && strlen(text) > 60 ? "..." : "", kind_of(v), want);
	free(text);
	return ERR_INPUT;
}

static int is_type(const json_t *v, const char *type)
{
	if (strcmp(type, "integer") == 0)
		return json_is_integer(v);
	if (strcmp(type, "number") == 0)
		return json_is_number(v);
	if (strcmp(type, "string") == 0)
		return json_is_string(v);
	if (strcmp(type, "boolean") == 0)
		return json_is_boolean(v);
	if (strcmp(type, "array") == 0)
		return json_is_array(v);
	return strcmp(type, "object") == 0 && json_is_object(v);
}

static const char *type_words(const char *type)
{
	static const char *const words[][2] = {
		{ "integer", "an integer" }, { "number", "a number" }, { "string", "a string" },
		{ "boolean", "true or false" }, { "array", "a list" }, { "object", "an object" },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(words); i++)
		if (strcmp(words[i][0], type) == 0)
			return words[i][1];
	return "a known type";
}

/* `type` is one word or a list of words, of which one must fit. */
static int check_type(const json_t *v, const json_t *schema, const char *path, struct errmsg *em)
{
	const json_t *type = json_object_get(schema, "type"), *word;
	char want[160] = "";
	size_t i, used = 0;

	if (json_is_string(type)) {
		if (is_type(v, json_string_value(type)))
			return 0;
		return wrong(path, v, type_words(json_string_value(type)), em);
	}
	json_array_foreach((json_t *)type, i, word) {
		const char *w = json_string_value(word) ? json_string_value(word) : "";

		if (is_type(v, w))
			return 0;
		if (used < sizeof(want))
			used += (size_t)snprintf(want + used, sizeof(want) - used, "%s%s", i ? " or " : "", type_words(w));
	}
	return type ? wrong(path, v, want, em) : 0;
}

static int check_range(const json_t *v, const json_t *schema, const char *path, struct errmsg *em)
{
	const json_t *low = json_object_get(schema, "minimum"), *high = json_object_get(schema, "maximum");
	double x = json_number_value(v);
	char want[120];

	if ((!low || x >= json_number_value(low)) && (!high || x <= json_number_value(high)))
		return 0;
	if (low && high)
		snprintf(want, sizeof(want), "%.15g to %.15g", json_number_value(low), json_number_value(high));
	else
		snprintf(want, sizeof(want), "%s %.15g", low ? "at least" : "at most", json_number_value(low ? low : high));
	return wrong(path, v, want, em);
}

static int check_enum(const json_t *v, const json_t *words, const char *path, struct errmsg *em)
{
	char want[300] = "one of ";
	size_t i, used = strlen(want);
	json_t *word;

	json_array_foreach((json_t *)words, i, word) {
		char *text;

		if (json_equal(v, word))
			return 0;
		text = json_dumps(word, JSON_ENCODE_ANY);
		if (used < sizeof(want))
			used += (size_t)snprintf(want + used, sizeof(want) - used, "%s%s", i ? ", " : "", text ? text : "?");
		free(text);
	}
	return wrong(path, v, want, em);
}

static int check_items(const json_t *v, const json_t *schema, const char *path, struct errmsg *em)
{
	const json_t *items = json_object_get(schema, "items"), *most = json_object_get(schema, "maxItems");
	char at[PARAMS_PATH], want[80];
	json_t *item;
	size_t i;
	int rc;

	if (most && (json_int_t)json_array_size(v) > json_integer_value(most)) {
		snprintf(want, sizeof(want), "at most %lld items", (long long)json_integer_value(most));
		return wrong(path, v, want, em);
	}
	json_array_foreach((json_t *)v, i, item) {
		snprintf(at, sizeof(at), "%s[%zu]", path, i);
		if (items && (rc = params_value(item, items, at, em)))
			return rc;
	}
	return 0;
}

int params_value(const json_t *v, const json_t *schema, const char *path, struct errmsg *em)
{
	const json_t *words = json_object_get(schema, "enum");
	int rc = check_type(v, schema, path, em);

	if (rc == 0 && json_is_number(v))
		rc = check_range(v, schema, path, em);
	if (rc == 0 && words)
		rc = check_enum(v, words, path, em);
	if (rc == 0 && json_is_array(v))
		rc = check_items(v, schema, path, em);
	return rc;
}
