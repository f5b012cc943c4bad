/* Shared by params*.c and plan*.c only: how they read an operator's `--describe` document, and ${…} of the request. */
#ifndef PET_BASE_PARAMS_IMPL_H
#define PET_BASE_PARAMS_IMPL_H

#include <jansson.h>

#include "base/err.h"
#include "base/mission.h"

#define PARAMS_PATH 256

/* The schemas of "params", "inputs" or "outputs": name → schema; NULL when there is no such document. */
static inline const json_t *params_schemas(const json_t *tables, const char *op, const char *part)
{
	return json_object_get(json_object_get(json_object_get(tables, op), part), "properties");
}

/* One value against one schema row; path is its place in the request. */
int params_value(const json_t *v, const json_t *schema, const char *path, struct errmsg *em) PET_MUST_USE;

/* A reference of a mission to the request: where it looks, and the dotted path there. */
enum params_ref_where { PARAMS_REF_COMMON, PARAMS_REF_OWN, PARAMS_REF_EITHER };
struct params_ref {
	enum params_ref_where where;	/* own: the section of the task's role; either: the own section, then the common ones */
	const char *path;
};

/* Calls fn for every one in the tasks' args until it returns something else than 0, and returns that. */
typedef int params_ref_fn(void *arg, const struct mission_task *t, const struct params_ref *ref);
int params_refs(const struct mission *m, params_ref_fn *fn, void *arg) PET_MUST_USE;

/* Follows a.b.c from root; NULL when a part is missing. Borrowed. */
const json_t *params_follow(const json_t *root, const char *dotted);

#endif
