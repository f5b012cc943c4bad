/*
 * SoftSpoken's leaves, summed on the fly, over the vector layer (vec.h).
 *
 * Eight AES streams are eight leaves at one vec of counters (k = 2: four leaves
 * at two vecs). What MMO feeds forward is linear and the counters cancel in
 * every sum, since each has an even number of terms: it comes in at the end as
 * a constant, the sum of leaves (tree.forward).
 */
#ifndef PET_MPC_OT_SOFTSPOKEN_KERN_H
#define PET_MPC_OT_SOFTSPOKEN_KERN_H

#include "mpc/ot_softspoken.h"
#include "mpc/vec.h"

/* The compiler keeps sums in registers only where everything is in one function. */
#define SOFTSPOKEN_INLINE static inline __attribute__((always_inline))

/* AES of eight blocks that the first round key was added to already. */
SOFTSPOKEN_INLINE struct vec8 softspoken_kern_rounds(const struct aes_key *key, struct vec8 s)
{
	for (int r = 1; r < 10; r++) {
		vec k = vec_set1(key->rk[r]);

#define S_ROUND(i) s.v##i = vec_aesenc(s.v##i, k);
		VEC_EACH8(S_ROUND)
#undef S_ROUND
	}
#define S_LAST(i) s.v##i = vec_aesenclast(s.v##i, vec_set1(key->rk[10]));
	VEC_EACH8(S_LAST)
#undef S_LAST
	return s;
}

/* The sums of eight leaves x = 0 … 7: bit[t] over those with bit t set, and over all. */
struct softspoken_sums {
	vec bit[3], all;
};

SOFTSPOKEN_INLINE struct softspoken_sums softspoken_kern_eight(const struct aes_key *key, const struct block *leaf, vec ctr)
{
	struct softspoken_sums out;
	struct vec8 s;
	vec p0, p1, p2, p3;

#define S_LEAF(i) s.v##i = vec_xor(vec_set1(leaf[i]), ctr);
	VEC_EACH8(S_LEAF)
#undef S_LEAF
	s = softspoken_kern_rounds(key, s);
	out.bit[0] = vec_xor(vec_xor(s.v1, s.v3), vec_xor(s.v5, s.v7));
	p0 = vec_xor(s.v0, s.v1);
	p1 = vec_xor(s.v2, s.v3);
	p2 = vec_xor(s.v4, s.v5);
	p3 = vec_xor(s.v6, s.v7);
	out.bit[1] = vec_xor(p1, p3);
	out.bit[2] = vec_xor(p2, p3);
	out.all = vec_xor(vec_xor(p0, p1), out.bit[2]);
	return out;
}

/* sum[t] over the leaves with bit t set, sum[k] over all, k = 4 or 8, at one vec of counters. */
SOFTSPOKEN_INLINE void softspoken_kern_many(const struct softspoken_tree *t, const struct aes_key *key, vec ctr, vec *sum,
					    unsigned k)
{
	if (k == 4) {
		struct softspoken_sums e = softspoken_kern_eight(key, t->leaf, ctr), f = softspoken_kern_eight(key, t->leaf + 8, ctr);

		for (unsigned i = 0; i < 3; i++)
			sum[i] = vec_xor(vec_xor(e.bit[i], f.bit[i]), vec_set1(t->forward[i]));
		sum[3] = vec_xor(f.all, vec_set1(t->forward[3]));
		sum[4] = vec_xor(vec_xor(e.all, f.all), vec_set1(t->forward[4]));
		return;
	}
	for (unsigned i = 0; i <= k; i++)
		sum[i] = vec_set1(t->forward[i]);
	for (unsigned g = 0; g < 1u << (k - 3); g++) {
		struct softspoken_sums e = softspoken_kern_eight(key, t->leaf + 8 * (size_t)g, ctr);

		for (unsigned i = 0; i < 3; i++)
			sum[i] = vec_xor(sum[i], e.bit[i]);
		for (unsigned i = 3; i < k; i++)
			if (g >> (i - 3) & 1)
				sum[i] = vec_xor(sum[i], e.all);
		sum[k] = vec_xor(sum[k], e.all);
	}
}

/* k = 2 at two vecs of counters: sum[0 … 2] and sum[3 … 5]. */
SOFTSPOKEN_INLINE void softspoken_kern_four(const struct softspoken_tree *t, const struct aes_key *key, vec ctr0, vec ctr1,
					vec *sum)
{
	vec l0 = vec_set1(t->leaf[0]), l1 = vec_set1(t->leaf[1]), l2 = vec_set1(t->leaf[2]), l3 = vec_set1(t->leaf[3]);
	struct vec8 s = {
		vec_xor(l0, ctr0), vec_xor(l1, ctr0), vec_xor(l2, ctr0), vec_xor(l3, ctr0),
		vec_xor(l0, ctr1), vec_xor(l1, ctr1), vec_xor(l2, ctr1), vec_xor(l3, ctr1),
	};

	s = softspoken_kern_rounds(key, s);
	sum[0] = vec_xor(vec_xor(s.v1, s.v3), vec_set1(t->forward[0]));
	sum[1] = vec_xor(vec_xor(s.v2, s.v3), vec_set1(t->forward[1]));
	sum[2] = vec_xor(vec_xor(vec_xor(s.v0, s.v1), vec_xor(s.v2, s.v3)), vec_set1(t->forward[2]));
	sum[3] = vec_xor(vec_xor(s.v5, s.v7), vec_set1(t->forward[0]));
	sum[4] = vec_xor(vec_xor(s.v6, s.v7), vec_set1(t->forward[1]));
	sum[5] = vec_xor(vec_xor(vec_xor(s.v4, s.v5), vec_xor(s.v6, s.v7)), vec_set1(t->forward[2]));
}

SOFTSPOKEN_INLINE vec softspoken_kern_ctr(const struct aes_key *key, size_t b)
{
	return vec_xor(vec_index(b), vec_set1(key->rk[0]));
}

/* The sums at counter block b, by k: a constant in every caller, so that the loops unroll. */
SOFTSPOKEN_INLINE void softspoken_kern_put(const struct softspoken_chunk *c, size_t b, const vec *sum, unsigned k)
{
	for (unsigned i = 0; i < k; i++)
		vec_store(c->planes + i * c->stride + b, sum[i]);
}

SOFTSPOKEN_INLINE void softspoken_kern_u(const struct block *u0, struct block *u, size_t b, vec all)
{
	vec_store(u + b, u0 ? vec_xor(all, vec_load(u0 + b)) : all);
}

SOFTSPOKEN_INLINE void softspoken_kern_d(vec *sum, const struct block *mask, const struct block *d, size_t b, unsigned k)
{
	if (!d)
		return;
	for (unsigned i = 0; i < k; i++)
		sum[i] = vec_xor(sum[i], vec_and(vec_set1(mask[i]), vec_load(d + b)));
}

SOFTSPOKEN_INLINE void softspoken_kern_recv_k(const struct softspoken_tree *t, const struct softspoken_chunk *c,
					  const struct block *u0, struct block *u, unsigned k)
{
	vec sum[SOFTSPOKEN_K_MAX + 1];

	for (size_t b = 0; b < c->blocks; b += VEC_BLOCKS) {
		softspoken_kern_many(t, c->key, softspoken_kern_ctr(c->key, b), sum, k);
		softspoken_kern_put(c, b, sum, k);
		softspoken_kern_u(u0, u, b, sum[k]);
	}
}

SOFTSPOKEN_INLINE void softspoken_kern_send_k(const struct softspoken_tree *t, const struct softspoken_chunk *c,
					  const struct block *mask, const struct block *d, unsigned k)
{
	vec sum[SOFTSPOKEN_K_MAX + 1];

	for (size_t b = 0; b < c->blocks; b += VEC_BLOCKS) {
		softspoken_kern_many(t, c->key, softspoken_kern_ctr(c->key, b), sum, k);
		softspoken_kern_d(sum, mask, d, b, k);
		softspoken_kern_put(c, b, sum, k);
	}
}

static void softspoken_kern_recv(const struct softspoken_tree *t, const struct softspoken_chunk *c,
				 const struct block *u0, struct block *u)
{
	vec sum[6];

	if (t->k == 4) {
		softspoken_kern_recv_k(t, c, u0, u, 4);
		return;
	}
	if (t->k == 8) {
		softspoken_kern_recv_k(t, c, u0, u, 8);
		return;
	}
	for (size_t b = 0; b < c->blocks; b += 2 * VEC_BLOCKS) {
		softspoken_kern_four(t, c->key, softspoken_kern_ctr(c->key, b),
				     softspoken_kern_ctr(c->key, b + VEC_BLOCKS), sum);
		softspoken_kern_put(c, b, sum, 2);
		softspoken_kern_put(c, b + VEC_BLOCKS, sum + 3, 2);
		softspoken_kern_u(u0, u, b, sum[2]);
		softspoken_kern_u(u0, u, b + VEC_BLOCKS, sum[5]);
	}
}

static void softspoken_kern_send(const struct softspoken_tree *t, const struct softspoken_chunk *c,
				 const struct block *mask, const struct block *d)
{
	vec sum[6];

	if (t->k == 4) {
		softspoken_kern_send_k(t, c, mask, d, 4);
		return;
	}
	if (t->k == 8) {
		softspoken_kern_send_k(t, c, mask, d, 8);
		return;
	}
	for (size_t b = 0; b < c->blocks; b += 2 * VEC_BLOCKS) {
		softspoken_kern_four(t, c->key, softspoken_kern_ctr(c->key, b),
				     softspoken_kern_ctr(c->key, b + VEC_BLOCKS), sum);
		softspoken_kern_d(sum, mask, d, b, 2);
		softspoken_kern_d(sum + 3, mask, d, b + VEC_BLOCKS, 2);
		softspoken_kern_put(c, b, sum, 2);
		softspoken_kern_put(c, b + VEC_BLOCKS, sum + 3, 2);
	}
}

extern const struct softspoken_ops VEC_NAME(softspoken_ops);
const struct softspoken_ops VEC_NAME(softspoken_ops) = { softspoken_kern_recv, softspoken_kern_send };

#endif
