#include "mpc/lpn_params.h"

#include <assert.h>

static const struct lpn_params sets[LPN_SETS] = {
	[LPN_C9] = { "c9", 852, 16, 9, 160 },
	[LPN_C10] = { "c10", 2340, 17, 10, 140 },
};

const struct lpn_params *lpn_params(enum lpn_set set)
{
	assert((unsigned)set < LPN_SETS);
	return &sets[set];
}

int lpn_params_check(uint64_t k, uint64_t trees, unsigned depth, struct errmsg *em)
{
	for (const struct lpn_params *p = sets; p < sets + LPN_SETS; p++)
		if (lpn_secrets(p) == k && p->trees == trees && p->depth == depth)
			return 0;
	return errmsg_set(em, ERR_INPUT, "LPN_PARAMS",
			  "LPN with k = %llu, t = %llu, h = %u is not in the table of docs/parameters.md",
			  (unsigned long long)k, (unsigned long long)trees, depth);
}
