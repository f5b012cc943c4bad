/*
 * Correlated GGM trees (eprint 2022/1431, figure 3), four at a time.
 *
 * A tree of depth h has 2^h leaves; on every level the nodes XOR to Delta. Node
 * x has the children H(x) and x ^ H(x), and the level below the root is q and
 * q ^ Delta, where (q, m) is a COT. The sender knows every leaf, the receiver all
 * but number alpha: it gets one correction of 16 bytes per further level, from
 * which a COT lets it open the XOR of the nodes on the side where alpha is not.
 * alpha is not chosen but comes from the COTs: bit i is 1 ^ LSB(m_i). Choice
 * bits of COTs are random, so the place is, and nothing is sent for it.
 *
 * H(x) = pi(sigma(x)) ^ sigma(x), circular correlation robust for an ideal
 * cipher pi (2022/1431, theorem 4.3, and 2019/074, section 7.3). pi is AES under
 * a key of its own for at most 2^10 nodes (2019/1168: 118 bits with u = 2^10):
 * the group's nodes with heap numbers 256 b … 256 b + 255 share key
 * AES_session({ group, b, HASH_TREE }). A group number serves once per session.
 *
 * Four trees lie side by side: node j of tree i is block 4 j + i, and child s of
 * node j on level l is j + s 2^l, so the bits of a leaf's number are its path
 * from the root on, least significant bit first. COTs and corrections lie the
 * same way: level l of tree i is block 4 l + i.
 *
 * All is constant time in COTs, Delta and alpha; session, group and depth are public.
 */
#ifndef PET_MPC_GGM_H
#define PET_MPC_GGM_H

#include <stddef.h>
#include <stdint.h>

#include "mpc/aes.h"
#include "mpc/block.h"

#define GGM_LANES 4		/* trees in a group */
#define GGM_DEPTH_MIN 3
#define GGM_DEPTH_MAX 16

struct ggm {
	struct aes_key prf;	/* of the session; not secret */
	unsigned depth;
};

/* Blocks of leaves, of COTs and of corrections that a group has. */
static inline size_t ggm_leaves(const struct ggm *g) { return (size_t)GGM_LANES << g->depth; }
static inline size_t ggm_cots(const struct ggm *g) { return (size_t)GGM_LANES * g->depth; }
static inline size_t ggm_corrections(const struct ggm *g) { return (size_t)GGM_LANES * (g->depth - 1); }

/* `session` is fresh for these trees, keys nothing else, is the same at both parties and may be known to all. */
void ggm_init(struct ggm *g, struct block session, unsigned depth);

/*
 * q: ggm_cots, LSB 0; delta: LSB 1. Writes the leaves, whose LSB is 0, and the
 * corrections to be sent. The leaves of a tree XOR to delta except for its LSB.
 */
void ggm_send(const struct ggm *g, uint64_t group, const struct block *q, struct block delta,
	      struct block *leaves, struct block *corrections);

/*
 * m = q ^ c delta, c = LSB(m). Leaves as at the sender, but leaf alpha of a tree
 * is the sender's XOR delta: the receiver's leaves are COTs whose choice bits are
 * the unit vector of alpha. A wrong correction makes wrong leaves, no more.
 */
void ggm_recv(const struct ggm *g, uint64_t group, const struct block *m, const struct block *corrections,
	      struct block *leaves, uint32_t alpha[GGM_LANES]);

/*
 * Leaves become H(leaf) under keys of their own (HASH_LEAF), and lose their relation with
 * delta: what the receiver holds at alpha then says nothing on the sender's
 * leaf. sum[i] is the XOR of tree i's new leaves.
 */
void ggm_hash_leaves(const struct ggm *g, uint64_t group, struct block *leaves, struct block sum[GGM_LANES]);

/* leaves[4 at[i] + i] ^= value[i]; touches every leaf of the group. */
void ggm_xor_at(const struct ggm *g, struct block *leaves, const uint32_t at[GGM_LANES],
		const struct block value[GGM_LANES]);

#endif
