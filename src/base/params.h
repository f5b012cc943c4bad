/*
 * The request's mission_params against the operators' parameter tables, at
 * submit: every error names the JSON path, what was found and what is right.
 */
#ifndef PET_BASE_PARAMS_H
#define PET_BASE_PARAMS_H

#include <jansson.h>

#include "base/err.h"
#include "base/mission.h"

/*
 * `tables` is the object operator → `--describe` document. Parameters that a
 * table declares common stand beside party_a and party_b, the per-party ones
 * and `inputs` / `outputs` below them; what a task's `args` give need not stand
 * in the request, what they refer to by ${job_context…} must, and what nobody
 * declares or refers to may not.
 */
int params_check(const struct mission *m, const json_t *tables, const json_t *mission_params,
		 struct errmsg *em) PET_MUST_USE;

/* A published template writes "objective:" with a stray colon: the name that is meant. */
const char *params_key(const char *key);

#endif
