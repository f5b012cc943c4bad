/*
 * GGM trees of SoftSpokenOT's set-up (eprint 2022/192, section 5.2): k base OTs
 * give the sender of the COTs all 2^k leaves but one.
 *
 * Node x of level l has the children H(node, 2x), H(node, 2x + 1) (hash.h, an
 * index of its own for each; a key per tree). Level 1 is the first base OT's
 * two keys. For every further level, the receiver sends the sum of all left
 * children under key 0 of the level's base OT and that of the right ones under
 * key 1; the sender, who has the key of the side that its path leaves, finds
 * the sibling of its path. Constant time in alpha.
 */
#ifndef PET_MPC_OT_SOFTSPOKEN_TREE_H
#define PET_MPC_OT_SOFTSPOKEN_TREE_H

#include "mpc/hash.h"

#define SOFTSPOKEN_LEAVES_MAX 256

struct softspoken_grow {
	const struct hash *hash;	/* uses the indices [512 tree, 512 tree + 512) */
	unsigned tree, k;
	struct block *leaf;		/* 2^k, written */
};

/* The receiver of COTs: keys[l] are both keys of base OT l; corr[l - 1] goes to the sender, l = 1 … k-1. */
void softspoken_grow_all(const struct softspoken_grow *g, const struct block (*keys)[2], struct block (*corr)[2]);
/* The sender: keys[l] is that of choice 1 ^ bit k-1-l of alpha. leaf[y] becomes leaf y ^ alpha; leaf[0], unknown, zero. */
void softspoken_grow_but_one(const struct softspoken_grow *g, const struct block *keys, const struct block (*corr)[2],
			     unsigned alpha);

#endif
