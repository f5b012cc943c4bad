/*
 * One level of four correlated GGM trees (ggm.h), on the vector layer: GGM_STEP
 * nodes of four trees are eight vecs, so that AES' latency is hidden, and every
 * sum stays in the lanes of its tree. Children are written in place and `stride`
 * nodes on: nothing is shuffled.
 */
#ifndef PET_MPC_GGM_KERN_H
#define PET_MPC_GGM_KERN_H

#include "mpc/ggm_impl.h"
#include "mpc/vec.h"

#define GGM_VECS (GGM_LANES / VEC_BLOCKS)	/* vecs that hold one node of the four trees */
#define GGM_STEP (8 / GGM_VECS)

/* Where a tree's one wrong node is, and what it lacks: node number in both words, lane by lane. */
struct ggm_hole {
	vec at[GGM_VECS], value[GGM_VECS];
};

static inline struct ggm_hole ggm_hole_load(const struct ggm_fix *f)
{
	struct ggm_hole h;

	for (int i = 0; i < GGM_VECS; i++) {
		h.at[i] = vec_load(f->at + i * VEC_BLOCKS);
		h.value[i] = vec_load(f->value + i * VEC_BLOCKS);
	}
	return h;
}

/* What node `node` must be XORed with, in vec v of its lanes. */
static inline vec ggm_hole_value(const struct ggm_hole *h, int v, vec node)
{
	return vec_and(vec_eq64(h->at[v], node), h->value[v]);
}

/* The first of the nodes, n in every word, and the one i nodes on. */
static inline vec ggm_node(uint64_t n)
{
	return vec_set1(block_set(n, n));
}

#define GGM_NODE(i) vec_add64(node, ggm_node((i) / GGM_VECS))
#define GGM_FIX(i) x.v##i = vec_xor(x.v##i, ggm_hole_value(h, (i) % GGM_VECS, GGM_NODE(i)));

static inline struct vec8 ggm_fix8(struct vec8 x, const struct ggm_hole *h, vec node)
{
	VEC_EACH8(GGM_FIX)
	return x;
}

#define GGM_SUM(i) acc[(i) % GGM_VECS] = vec_xor(acc[(i) % GGM_VECS], x.v##i);

static inline void ggm_sum8(vec acc[GGM_VECS], struct vec8 x)
{
	VEC_EACH8(GGM_SUM)
}

#define GGM_KEEP(i) x.v##i = vec_and(x.v##i, keep);

static inline struct vec8 ggm_keep8(struct vec8 x, vec keep)
{
	VEC_EACH8(GGM_KEEP)
	return x;
}

static inline void ggm_sums_out(struct block *out, const vec acc[GGM_VECS])
{
	for (int i = 0; i < GGM_VECS; i++)
		vec_store(out + i * VEC_BLOCKS, vec_xor(acc[i], vec_load(out + i * VEC_BLOCKS)));
}

/* `fixes` is a constant at each call: the sender's loop has no trace of the receiver's. */
static inline __attribute__((always_inline)) void ggm_expand(const struct ggm_level *l, struct block *x, int fixes)
{
	struct block *right = x + l->stride * GGM_LANES;
	const vec keep = vec_set1(l->keep);
	struct ggm_hole hole;
	vec left[GGM_VECS], node = ggm_node(l->first);

	for (int v = 0; v < GGM_VECS; v++)
		left[v] = vec_zero();
	if (fixes)
		hole = ggm_hole_load(l->fix);
	for (size_t i = 0; i < l->nodes; i += GGM_STEP) {
		struct vec8 p = vec8_load(x + i * GGM_LANES), s, c;

		if (fixes)
			p = ggm_fix8(p, &hole, node);
		node = vec_add64(node, ggm_node(GGM_STEP));
		s = vec8_sigma(p);
		c = ggm_keep8(vec8_xor(vec8_aes(l->key, s), s), keep);
		p = ggm_keep8(p, keep);
		ggm_sum8(left, c);
		vec8_store(x + i * GGM_LANES, c);
		vec8_store(right + i * GGM_LANES, vec8_xor(p, c));
	}
	ggm_sums_out(l->left, left);
}

static void ggm_kern_level(const struct ggm_level *l, struct block *x)
{
	if (l->fix)
		ggm_expand(l, x, 1);
	else
		ggm_expand(l, x, 0);
}

static void ggm_kern_hash(const struct aes_key *key, struct block *x, size_t nodes, struct block *sum)
{
	vec acc[GGM_VECS];

	for (int v = 0; v < GGM_VECS; v++)
		acc[v] = vec_zero();
	for (size_t i = 0; i < nodes; i += GGM_STEP) {
		struct vec8 s = vec8_sigma(vec8_load(x + i * GGM_LANES));

		s = vec8_xor(vec8_aes(key, s), s);
		ggm_sum8(acc, s);
		vec8_store(x + i * GGM_LANES, s);
	}
	ggm_sums_out(sum, acc);
}

static void ggm_kern_patch(const struct ggm_fix *f, struct block *x, size_t nodes)
{
	struct ggm_hole hole = ggm_hole_load(f);
	vec node = ggm_node(0);

	for (size_t i = 0; i < nodes; i += GGM_STEP) {
		vec8_store(x + i * GGM_LANES, ggm_fix8(vec8_load(x + i * GGM_LANES), &hole, node));
		node = vec_add64(node, ggm_node(GGM_STEP));
	}
}

extern const struct ggm_kern VEC_NAME(ggm_kern);
const struct ggm_kern VEC_NAME(ggm_kern) = {
	.step = GGM_STEP, .level = ggm_kern_level, .hash = ggm_kern_hash, .patch = ggm_kern_patch,
};

#endif
