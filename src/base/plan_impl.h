/* Shared by plan.c and plan_fill.c only. */
#ifndef PET_BASE_PLAN_IMPL_H
#define PET_BASE_PLAN_IMPL_H

#include <jansson.h>

/*
 * A copy in which every "${" of a string is "$${": what users write is data,
 * and plan_fill must give it back unchanged. NULL when out of memory.
 */
json_t *plan_escape(const json_t *v);

#endif
