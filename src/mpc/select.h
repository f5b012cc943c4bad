/*
 * Smallest and largest: of two vectors element by element, and of groups of
 * values by a tournament. Comparisons are of cmp.h, so two values of a call
 * differ by less than half of the ring. Among equal values the smaller index
 * wins. Nothing is opened; every group takes the same steps.
 *
 *	mpc_min, mpc_max	mpc_lt and mpc_select
 *	mpc_argmin, …		per group of N: N - 1 of them in ceil(log2 N) levels;
 *				the winner's path goes back down through N - 1 ANDs
 *				(bool.h) as a one-hot vector, whose XORs are the
 *				index bits: ceil(log2 N) bits through mpc_b2a
 *
 * Flights: ceil(log2 N)·(5 + ceil(log2 ceil((k-1)/4))) for the values, 1 per
 * level for the way down, 2 for the index. Level by level, so all groups of a
 * call share them.
 */
#ifndef PET_MPC_SELECT_H
#define PET_MPC_SELECT_H

#include "mpc/mpc.h"
#include "mpc/share.h"

/* out[i] = the smaller (larger) of x[i] and y[i]. */
int mpc_min(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y) PET_MUST_USE;
int mpc_max(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y) PET_MUST_USE;

/* What is wanted of each group; NULL is left out, and costs nothing. */
struct select {
	struct avec *value;	/* one element per group, bits and scale of x */
	struct avec *index;	/* one per group, of enough bits for N - 1; at its scale */
	struct bvec *onehot;	/* a bit per element of x, one set in each group */
};

/* x holds groups of `group` neighbours (at least 1); no group at all is fine. */
int mpc_argmin(struct mpc *m, const struct select *out, const struct avec *x, size_t group) PET_MUST_USE;
int mpc_argmax(struct mpc *m, const struct select *out, const struct avec *x, size_t group) PET_MUST_USE;

#endif
