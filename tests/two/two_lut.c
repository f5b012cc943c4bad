/* Table look-up and one-hot against plaintext: every index of every size, every shape of entry, several sharings. */

#include "mpc/lut.h"
#include "plain.h"
#include "../unit/test.h"

struct shape {
	size_t n;
	unsigned c, columns;
	unsigned bits[4];
};

static int one_lut(struct mpc *m, const struct shape *s, uint64_t *seed)
{
	struct avec index = { 0 }, out[4] = { { 0 } };
	uint64_t table[4 << LUT_INDEX_MAX];
	int64_t *v = calloc(s->n + 1, sizeof(*v));
	size_t bad = 0;
	int rc;

	for (size_t i = 0; i < PET_ARRAY_SIZE(table); i++)
		table[i] = plain_random(seed);
	for (size_t i = 0; i < s->n; i++)
		v[i] = (int64_t)(i & bits_mask(s->c));
	TRY(plain_share(m, &index, v, s->n, s->c, 0));
	for (unsigned k = 0; k < s->columns; k++)
		TRY(avec_new(&out[k], s->n, s->bits[k], 0));
	TRY(mpc_lut(m, out, s->columns, &index, table));
	for (unsigned k = 0; k < s->columns; k++) {
		TRY(mpc_reveal(m, MPC_BOTH, &out[k], &out[k]));
		for (size_t i = 0; i < s->n; i++)
			bad += out[k].v[i] != (table[(size_t)v[i] * s->columns + k] & bits_mask(s->bits[k]));
	}
	if (bad)
		printf("# %u index bits, %u columns from %u bits\n", s->c, s->columns, s->bits[0]);
	CHECK_INT(bad, 0);
out:
	avec_free(&index);
	for (unsigned k = 0; k < s->columns; k++)
		avec_free(&out[k]);
	free(v);
	return rc;
}

static int one_onehot(struct mpc *m, unsigned c, size_t n)
{
	struct bvec hot[1 << LUT_INDEX_MAX] = { { 0 } };
	struct avec index = { 0 };
	int64_t *v = calloc(n + 1, sizeof(*v));
	size_t bad = 0, all = (size_t)1 << c;
	int rc;

	for (size_t i = 0; i < n; i++)
		v[i] = (int64_t)(i * 7 & (all - 1));
	TRY(plain_share(m, &index, v, n, c, 0));
	for (size_t k = 0; k < all; k++)
		TRY(bvec_new(&hot[k], n));
	TRY(mpc_onehot(m, hot, &index));
	for (size_t k = 0; k < all; k++) {
		TRY(mpc_reveal_bits(m, MPC_BOTH, &hot[k], &hot[k]));
		for (size_t i = 0; i < n; i++)
			bad += bits_get(hot[k].w, i) != ((size_t)v[i] == k);
	}
	CHECK_INT(bad, 0);
out:
	avec_free(&index);
	for (size_t k = 0; k < all; k++)
		bvec_free(&hot[k]);
	free(v);
	return rc;
}

static int every_size(struct mpc *m, void *arg)
{
	struct shape s = { .n = 1200 };
	uint64_t seed = 5;
	int rc = 0;

	(void)arg;
	for (s.c = 1; s.c <= LUT_INDEX_MAX; s.c++) {
		static const unsigned bits[][4] = { { 1 }, { 13 }, { 64 }, { 64, 64 }, { 30, 34, 29, 35 }, { 40, 30, 1, 2 } };
		static const unsigned columns[] = { 1, 1, 1, 2, 4, 4 };

		for (size_t k = 0; k < PET_ARRAY_SIZE(columns); k++) {
			s.columns = columns[k];
			memcpy(s.bits, bits[k], sizeof(s.bits));
			TRY(one_lut(m, &s, &seed));
		}
		TRY(one_onehot(m, s.c, 1000));
	}
out:
	return rc;
}

TEST(every_index_and_shape)
{
	CHECK_INT(plain_run(every_size, NULL, OT_SOFTSPOKEN4, 1), 0);
}

static int lengths(struct mpc *m, void *arg)
{
	static const size_t n[] = { 0, 1, 2, 63, 64, 65, 4097, 20001 };
	uint64_t seed = 6;
	int rc = 0;

	(void)arg;
	for (size_t k = 0; k < PET_ARRAY_SIZE(n); k++) {
		struct shape s = { .n = n[k], .c = 5, .columns = 3, .bits = { 20, 30, 38 } };

		TRY(one_lut(m, &s, &seed));
		TRY(one_onehot(m, 4, n[k]));
	}
out:
	return rc;
}

TEST(every_length)
{
	CHECK_INT(plain_run(lengths, NULL, OT_SOFTSPOKEN4, 1), 0);
}

TEST(threads_and_other_transfers)
{
	CHECK_INT(plain_run(lengths, NULL, OT_SOFTSPOKEN4, 3), 0);
	CHECK_INT(plain_run(lengths, NULL, OT_FERRET, 1), 0);
}

static int misuse(struct mpc *m, void *arg)
{
	struct avec index = { 0 }, out[3] = { { 0 } };
	struct bvec hot[4] = { { 0 } };
	static const uint64_t table[3 * 256];
	int rc;

	(void)arg;
	TRY(avec_new(&index, 10, 8, 0));
	for (unsigned k = 0; k < 3; k++)
		TRY(avec_new(&out[k], 10, 43, 0));
	CHECK_INT(mpc_lut(m, out, 2, &index, table), ERR_INPUT);
	index.bits = 2;
	CHECK_INT(mpc_lut(m, out, 3, &index, table), ERR_INPUT);
	CHECK_INT(mpc_lut(m, out, 0, &index, table), ERR_INPUT);
	out[0].n = 9;
	CHECK_INT(mpc_lut(m, out, 1, &index, table), ERR_INPUT);
	CHECK_INT(mpc_onehot(m, hot, &index), ERR_INPUT);
	rc = 0;
out:
	avec_free(&index);
	for (unsigned k = 0; k < 3; k++)
		avec_free(&out[k]);
	return rc;
}

TEST(shapes_that_do_not_fit_are_refused)
{
	CHECK_INT(plain_run(misuse, NULL, OT_SOFTSPOKEN4, 1), 0);
}

static int costly(struct mpc *m, void *arg)
{
	struct shape s = { .n = 1 << 16, .c = 5, .columns = 2, .bits = { 50, 38 } };
	struct chan_stats before, after;
	double bits;
	uint64_t seed = 1;
	int rc;

	(void)arg;
	chan_stats(mpc_chan(m), &before);
	TRY(one_lut(m, &s, &seed));
	chan_stats(mpc_chan(m), &after);
	bits = (double)(after.bytes_sent - before.bytes_sent + after.bytes_received - before.bytes_received) * 8 /
	       (double)s.n;
	/* 5 COTs of 31 bits, 5 + 31·88 bits; opened: 2·88. */
	CHECK(bits > 5 * 31 + 5 + 31 * 88 + 176 - 60 && bits < 5 * 31 + 5 + 31 * 88 + 176 + 60);
out:
	return rc;
}

TEST(bytes_are_what_the_header_says)
{
	CHECK_INT(plain_run(costly, NULL, OT_SOFTSPOKEN4, 1), 0);
}

TEST_MAIN(CASE(every_index_and_shape), CASE(every_length), CASE(threads_and_other_transfers),
	  CASE(shapes_that_do_not_fit_are_refused), CASE(bytes_are_what_the_header_says))
