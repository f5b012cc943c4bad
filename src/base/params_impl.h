/* Shared by params*.c and plan.c only: how they read an operator's `--describe` document. */
#ifndef PET_BASE_PARAMS_IMPL_H
#define PET_BASE_PARAMS_IMPL_H

#include <jansson.h>

#include "base/err.h"

#define PARAMS_PATH 256

/* The schemas of "params", "inputs" or "outputs": name → schema; NULL when there is no such document. */
static inline const json_t *params_schemas(const json_t *tables, const char *op, const char *part)
{
	return json_object_get(json_object_get(json_object_get(tables, op), part), "properties");
}

/* One value against one schema row; path is its place in the request. */
int params_value(const json_t *v, const json_t *schema, const char *path, struct errmsg *em) PET_MUST_USE;

#endif
