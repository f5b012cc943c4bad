#include "mpc/ot_softspoken_tree.h"

/* All ones when a == b. */
static struct block equal_mask(unsigned a, unsigned b)
{
	unsigned d = a ^ b;

	return block_mask(((d - 1) & ~d) >> 31);
}

/* Level of n nodes in leaf[0 … n) to 2n children in leaf[0 … 2n). */
static void children(const struct softspoken_grow *g, size_t n)
{
	struct block in[SOFTSPOKEN_LEAVES_MAX];

	for (size_t x = 0; x < n; x++)
		in[2 * x] = in[2 * x + 1] = g->leaf[x];
	hash_blocks(g->hash, (uint64_t)g->tree * HASH_KEY_SPAN + 2 * n, in, g->leaf, 2 * n);
	explicit_bzero(in, sizeof(in));
}

static void side_sums(const struct block *level, size_t n, struct block sum[2])
{
	sum[0] = sum[1] = block_zero();
	for (size_t x = 0; x < n; x++)
		sum[x & 1] = block_xor(sum[x & 1], level[x]);
}

void softspoken_grow_all(const struct softspoken_grow *g, const struct block (*keys)[2], struct block (*corr)[2])
{
	struct block sum[2];

	g->leaf[0] = keys[0][0];
	g->leaf[1] = keys[0][1];
	for (unsigned l = 1; l < g->k; l++) {
		children(g, (size_t)1 << l);
		side_sums(g->leaf, (size_t)2 << l, sum);
		for (unsigned e = 0; e < 2; e++)
			corr[l - 1][e] = block_xor(sum[e], keys[l][e]);
	}
	explicit_bzero(sum, sizeof(sum));
}

/* b ? x[1] : x[0] without a branch. */
static struct block pick(const struct block x[2], unsigned b)
{
	return block_xor(x[0], block_and(block_mask(b), block_xor(x[0], x[1])));
}

/*
 * A level with its hole at `path` has been expanded: both children of the hole
 * are garbage. That on the side 1 ^ bit becomes what is missing in `sum`, the
 * other, the new hole, zero.
 */
static void mend(struct block *level, size_t n, unsigned path, unsigned bit, struct block sum)
{
	unsigned hole = 2 * path + bit, found = hole ^ 1;
	struct block have = block_zero();

	for (unsigned x = 0; x < n; x++) {
		struct block own = block_mask(bit ^ x);	/* x is on the found side when x & 1 != bit */
		struct block other = block_xor(equal_mask(x, found), block_mask(1));

		have = block_xor(have, block_and(block_and(own, other), level[x]));
	}
	sum = block_xor(sum, have);
	for (unsigned x = 0; x < n; x++) {
		struct block keep = block_xor(block_xor(equal_mask(x, found), equal_mask(x, hole)), block_mask(1));

		level[x] = block_xor(block_and(keep, level[x]), block_and(equal_mask(x, found), sum));
	}
}

/* leaf[y] = leaf[y ^ alpha]: exchanges by each bit. */
static void turn(struct block *leaf, unsigned k, unsigned alpha)
{
	for (unsigned t = 0; t < k; t++) {
		struct block swap = block_mask(alpha >> t);

		for (size_t x = 0; x < (size_t)1 << k; x++) {
			struct block d;

			if (x >> t & 1)
				continue;
			d = block_and(swap, block_xor(leaf[x], leaf[x | (size_t)1 << t]));
			leaf[x] = block_xor(leaf[x], d);
			leaf[x | (size_t)1 << t] = block_xor(leaf[x | (size_t)1 << t], d);
		}
	}
}

void softspoken_grow_but_one(const struct softspoken_grow *g, const struct block *keys, const struct block (*corr)[2],
			     unsigned alpha)
{
	unsigned path = alpha >> (g->k - 1) & 1;
	struct block found = block_mask(path);		/* the known side is 1 ^ path */

	g->leaf[0] = block_and(found, keys[0]);
	g->leaf[1] = block_and(block_xor(found, block_mask(1)), keys[0]);
	for (unsigned l = 1; l < g->k; l++) {
		unsigned bit = alpha >> (g->k - 1 - l) & 1;
		struct block sum = block_xor(pick(corr[l - 1], 1 ^ bit), keys[l]);

		children(g, (size_t)1 << l);
		mend(g->leaf, (size_t)2 << l, path, bit, sum);
		path = 2 * path + bit;
	}
	turn(g->leaf, g->k, alpha);
}
