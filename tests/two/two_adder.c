/* Numbers to bits and back against plaintext: every value of small rings, edges and random ones of large rings. */

#include "mpc/adder.h"
#include "plain.h"
#include "../unit/test.h"

struct shape {
	size_t n;
	unsigned bits, count;
};

/* Bits of all elements as numbers. */
static int open_bits(struct mpc *m, uint64_t *out, struct bvec *bits, unsigned count)
{
	int rc = 0;

	memset(out, 0, bits[0].n * sizeof(*out));
	for (unsigned t = 0; t < count; t++) {
		TRY(mpc_reveal_bits(m, MPC_BOTH, &bits[t], &bits[t]));
		for (size_t i = 0; i < bits[t].n; i++)
			out[i] |= (uint64_t)bits_get(bits[t].w, i) << t;
	}
out:
	return rc;
}

static uint64_t fill_down(uint64_t v)
{
	for (unsigned s = 1; s < 64; s *= 2)
		v |= v >> s;
	return v;
}

/* All three ways: x to bits, bits to a number of another ring, the prefix OR of the bits. */
static int one_shape(struct mpc *m, const struct shape *s, const int64_t *v)
{
	struct bvec bits[64] = { { 0 } }, ors[64] = { { 0 } };
	struct avec x = { 0 }, back = { 0 };
	uint64_t *got = calloc(s->n + 1, sizeof(*got));
	size_t bad[3] = { 0 };
	int rc;

	TRY(plain_share(m, &x, v, s->n, s->bits, 0));
	TRY(adder_bits_new(bits, s->count, s->n));
	TRY(adder_bits_new(ors, s->count, s->n));
	TRY(avec_new(&back, s->n, 40, 2));
	TRY(mpc_a2b(m, bits, &x, s->count));
	TRY(mpc_b2a_int(m, &back, bits, s->count));
	TRY(mpc_prefix_or(m, ors, bits, s->count));
	TRY(mpc_reveal(m, MPC_BOTH, &back, &back));
	TRY(open_bits(m, got, bits, s->count));
	for (size_t i = 0; i < s->n; i++) {
		uint64_t want = (uint64_t)v[i] & bits_mask(s->count);

		bad[0] += got[i] != want;
		bad[1] += back.v[i] != (want << 2 & bits_mask(40));
	}
	TRY(open_bits(m, got, ors, s->count));
	for (size_t i = 0; i < s->n; i++)
		bad[2] += got[i] != fill_down((uint64_t)v[i] & bits_mask(s->count));
	for (unsigned k = 0; k < 3; k++)
		CHECK_INT(bad[k], 0);
out:
	avec_free(&x);
	avec_free(&back);
	adder_bits_free(bits, s->count);
	adder_bits_free(ors, s->count);
	free(got);
	return rc;
}

/* Each value several times, so with several sharings. */
static int small_rings(struct mpc *m, void *arg)
{
	int64_t v[640];
	int rc = 0;

	(void)arg;
	for (struct shape s = { .n = 640, .bits = 1 }; s.bits <= 6; s.bits++) {
		for (size_t i = 0; i < s.n; i++)
			v[i] = (int64_t)i;
		for (s.count = 1; s.count <= s.bits; s.count++)
			TRY(one_shape(m, &s, v));
	}
out:
	return rc;
}

TEST(every_value_of_small_rings)
{
	CHECK_INT(plain_run(small_rings, NULL, OT_SOFTSPOKEN4, 1), 0);
}

static int large_rings(struct mpc *m, void *arg)
{
	static const struct shape shapes[] = {
		{ 0, 32, 32 }, { 1, 64, 64 }, { 63, 64, 63 }, { 64, 33, 33 }, { 65, 48, 31 }, { 13000, 64, 17 }, { 400, 64, 64 },
		{ 300, 32, 32 }, { 300, 31, 31 },
	};
	uint64_t seed = 3;
	int rc = 0;

	(void)arg;
	for (size_t k = 0; k < PET_ARRAY_SIZE(shapes); k++) {
		const struct shape *s = &shapes[k];
		int64_t *v = calloc(s->n + 1, sizeof(*v));

		for (size_t i = 0; i < s->n; i++) {
			v[i] = (int64_t)plain_random(&seed);
			/* Powers of two, one less, one more. */
			if (i % 2)
				v[i] = (int64_t)((UINT64_C(1) << (i / 2 % s->bits)) + i / 128 % 3 - 1);
		}
		rc = one_shape(m, s, v);
		free(v);
		TRY(rc);
	}
out:
	return rc;
}

TEST(large_rings_and_lengths)
{
	CHECK_INT(plain_run(large_rings, NULL, OT_SOFTSPOKEN4, 1), 0);
}

TEST(threads_and_other_transfers)
{
	CHECK_INT(plain_run(large_rings, NULL, OT_SOFTSPOKEN4, 3), 0);
	CHECK_INT(plain_run(large_rings, NULL, OT_FERRET, 1), 0);
}

static int misuse(struct mpc *m, void *arg)
{
	struct bvec bits[3] = { { 0 } };
	struct avec x = { 0 };
	int rc;

	(void)arg;
	TRY(adder_bits_new(bits, 3, 10));
	TRY(avec_new(&x, 10, 2, 0));
	CHECK_INT(mpc_a2b(m, bits, &x, 3), ERR_INPUT);
	CHECK_INT(mpc_a2b(m, bits, &x, 0), ERR_INPUT);
	bits[1].n = 9;
	CHECK_INT(mpc_a2b(m, bits, &x, 2), ERR_INPUT);
	CHECK_INT(mpc_prefix_or(m, bits, bits, 3), ERR_INPUT);
	CHECK_INT(mpc_b2a_int(m, &x, bits, 3), ERR_INPUT);
	rc = 0;
out:
	adder_bits_free(bits, 3);
	avec_free(&x);
	return rc;
}

TEST(shapes_that_do_not_fit_are_refused)
{
	CHECK_INT(plain_run(misuse, NULL, OT_SOFTSPOKEN4, 1), 0);
}

TEST_MAIN(CASE(every_value_of_small_rings), CASE(large_rings_and_lengths), CASE(threads_and_other_transfers),
	  CASE(shapes_that_do_not_fit_are_refused))
