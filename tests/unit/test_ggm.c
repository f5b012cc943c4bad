/* The trees against a naive one, node by node from the header's formulas; every depth, place and level. */
#include "levels.h"
#include "mpc/ggm.h"
#include "mpc/hash.h"

#define MOST 13
#define LEAVES ((size_t)GGM_LANES << MOST)

static struct block leaves[LEAVES], got[LEAVES], want[LEAVES];
static struct block q[GGM_LANES * MOST], m[GGM_LANES * MOST], corr[GGM_LANES * MOST], delta, session;
static uint32_t place[GGM_LANES];

static struct block masked(struct block x, unsigned bit)
{
	return block_and(x, block_mask(bit));
}

static struct block clear_lsb(struct block x)
{
	return block_and(x, block_set(~UINT64_C(1), ~UINT64_C(0)));
}

/* H of ggm.h for the node with this heap number (leaves: number), from AES calls of one block. */
static struct block slow_hash(uint64_t group, uint32_t use, uint64_t number, struct block x)
{
	struct block k = block_set(group, (number / 256) << 32 | use), s = block_sigma(x), p;
	struct aes_key key;

	aes_key_set(&key, session);
	aes_ecb(&key, &k, &k, 1);
	aes_key_set(&key, k);
	aes_ecb(&key, &p, &s, 1);
	return block_xor(p, s);
}

/* Depth first: node j of a level, and its subtree's leaves; level sums of left children beside. */
static void slow_tree(unsigned depth, unsigned l, uint64_t group, int lane, size_t j, struct block x, struct block *left)
{
	struct block c;

	if (l == depth) {
		want[GGM_LANES * j + (size_t)lane] = clear_lsb(x);
		return;
	}
	c = slow_hash(group, HASH_TREE, ((uint64_t)1 << l) + j, x);
	left[l] = block_xor(left[l], l + 1 == depth ? clear_lsb(c) : c);
	slow_tree(depth, l + 1, group, lane, j, c, left);
	slow_tree(depth, l + 1, group, lane, j + ((size_t)1 << l), block_xor(x, c), left);
}

/* COTs with the given choice bits: bit l of choice[i] is for level l of tree i. */
static void deal(unsigned depth, const uint32_t choice[GGM_LANES], uint64_t seed)
{
	cpu_test_data(&delta, 1, seed);
	delta.w[0] |= 1;
	cpu_test_data(&session, 1, seed + 1);
	cpu_test_data(q, GGM_LANES * depth, seed + 2);
	for (size_t i = 0; i < GGM_LANES * depth; i++) {
		q[i] = clear_lsb(q[i]);
		m[i] = block_xor(q[i], masked(delta, choice[i % GGM_LANES] >> (i / GGM_LANES) & 1));
	}
}

/* Both sides on the cards dealt: everything the header says, at the level in use. */
static void check_trees(unsigned depth, uint64_t group, const uint32_t choice[GGM_LANES])
{
	const size_t n = (size_t)GGM_LANES << depth;
	struct ggm g;

	ggm_init(&g, session, depth);
	CHECK_INT(ggm_leaves(&g), n);
	CHECK_INT(ggm_cots(&g), GGM_LANES * depth);
	CHECK_INT(ggm_corrections(&g), GGM_LANES * (depth - 1));
	ggm_send(&g, group, q, delta, leaves, corr);
	CHECK_BLOCKS(leaves, want, n);
	ggm_recv(&g, group, m, corr, got, place);
	for (uint32_t i = 0; i < GGM_LANES; i++) {
		struct block sum = block_zero();

		CHECK_INT(place[i], ~choice[i] & ((UINT32_C(1) << depth) - 1));
		got[GGM_LANES * place[i] + i] = block_xor(got[GGM_LANES * place[i] + i], delta);
		for (size_t j = i; j < n; j += GGM_LANES)
			sum = block_xor(sum, leaves[j]);
		CHECK(block_equal(sum, clear_lsb(delta)));
	}
	CHECK_BLOCKS(got, leaves, n);
}

static void slow_trees(unsigned depth, uint64_t group)
{
	for (int i = 0; i < GGM_LANES; i++) {
		struct block left[MOST] = { 0 };

		slow_tree(depth, 1, group, i, 0, q[i], left);
		slow_tree(depth, 1, group, i, 1, block_xor(q[i], delta), left);
	}
}

TEST(every_depth_against_the_naive_tree)
{
	for (unsigned depth = GGM_DEPTH_MIN; depth <= MOST; depth++) {
		static const uint32_t choice[GGM_LANES] = { 0x0a5b3, 0, 0x1fff, 0x1234 };
		uint64_t group = depth % 2 ? UINT64_MAX - depth : depth;

		deal(depth, choice, depth * 10);
		slow_trees(depth, group);
		EACH_LEVEL
			check_trees(depth, group, choice);
	}
}

TEST(every_place)
{
	for (unsigned depth = GGM_DEPTH_MIN; depth <= 6; depth++) {
		for (uint32_t c = 0; c < UINT32_C(1) << depth; c++) {
			uint32_t choice[GGM_LANES] = { c, c ^ 1, c ^ 5, c * 3 };

			deal(depth, choice, 77 + c);
			slow_trees(depth, c);
			EACH_LEVEL
				check_trees(depth, c, choice);
		}
	}
}

TEST(corrections_open_the_side_that_is_known)
{
	static const uint32_t choice[GGM_LANES] = { 5, 6, 7, 8 };
	struct block left[MOST] = { 0 };
	struct ggm g;

	deal(8, choice, 1);
	slow_tree(8, 1, 3, 2, 0, q[2], left);
	slow_tree(8, 1, 3, 2, 1, block_xor(q[2], delta), left);
	ggm_init(&g, session, 8);
	ggm_send(&g, 3, q, delta, leaves, corr);
	for (size_t l = 1; l < 8; l++)
		CHECK(block_equal(corr[GGM_LANES * (l - 1) + 2], block_xor(left[l], q[GGM_LANES * l + 2])));
}

/* A level's wrong correction spoils the sibling of that level, and, since sums are wrong from there on, all siblings below. */
TEST(wrong_correction_spoils_its_subtree_only)
{
	static const uint32_t choice[GGM_LANES] = { 0x155, 0x0aa, 0x1ff, 0 };
	struct ggm g;

	deal(9, choice, 2);
	ggm_init(&g, session, 9);
	for (size_t l = 0; l < 8; l++) {
		size_t wrong[GGM_LANES] = { 0 };

		ggm_send(&g, 0, q, delta, leaves, corr);
		corr[GGM_LANES * l + 1].w[1] ^= 16;
		ggm_recv(&g, 0, m, corr, got, place);
		for (size_t i = 0; i < ggm_leaves(&g); i++)
			wrong[i % GGM_LANES] += !block_equal(got[i], leaves[i]);
		CHECK(wrong[0] == 1 && wrong[2] == 1 && wrong[3] == 1);	/* alpha */
		CHECK_INT(wrong[1], 1 << (8 - l));
	}
}

TEST(groups_and_sessions_share_nothing)
{
	static const uint32_t choice[GGM_LANES] = { 0 };
	struct ggm g;
	size_t same = 0;

	deal(10, choice, 3);
	ggm_init(&g, session, 10);
	ggm_send(&g, 0, q, delta, leaves, corr);
	ggm_send(&g, 1, q, delta, got, corr);
	session.w[1] ^= 1;
	ggm_init(&g, session, 10);
	ggm_send(&g, 0, q, delta, want, corr);
	for (size_t i = 0; i < ggm_leaves(&g); i++)
		same += block_equal(leaves[i], got[i]) || block_equal(leaves[i], want[i]) || block_equal(got[i], want[i]);
	CHECK_INT(same, 0);
}

TEST(hashed_leaves)
{
	static const uint32_t choice[GGM_LANES] = { 1, 2, 300, 511 };

	deal(9, choice, 4);
	EACH_LEVEL {
		struct block sum[GGM_LANES], naive[GGM_LANES] = { 0 };
		size_t bad = 0;
		struct ggm g;

		ggm_init(&g, session, 9);
		ggm_send(&g, 6, q, delta, leaves, corr);
		memcpy(got, leaves, ggm_leaves(&g) * sizeof(got[0]));
		ggm_hash_leaves(&g, 6, got, sum);
		for (size_t i = 0; i < ggm_leaves(&g); i++) {
			bad += !block_equal(got[i], slow_hash(6, HASH_LEAF, i / GGM_LANES, leaves[i]));
			naive[i % GGM_LANES] = block_xor(naive[i % GGM_LANES], got[i]);
		}
		CHECK_INT(bad, 0);
		CHECK_BLOCKS(sum, naive, GGM_LANES);
		/* the receiver has the same but for its hole */
		ggm_recv(&g, 6, m, corr, leaves, place);
		ggm_hash_leaves(&g, 6, leaves, sum);
		for (size_t i = 0; i < ggm_leaves(&g); i++)
			bad += block_equal(leaves[i], got[i]) != (i / GGM_LANES != place[i % GGM_LANES]);
		CHECK_INT(bad, 0);
	}
}

TEST(xor_at_touches_one_leaf_per_tree)
{
	struct block value[GGM_LANES];

	cpu_test_data(value, GGM_LANES, 9);
	for (unsigned depth = GGM_DEPTH_MIN; depth <= 9; depth += 3) {
		const uint32_t last = (UINT32_C(1) << depth) - 1, at[GGM_LANES] = { 0, last, last / 2, 1 };
		struct ggm g;

		ggm_init(&g, value[0], depth);
		EACH_LEVEL {
			cpu_test_data(got, ggm_leaves(&g), 10);
			memcpy(want, got, ggm_leaves(&g) * sizeof(got[0]));
			ggm_xor_at(&g, got, at, value);
			for (size_t i = 0; i < GGM_LANES; i++)
				want[GGM_LANES * at[i] + i] = block_xor(want[GGM_LANES * at[i] + i], value[i]);
			CHECK_BLOCKS(got, want, ggm_leaves(&g));
		}
	}
}

TEST_MAIN(CASE(every_depth_against_the_naive_tree), CASE(every_place), CASE(corrections_open_the_side_that_is_known),
	  CASE(wrong_correction_spoils_its_subtree_only), CASE(groups_and_sessions_share_nothing), CASE(hashed_leaves),
	  CASE(xor_at_touches_one_leaf_per_tree))
