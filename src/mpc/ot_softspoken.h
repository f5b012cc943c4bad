/*
 * SoftSpokenOT (Roy, CRYPTO 2022, eprint 2022/192, figure 7 and section 5), semi-honest, over GF(2^k):
 * v = 128/k small-field VOLEs from v GGM trees of q = 2^k leaves, of which the
 * sender of the COTs lacks one each, number alpha_i; Delta = alpha_0 … alpha_{v-1}.
 *
 * A chunk makes 128 B correlations from B blocks per leaf, leaf s_x of tree i:
 *
 *	r_x[b] = pi_j(b ^ s_x) ^ b ^ s_x	b < B
 *	R: u_i = sum of r_x, V_t = sum of r_x over x with bit t set
 *	R -> S: d_i = u_i ^ u_0, i = 1 … v-1;	choice bits: u_0
 *	S: W_t = sum of r_x over x with bit t of x ^ alpha_i set, ^ alpha_it d_i
 *
 * and W ^ V = u_0 (x) Delta, transposed. R keeps u_0 in plane 0 of V, S zeros
 * in that of W, which is the convention of ot.h.
 *
 * pi_j is AES under the key K(j) of chunk j (hash.h), derived from the session
 * of the base OTs: a new key per chunk and object, so that a counter's value
 * never meets a leaf and key twice. The sender lacks v leaves, each used on B
 * blocks under one key: B is chosen so that v B = 2^10 evaluations that it does
 * not know share a key, the same bound as for hashes (eprint 2019/1168: 118 bits left
 * against 2^128 / (2^10) trials), over any number of chunks and objects.
 *
 * Kernels work on one tree and one chunk.
 */
#ifndef PET_MPC_OT_SOFTSPOKEN_H
#define PET_MPC_OT_SOFTSPOKEN_H

#include "mpc/aes.h"

#define SOFTSPOKEN_UNKNOWN 1024		/* v B */
#define SOFTSPOKEN_K_MAX 8

struct softspoken_tree {
	unsigned k;			/* 2, 4, 8 */
	const struct block *leaf;	/* 2^k; the sender's: leaf y is s_{y ^ alpha}, that of y = 0 is ignored */
	const struct block *forward;	/* k + 1 sums of leaves: over those with bit t set, then over all */
};

struct softspoken_chunk {
	const struct aes_key *key;
	size_t blocks;			/* B, a multiple of 4 */
	struct block *planes;		/* k planes of B blocks, written */
	size_t stride;			/* blocks from plane to plane */
};

struct softspoken_ops {
	/* Planes V; u = the sum of all leaves, ^ u0 unless that is NULL. */
	void (*recv)(const struct softspoken_tree *t, const struct softspoken_chunk *c,
		     const struct block *u0, struct block *u);
	/* Planes W, plane p with mask[p] & d added unless d is NULL. */
	void (*send)(const struct softspoken_tree *t, const struct softspoken_chunk *c,
		     const struct block *mask, const struct block *d);
};

#endif
