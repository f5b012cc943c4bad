/*
 * The largest of groups of any sizes: a tournament as in select.h, whose groups
 * all have one size there. Of equal values the first one wins. Comparisons are
 * of cmp.h: two values of a group differ by less than half of the ring.
 *
 * Per group of N: N - 1 comparisons, selections and ANDs in ceil(log2 N) levels;
 * all groups share a level's flights, which are those of the largest group:
 * ceil(log2 N)·(6 + ceil(log2 ceil((k-1)/4))). Nothing is opened. Sizes are public.
 */
#ifndef PET_MPC_RAGGED_H
#define PET_MPC_RAGGED_H

#include "mpc/mpc.h"
#include "mpc/share.h"

/* x: the groups one after the other, group i of count[i] >= 1 elements. onehot: a bit per element, one set in each group. */
int mpc_argmax_ragged(struct mpc *m, struct bvec *onehot, const struct avec *x, const uint32_t *count,
		      size_t groups) PET_MUST_USE;

#endif
