/* bits.h, arena.h and share.h against the slow and obvious. */
#include "base/util.h"
#include "mpc/arena.h"
#include "mpc/bits.h"
#include "mpc/share.h"
#include "test.h"

static void random_words(uint64_t *w, size_t n)
{
	util_random(w, n * sizeof(*w));
}

/* Bit by bit. */
static void pack_slow(uint8_t *out, const uint64_t *in, size_t n, unsigned width)
{
	memset(out, 0, bits_bytes(n, width));
	for (size_t i = 0; i < n * width; i++)
		out[i / 8] = (uint8_t)(out[i / 8] | (in[i / width] >> (i % width) & 1) << (i % 8));
}

TEST(pack_all_widths_and_lengths)
{
	static const size_t lengths[] = { 0, 1, 2, 7, 8, 9, 63, 64, 65, 200 };
	uint64_t in[200], back[200];
	uint8_t want[1608], got[1608];

	for (unsigned width = 1; width <= 64; width++) {
		for (size_t l = 0; l < PET_ARRAY_SIZE(lengths); l++) {
			size_t n = lengths[l], len = bits_bytes(n, width);

			random_words(in, 200);
			memset(got, 0xa5, sizeof(got));
			memset(want, 0xa5, sizeof(want));
			bits_pack(got, in, n, width);
			pack_slow(want, in, n, width);
			CHECK(memcmp(got, want, sizeof(got)) == 0);
			CHECK_INT(len, (n * width + 7) / 8);
			bits_unpack(back, got, n, width);
			for (size_t i = 0; i < n; i++)
				CHECK(back[i] == (in[i] & bits_mask(width)));
		}
	}
}

TEST(transpose_is_what_it_says)
{
	uint64_t w[64], t[64];

	random_words(w, 64);
	memcpy(t, w, sizeof(t));
	bits_transpose64(t);
	for (unsigned i = 0; i < 64; i++) {
		for (unsigned j = 0; j < 64; j++)
			CHECK((w[i] >> j & 1) == (t[j] >> i & 1));
	}
}

TEST(planes_there_and_back)
{
	static const size_t lengths[] = { 0, 1, 63, 64, 65, 130 };
	uint64_t in[130], back[130], planes[64 * 3];

	for (unsigned width = 1; width <= 64; width += 7) {
		for (size_t l = 0; l < PET_ARRAY_SIZE(lengths); l++) {
			size_t n = lengths[l];

			random_words(in, 130);
			memset(planes, 0xff, sizeof(planes));
			bits_to_planes(planes, 3, in, n, width);
			for (size_t i = 0; i < bits_words(n) * 64; i++) {
				for (unsigned t = 0; t < width; t++)
					CHECK(bits_get(planes + 3 * t, i) == (i < n ? in[i] >> t & 1 : 0));
			}
			bits_from_planes(back, planes, 3, n, width);
			for (size_t i = 0; i < n; i++)
				CHECK(back[i] == (in[i] & bits_mask(width)));
		}
	}
}

TEST(arena_gives_back_in_stack_order)
{
	struct arena a = { 0 };
	struct arena_mark empty = arena_mark(&a), one;
	unsigned char *p = arena_take(&a, 10, 10), *q, *r;

	CHECK(p && (uintptr_t)p % 64 == 0);
	memset(p, 1, 100);
	one = arena_mark(&a);
	q = arena_take(&a, 1, 100);
	CHECK(q >= p + 100 || q + 100 <= p);
	/* Larger than any part so far, twice: the first part stays where it is. */
	r = arena_take(&a, 1 << 20, 3);
	CHECK(r && r != q);
	memset(r, 2, 3 << 20);
	CHECK(arena_take(&a, 1 << 20, 8) != NULL);
	arena_release(&a, one);
	CHECK(arena_take(&a, 1, 100) == q);
	CHECK_INT(p[99], 1);
	arena_release(&a, empty);
	CHECK(arena_take(&a, 10, 10) == p);
	CHECK(arena_take(&a, SIZE_MAX / 2, 3) == NULL);
	CHECK(arena_take(&a, SIZE_MAX, 1) == NULL);
	arena_free(&a);
	arena_free(&a);
}

static struct avec vec(size_t n, unsigned bits, unsigned scale)
{
	struct avec a;

	CHECK_INT(avec_new(&a, n, bits, scale), 0);
	random_words(a.v, n * avec_words(&a));
	for (size_t i = 0; i < n * avec_words(&a); i++)
		a.v[i] &= bits_mask(bits < 64 ? bits : 64);
	return a;
}

typedef unsigned __int128 u128;

static u128 at(const struct avec *a, size_t i)
{
	return avec_words(a) == 2 ? (u128)a->v[2 * i + 1] << 64 | a->v[2 * i] : a->v[i];
}

TEST(local_operations)
{
	static const unsigned rings[] = { 1, 5, 63, 64, 128 };

	for (size_t r = 0; r < PET_ARRAY_SIZE(rings); r++) {
		unsigned bits = rings[r];
		u128 mask = bits == 128 ? ~(u128)0 : bits_mask(bits), sum = 0;
		struct avec a = vec(77, bits, 0), b = vec(77, bits, 0), c = vec(77, bits, 0), one = vec(1, bits, 0);

		CHECK_INT(avec_add(&c, &a, &b), 0);
		for (size_t i = 0; i < a.n; i++)
			CHECK(at(&c, i) == ((at(&a, i) + at(&b, i)) & mask));
		CHECK_INT(avec_sub(&c, &a, &b), 0);
		for (size_t i = 0; i < a.n; i++)
			CHECK(at(&c, i) == ((at(&a, i) - at(&b, i)) & mask));
		avec_mul_pub(&c, &a, -3);
		for (size_t i = 0; i < a.n; i++)
			CHECK(at(&c, i) == (((u128)0 - 3 * at(&a, i)) & mask));
		avec_add_pub(&c, &a, -5, 0);
		for (size_t i = 0; i < a.n; i++)
			CHECK(at(&c, i) == ((at(&a, i) - 5) & mask));
		avec_add_pub(&c, &a, -5, 1);
		CHECK(memcmp(c.v, a.v, a.n * avec_words(&a) * 8) == 0);
		CHECK_INT(avec_mul_pubvec(&c, &a, &b), 0);
		for (size_t i = 0; i < a.n; i++)
			CHECK(at(&c, i) == ((at(&a, i) * at(&b, i)) & mask));
		CHECK_INT(avec_sum(&one, &a), 0);
		avec_prefix_sum(&c, &a);
		for (size_t i = 0; i < a.n; i++) {
			sum += at(&a, i);
			CHECK(at(&c, i) == (sum & mask));
		}
		CHECK(at(&one, 0) == (sum & mask));
		avec_free(&a);
		avec_free(&b);
		avec_free(&c);
		avec_free(&one);
		avec_free(&one);
	}
}

TEST(bits_after_the_last_stay_zero)
{
	struct bvec a, b;

	CHECK_INT(bvec_new(&a, 70), 0);
	CHECK_INT(bvec_new(&b, 70), 0);
	bvec_not(&b, &a, 0);
	CHECK(b.w[0] == UINT64_MAX && b.w[1] == 63);
	bvec_not(&b, &a, 1);
	CHECK(b.w[0] == 0 && b.w[1] == 0);
	b.n = 69;
	CHECK_INT(bvec_xor(&a, &a, &b), ERR_INPUT);
	bvec_free(&a);
	bvec_free(&b);
}

TEST_MAIN(CASE(pack_all_widths_and_lengths), CASE(transpose_is_what_it_says), CASE(planes_there_and_back),
	  CASE(arena_gives_back_in_stack_order), CASE(local_operations), CASE(bits_after_the_last_stay_zero))
