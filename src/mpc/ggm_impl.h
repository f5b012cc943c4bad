/* Between ggm.c and its kernels. */
#ifndef PET_MPC_GGM_IMPL_H
#define PET_MPC_GGM_IMPL_H

#include "mpc/ggm.h"

/* In tree i, node at[i] (its number in both words) is to be XORed with value[i]. */
struct ggm_fix {
	struct block at[GGM_LANES], value[GGM_LANES];
};

/* A run of nodes of one level that share a key. */
struct ggm_level {
	const struct aes_key *key;
	size_t first, nodes;		/* of the run: at most 256, so at most 2^10 calls of the key */
	size_t stride;			/* nodes on the level: where right children go */
	struct block keep;		/* children are ANDed with it */
	const struct ggm_fix *fix;	/* applied to the parents; NULL at the sender */
	struct block *left;		/* [GGM_LANES]: ^= XOR of left children */
};

struct ggm_kern {
	size_t step;			/* nodes per iteration: runs are multiples of it */
	void (*level)(const struct ggm_level *l, struct block *x);
	void (*hash)(const struct aes_key *key, struct block *x, size_t nodes, struct block *sum);
	void (*patch)(const struct ggm_fix *f, struct block *x, size_t nodes);
};

#endif
