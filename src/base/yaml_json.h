/*
 * The part of YAML that mission files use, as JSON, with the line of every
 * key and item: mappings, lists and scalars. Anchors, aliases, tags, several
 * documents, duplicate keys and keys that are not plain words are refused.
 */
#ifndef PET_BASE_YAML_JSON_H
#define PET_BASE_YAML_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define YAML_JSON_DEPTH 32

struct yaml_mark {
	const json_t *parent;	/* the object or array; never followed */
	const char *key;	/* borrowed from the tree; NULL in an array */
	size_t index;
	int line;		/* from 1 */
};

struct yaml_json {
	json_t *root;
	struct yaml_mark *mark;
	size_t mark_count, mark_cap;
};

/* Errors are code BAD_MISSION and name file and line. Plain scalars follow YAML 1.2's core schema; a quoted one is a string. */
int yaml_json_parse(struct yaml_json *out, const char *text, size_t len, const char *file,
		    struct errmsg *em) PET_MUST_USE;
void yaml_json_free(struct yaml_json *y);
/* The line of a key (or, key NULL, of an item) of parent; 0 when there is none. */
int yaml_json_line(const struct yaml_json *y, const json_t *parent, const char *key, size_t index);

#endif
