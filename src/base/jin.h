/*
 * JSON input tables: a request is described by rows, and handlers see valid
 * data only. Every refusal is a sentence with the JSON path, what is there and
 * what would be right; an unknown key is answered with the nearest known one.
 */
#ifndef PET_BASE_JIN_H
#define PET_BASE_JIN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum jin_type {
	JIN_STRING,	/* target: const char *, borrowed from the JSON value */
	JIN_INT,	/* target: int64_t */
	JIN_BOOL,	/* target: int */
	JIN_OBJECT,	/* target: const json_t *, borrowed */
	JIN_CUSTOM,	/* target: whatever `custom` writes */
};

struct jin_field {
	const char *name;
	enum jin_type type;
	int required;
	int64_t low, high;	/* INT: the range; STRING: the length in bytes. Both 0 = any (a string is never empty) */
	int (*ok)(const char *);	/* STRING: returns 0 for a good one; NULL = any */
	int (*custom)(void *target, const json_t *value);	/* CUSTOM: 0 or ERR_INPUT */
	const char *expected;	/* what would be right, for CUSTOM and for `ok`: "an integer or \"latest\"" */
	size_t offset;		/* of the target within the struct */
};

#define JIN_DEPTH_MAX 64	/* nesting of a request; deeper is refused */

/*
 * A whole document. Codes: BAD_JSON with line and column (duplicate keys
 * included), NOT_AN_OBJECT. The caller owns *out.
 */
int jin_parse(json_t **out, const void *data, size_t len, struct errmsg *em) PET_MUST_USE;

/*
 * Checks `obj` by the table (ends with .name = NULL) and fills `target`; absent
 * optional fields stay as the caller set them. `path` is "" at the top.
 * Codes: UNKNOWN_FIELD, MISSING_FIELD, BAD_FIELD.
 */
int jin_read(void *target, const struct jin_field *table, const json_t *obj, const char *path,
	     struct errmsg *em) PET_MUST_USE;

/*
 * A query string ("a=1&b=x%20y", without the '?') as an object that jin_read
 * takes: fields that the table calls INT become integers, BOOL true or false.
 * Code BAD_QUERY. The caller owns *out.
 */
int jin_query(json_t **out, const struct jin_field *table, const char *query,
	      struct errmsg *em) PET_MUST_USE;

/* The canonical text of a value: keys sorted, no white space. The caller frees it; NULL when out of memory. */
char *jin_canonical(const json_t *value);

#endif
