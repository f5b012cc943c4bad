/*
 * Logic on shared bits. XOR and NOT need no message (share.h). AND by Beaver
 * triples (CRYPTO 1991) from random OT, one transfer in each direction, as in
 * GMW (STOC 1987) with Asharov et al. (eprint 2013/552), section 5:
 *
 *	mpc_and		2 COTs, 4 bits per AND, one flight
 *	mpc_and_pair	a·b and a·c: 2 COTs, 6 bits, one flight
 *	mpc_or, …	as mpc_and
 *
 * All vectors of a call have the same length. out may be an input.
 */
#ifndef PET_MPC_BOOL_H
#define PET_MPC_BOOL_H

#include "mpc/mpc.h"
#include "mpc/share.h"

int mpc_and(struct mpc *m, struct bvec *out, const struct bvec *a, const struct bvec *b) PET_MUST_USE;
int mpc_or(struct mpc *m, struct bvec *out, const struct bvec *a, const struct bvec *b) PET_MUST_USE;
int mpc_and_pair(struct mpc *m, struct bvec *ab, struct bvec *ac, const struct bvec *a,
		 const struct bvec *b, const struct bvec *c) PET_MUST_USE;

/*
 * For protocols that work on words: lanes of one thread, `words` of 64 bits.
 * ab = a & b, and ac = a & c unless c is NULL. No split, no tag.
 */
struct bool_and {
	const uint64_t *a, *b, *c;
	uint64_t *ab, *ac;
	size_t words;
};

/* Several independent ANDs share one flight; the words of all together are at most BOOL_STEP. */
#define BOOL_STEP 4096
int bool_and_many(struct mpc *m, const struct bool_and *job, size_t jobs) PET_MUST_USE;

#endif
