#include "mpc/ggm.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "mpc/cpu.h"
#include "mpc/cpu_test.h"
#include "mpc/ggm_impl.h"
#include "mpc/hash.h"

#define KEY_NODES 256	/* heap numbers that share a key: times GGM_LANES is 2^10 calls */
#define SMALL (8 * GGM_LANES)	/* blocks of the largest level that no kernel takes */

CPU_KERNELS(ggm_kern, ggm_kern);

void ggm_init(struct ggm *g, struct block session, unsigned depth)
{
	assert(depth >= GGM_DEPTH_MIN && depth <= GGM_DEPTH_MAX);
	aes_key_set(&g->prf, session);
	g->depth = depth;
}

/* Group, number and use have bits of their own in the block. */
static void node_key(const struct ggm *g, enum hash_domain use, uint64_t group, size_t b, struct aes_key *out)
{
	struct block k = block_set(group, (uint64_t)b << 32 | (uint64_t)use);

	aes_ecb(&g->prf, &k, &k, 1);
	aes_key_set(out, k);
}

/* What the kernels do, for levels that are smaller than their step. */
static void patch_small(const struct ggm_fix *f, struct block *x, size_t nodes)
{
	for (size_t i = 0; i < nodes * GGM_LANES; i++) {
		const size_t lane = i % GGM_LANES;
		int hit = block_equal(f->at[lane], block_set(i / GGM_LANES, i / GGM_LANES));

		x[i] = block_xor(x[i], block_and(block_mask((uint64_t)hit), f->value[lane]));
	}
}

static void level_small(const struct ggm_level *l, struct block *x)
{
	struct block s[SMALL], c[SMALL];
	const size_t n = l->nodes * GGM_LANES;

	assert(n <= SMALL);
	if (l->fix)
		patch_small(l->fix, x, l->nodes);
	for (size_t i = 0; i < n; i++)
		s[i] = block_sigma(x[i]);
	aes_ecb(l->key, c, s, n);
	for (size_t i = 0; i < n; i++) {
		const size_t lane = i % GGM_LANES;
		struct block parent = block_and(x[i], l->keep);

		x[i] = block_and(block_xor(c[i], s[i]), l->keep);
		x[n + i] = block_xor(parent, x[i]);
		l->left[lane] = block_xor(l->left[lane], x[i]);
	}
	sodium_memzero(c, sizeof(c));
	sodium_memzero(s, sizeof(s));
}

static void patch(const struct ggm_fix *f, struct block *x, size_t nodes)
{
	const struct ggm_kern *kern = CPU_PICK(ggm_kern);

	if (nodes < kern->step)
		patch_small(f, x, nodes);
	else
		kern->patch(f, x, nodes);
}

/* A group on its way from level 1 to its leaves. */
struct growth {
	const struct ggm *g;
	uint64_t group;
	struct block *x;
	struct aes_key key;		/* of the last run of nodes */
	struct block left[GGM_LANES];	/* XOR of the last level's left children */
};

/* Level `level` (the root is level 0) to the next. */
static void expand(struct growth *w, unsigned level, const struct ggm_fix *fix)
{
	const struct ggm_kern *kern = CPU_PICK(ggm_kern);
	const size_t nodes = (size_t)1 << level;
	struct ggm_level l = {
		.key = &w->key, .stride = nodes, .fix = fix, .left = w->left,
		.nodes = nodes < KEY_NODES ? nodes : KEY_NODES,
		.keep = block_set(level + 1 == w->g->depth ? ~UINT64_C(1) : ~UINT64_C(0), ~UINT64_C(0)),
	};

	memset(w->left, 0, sizeof(w->left));
	for (l.first = 0; l.first < nodes; l.first += l.nodes) {
		/* Levels up to 7 have heap numbers 2 … 255 together: one key. */
		if (level == 1 || nodes >= KEY_NODES)
			node_key(w->g, HASH_TREE, w->group, (nodes + l.first) / KEY_NODES, &w->key);
		if (nodes < kern->step)
			level_small(&l, w->x);
		else
			kern->level(&l, w->x + l.first * GGM_LANES);
	}
}

void ggm_send(const struct ggm *g, uint64_t group, const struct block *q, struct block delta,
	      struct block *leaves, struct block *corrections)
{
	struct growth w = { .g = g, .group = group, .x = leaves };

	for (int i = 0; i < GGM_LANES; i++) {
		leaves[i] = q[i];
		leaves[GGM_LANES + i] = block_xor(q[i], delta);
	}
	for (unsigned l = 1; l < g->depth; l++, corrections += GGM_LANES) {
		q += GGM_LANES;
		expand(&w, l, NULL);
		for (int i = 0; i < GGM_LANES; i++)
			corrections[i] = block_xor(w.left[i], q[i]);
	}
	sodium_memzero(&w, sizeof(w));
}

/* The receiver's place in its four trees. Numbers of nodes stand in both words. */
struct path {
	struct block unknown[GGM_LANES];	/* the node that it does not know */
	struct block side[GGM_LANES];		/* all ones where that node is a left child */
	struct ggm_fix sibling;			/* which is known in sum and not yet mended */
	struct block sum[GGM_LANES];		/* of the level's nodes as they are: garbage in, mending out */
};

/* Level 1 is q and q ^ delta: of these it has m, on the side of its choice bit. */
static void path_begin(struct path *p, const struct block *m, struct block *x)
{
	for (int i = 0; i < GGM_LANES; i++) {
		const struct block b = block_mask(m[i].w[0]);

		x[i] = block_and(m[i], block_xor(b, block_mask(1)));
		x[GGM_LANES + i] = block_and(m[i], b);
		p->side[i] = b;
		p->unknown[i] = block_xor(block_and(b, block_set(1, 1)), block_set(1, 1));
		p->sibling.at[i] = block_and(b, block_set(1, 1));
		p->sibling.value[i] = block_zero();
		p->sum[i] = m[i];
	}
}

/*
 * One level down, to `nodes` times two nodes: the COT of tree i opens the XOR of
 * the children on side b. All of those are known but the unknown node's child,
 * which has garbage in the sum as in its place: what is missing cancels both.
 * The children of a level XOR to what their parents, mended, do.
 */
static void path_step(struct path *p, size_t nodes, int i, struct block m, struct block opened, struct block left)
{
	const struct block b = block_mask(m.w[0]);
	const struct block right = block_and(b, block_set(nodes, nodes));

	p->sum[i] = block_xor(p->sum[i], p->sibling.value[i]);
	p->sibling.value[i] = block_xor(block_xor(opened, left), block_and(p->sum[i], b));
	p->sibling.at[i] = block_xor(p->unknown[i], right);
	p->unknown[i] = block_xor(p->sibling.at[i], block_set(nodes, nodes));
	p->side[i] = b;
}

/*
 * The leaves: the sibling is mended, and leaf alpha gets the XOR of all others,
 * with LSB 1. Both are child of one node, so one pass over each half does it.
 */
static void path_end(const struct ggm *g, const struct path *p, struct block *x, uint32_t alpha[GGM_LANES])
{
	const size_t half = (size_t)1 << (g->depth - 1);
	const struct block keep = block_set(~UINT64_C(1), ~UINT64_C(0));
	struct ggm_fix lo, hi;

	for (int i = 0; i < GGM_LANES; i++) {
		struct block mend = block_and(p->sibling.value[i], keep);
		/* The XOR of all leaves, mended; with it, garbage at alpha cancels itself. */
		struct block last = block_xor(block_xor(block_and(p->sum[i], keep), mend), block_set(1, 0));
		struct block swap = block_and(p->side[i], block_xor(mend, last));

		alpha[i] = (uint32_t)p->unknown[i].w[0];
		lo.at[i] = hi.at[i] = block_and(p->unknown[i], block_set(half - 1, half - 1));
		lo.value[i] = block_xor(mend, swap);
		hi.value[i] = block_xor(last, swap);
	}
	patch(&lo, x, half);
	patch(&hi, x + half * GGM_LANES, half);
	sodium_memzero(&lo, sizeof(lo));
	sodium_memzero(&hi, sizeof(hi));
}

void ggm_recv(const struct ggm *g, uint64_t group, const struct block *m, const struct block *corrections,
	      struct block *leaves, uint32_t alpha[GGM_LANES])
{
	struct growth w = { .g = g, .group = group, .x = leaves };
	struct path p;

	path_begin(&p, m, leaves);
	for (unsigned l = 1; l < g->depth; l++, corrections += GGM_LANES) {
		m += GGM_LANES;
		expand(&w, l, &p.sibling);
		for (int i = 0; i < GGM_LANES; i++)
			path_step(&p, (size_t)1 << l, i, m[i], block_xor(corrections[i], m[i]), w.left[i]);
	}
	path_end(g, &p, leaves, alpha);
	sodium_memzero(&p, sizeof(p));
	sodium_memzero(&w, sizeof(w));
}

void ggm_hash_leaves(const struct ggm *g, uint64_t group, struct block *leaves, struct block sum[GGM_LANES])
{
	const struct ggm_kern *kern = CPU_PICK(ggm_kern);
	const size_t all = (size_t)1 << g->depth, run = all < KEY_NODES ? all : KEY_NODES;
	struct aes_key key;

	memset(sum, 0, GGM_LANES * sizeof(*sum));
	for (size_t i = 0; i < all; i += run) {
		node_key(g, HASH_LEAF, group, i / KEY_NODES, &key);
		kern->hash(&key, leaves + i * GGM_LANES, run, sum);
	}
}

void ggm_xor_at(const struct ggm *g, struct block *leaves, const uint32_t at[GGM_LANES],
		const struct block value[GGM_LANES])
{
	struct ggm_fix f;

	for (int i = 0; i < GGM_LANES; i++) {
		f.at[i] = block_set(at[i], at[i]);
		f.value[i] = value[i];
	}
	patch(&f, leaves, (size_t)1 << g->depth);
	sodium_memzero(&f, sizeof(f));
}

/* One run of the widest step for each kernel, with a hole and without. */
int ggm_selftest(enum cpu_level level)
{
	const struct ggm_kern *k[2] = { ggm_kern_table[CPU_PORTABLE], ggm_kern_table[level] };
	struct block x[2][3 * 16 * GGM_LANES], sums[2][2][GGM_LANES];
	struct ggm_fix fix;
	struct aes_key key;

	cpu_test_data(key.rk, 11, 6);
	cpu_test_data(fix.value, GGM_LANES, 7);
	for (uint64_t i = 0; i < GGM_LANES; i++)
		fix.at[i] = block_set(5 * i, 5 * i);
	cpu_test_data(sums[0][0], 2 * GGM_LANES, 8);
	memcpy(sums[1], sums[0], sizeof(sums[0]));
	for (int i = 0; i < 2; i++) {
		struct ggm_level l = {
			.key = &key, .nodes = 16, .stride = 32, .keep = block_set(~UINT64_C(1), ~UINT64_C(0)),
			.left = sums[i][0],
		};

		cpu_test_data(x[i], PET_ARRAY_SIZE(x[i]), 9);
		k[i]->level(&l, x[i]);
		l.fix = &fix;
		k[i]->level(&l, x[i]);
		k[i]->hash(&key, x[i], 16, sums[i][1]);
		k[i]->patch(&fix, x[i] + 32 * GGM_LANES, 16);
	}
	return memcmp(x[0], x[1], sizeof(x[0])) == 0 && memcmp(sums[0], sums[1], sizeof(sums[0])) == 0;
}
