/* The hash against its definition in AES calls; independence of chunks; domains; every level. */
#include "levels.h"
#include "mpc/hash.h"

#define MOST 300
static struct block in[4 * HASH_KEY_SPAN], got[4 * HASH_KEY_SPAN], want[4 * HASH_KEY_SPAN];

/* H(x, i) from the header's formulas, one block at a time. */
static struct block slow_hash(struct block session, uint32_t domain, struct block x, uint64_t i)
{
	struct aes_key k;
	struct block s = block_set(i / HASH_KEY_SPAN, domain), y = block_xor(block_sigma(x), block_set(i, 0)), p;

	aes_key_set(&k, session);
	aes_ecb(&k, &s, &s, 1);
	aes_key_set(&k, s);
	aes_ecb(&k, &p, &y, 1);
	return block_xor(p, y);
}

static struct block session(void)
{
	struct block s;

	cpu_test_data(&s, 1, 1);
	return s;
}

TEST(sigma_is_a_linear_orthomorphism)
{
	struct block a = block_set(UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)), s = block_sigma(a);

	CHECK(s.w[1] == (a.w[1] ^ a.w[0]) && s.w[0] == a.w[1]);
	/* sigma(x) ^ x is a permutation too: its kernel is trivial, since sigma^2 ^ sigma ^ 1 = 0 */
	CHECK(block_equal(block_xor(block_sigma(s), block_xor(s, a)), block_zero()));
}

TEST(all_sizes_against_definition)
{
	static const uint64_t firsts[] = { 0, 1, 300, 511, 512, (UINT64_C(1) << 40) + 509 };

	cpu_test_data(in, MOST, 2);
	EACH_LEVEL {
		struct hash h;

		hash_init(&h, session(), HASH_TEST);
		for (size_t f = 0; f < PET_ARRAY_SIZE(firsts); f++) {
			for (size_t i = 0; i < MOST; i++)
				want[i] = slow_hash(session(), HASH_TEST, in[i], firsts[f] + i);
			for (size_t n = 0; n <= MOST; n++) {
				memset(got, 0, sizeof(got));
				hash_blocks(&h, firsts[f], in, got, n);
				CHECK_BLOCKS(got, want, n);
				CHECK(block_equal(got[n], block_zero()));
			}
		}
		memcpy(got, in, MOST * sizeof(in[0]));
		hash_blocks(&h, firsts[5], got, got, MOST);
		CHECK_BLOCKS(got, want, MOST);
		hash_wipe(&h);
		CHECK(block_equal(h.prf.rk[0], block_zero()) && h.domain == 0);
	}
}

TEST(odd_starts)
{
	cpu_test_data(in, MOST + 4, 8);
	EACH_LEVEL {
		struct hash h;

		hash_init(&h, session(), HASH_TEST);
		for (size_t o = 0; o < 4; o++) {
			for (size_t i = 0; i < MOST; i++)
				want[i] = slow_hash(session(), HASH_TEST, in[o + i], i);
			hash_blocks(&h, 0, in + o, got + 3 - o, MOST);
			CHECK_BLOCKS(got + 3 - o, want, MOST);
		}
	}
}

TEST(chunks_do_not_matter)
{
	size_t n = PET_ARRAY_SIZE(in);

	cpu_test_data(in, n, 3);
	EACH_LEVEL {
		struct hash h;

		hash_init(&h, session(), HASH_TEST);
		hash_blocks(&h, 77, in, want, n);
		for (size_t i = 0, step = 1; i < n; i += step, step = step * 2 % 601) {
			if (step > n - i)
				step = n - i;
			hash_blocks(&h, 77 + i, in + i, got + i, step);
		}
		CHECK_BLOCKS(got, want, n);
	}
}

TEST(pairs_are_two_hashes)
{
	static struct block other[MOST], out1[MOST];
	struct block delta;

	cpu_test_data(in, MOST, 4);
	cpu_test_data(&delta, 1, 5);
	for (size_t i = 0; i < MOST; i++)
		other[i] = block_xor(in[i], delta);
	EACH_LEVEL {
		struct hash h;

		hash_init(&h, session(), HASH_TEST);
		for (size_t n = 0; n <= MOST; n++) {
			hash_pairs(&h, 400, in, delta, got, out1, n);
			hash_blocks(&h, 400, in, want, n);
			CHECK_BLOCKS(got, want, n);
			hash_blocks(&h, 400, other, want, n);
			CHECK_BLOCKS(out1, want, n);
		}
		memcpy(got, in, sizeof(other));
		hash_pairs(&h, 400, got, delta, got, out1, MOST);
		CHECK_BLOCKS(out1, want, MOST);
	}
}

/* One input under other sessions, domains and keys: all outputs differ. */
TEST(domains_and_sessions_separate)
{
	EACH_LEVEL {
		struct block out[5], s = session();
		struct hash h;

		cpu_test_data(in, 1, 6);
		hash_init(&h, s, HASH_OT);
		hash_blocks(&h, 5, in, &out[0], 1);
		hash_blocks(&h, 6, in, &out[1], 1);
		hash_blocks(&h, 5 + HASH_KEY_SPAN, in, &out[2], 1);
		hash_init(&h, s, HASH_TREE);
		hash_blocks(&h, 5, in, &out[3], 1);
		s.w[0] ^= 1;
		hash_init(&h, s, HASH_OT);
		hash_blocks(&h, 5, in, &out[4], 1);
		for (int i = 0; i < 5; i++)
			for (int j = 0; j < i; j++)
				CHECK(!block_equal(out[i], out[j]));
	}
}

TEST(key_is_the_spans)
{
	EACH_LEVEL {
		struct hash h;
		struct aes_key k;
		struct block y;

		cpu_test_data(in, 1, 7);
		hash_init(&h, session(), HASH_TEST);
		hash_key(&h, 3, &k);
		y = block_xor(block_sigma(in[0]), block_set(3 * HASH_KEY_SPAN + 2, 0));
		aes_ecb(&k, got, &y, 1);
		got[0] = block_xor(got[0], y);
		hash_blocks(&h, 3 * HASH_KEY_SPAN + 2, in, want, 1);
		CHECK_BLOCKS(got, want, 1);
	}
}

TEST_MAIN(CASE(sigma_is_a_linear_orthomorphism), CASE(all_sizes_against_definition), CASE(odd_starts), CASE(chunks_do_not_matter),
	  CASE(pairs_are_two_hashes), CASE(domains_and_sessions_separate), CASE(key_is_the_spans))
