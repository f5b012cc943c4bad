/* Sums by groups that one party knows, against plaintext: every number of bins, several passes, both owners, ragged rows. */
#include "mpc/hist.h"

#include <string.h>

#include "mpc/open.h"
#include "mpc/prg.h"
#include "pair.h"
#include "../unit/test.h"

struct shape {
	struct hist_conf conf;
	unsigned bits, values, passes;
	int kind;		/* of transfers */
	size_t bad[2];
};

/* Bins with gaps and heaps: a third of the rows in bin 0, the highest bin in use. */
static uint8_t *make_bins(const struct shape *s)
{
	size_t n = (size_t)s->conf.rows * s->conf.features;
	uint8_t *bin = calloc(n + 1, 1);
	struct prg g;

	prg_init(&g, block_set(n, s->conf.beta));
	prg_fill(&g, bin, n);
	for (size_t i = 0; i < n; i++)
		bin[i] = i % 3 == 0 ? 0 : i % 7 == 1 ? (uint8_t)bits_mask(s->conf.beta) : bin[i] & (uint8_t)bits_mask(s->conf.beta);
	return bin;
}

/* Both parties know all of it: party 0's words are the first. */
static void make_values(const struct shape *s, unsigned pass, unsigned value, uint64_t *w[2])
{
	struct prg g;

	prg_init(&g, block_set(pass, value + 1));
	for (int p = 0; p < 2; p++) {
		prg_fill(&g, w[p], s->conf.rows * sizeof(uint64_t));
		for (uint32_t i = 0; i < s->conf.rows; i++)
			w[p][i] = (i == 0 ? 0 : i == 1 ? UINT64_MAX : w[p][i]) & bits_mask(s->bits);
	}
}

static size_t compare(const struct shape *s, const uint8_t *bin, uint64_t *const w[2], const struct avec *got, unsigned times)
{
	size_t bins = (size_t)1 << s->conf.beta, bad = 0;

	for (uint32_t f = 0; f < s->conf.features; f++) {
		uint64_t want[256] = { 0 };

		for (uint32_t i = 0; i < s->conf.rows; i++)
			want[bin[f * s->conf.rows + i]] += times * (w[0][i] + w[1][i]);
		for (size_t b = 0; b < bins; b++)
			bad += got->v[f * bins + b] != (want[b] & bits_mask(s->bits));
	}
	return bad;
}

static int one_pass(struct mpc *m, struct shape *s, struct hist *h, const uint8_t *bin, unsigned pass)
{
	struct avec v[4] = { { 0 } }, sum[4] = { { 0 } }, *out[4];
	const struct avec *in[4];
	uint64_t *w[2] = { calloc(s->conf.rows + 1, 8), calloc(s->conf.rows + 1, 8) };
	int rc = 0;

	for (unsigned k = 0; k < s->values; k++) {
		TRY(avec_new(&v[k], s->conf.rows, s->bits, 0));
		TRY(avec_new(&sum[k], (size_t)s->conf.features << s->conf.beta, s->bits, 0));
		make_values(s, pass, k, w);
		memcpy(v[k].v, w[mpc_party(m)], s->conf.rows * sizeof(uint64_t));
		in[k] = &v[k];
		out[k] = &sum[k];
	}
	/* twice, into the same sums */
	TRY(hist_add(h, out, in, s->values));
	TRY(hist_add(h, out, in, s->values));
	for (unsigned k = 0; k < s->values; k++) {
		TRY(mpc_reveal(m, MPC_BOTH, &sum[k], &sum[k]));
		make_values(s, pass, k, w);
		s->bad[mpc_party(m)] += compare(s, bin, w, &sum[k], 2);
	}
out:
	for (unsigned k = 0; k < s->values; k++) {
		avec_free(&v[k]);
		avec_free(&sum[k]);
	}
	free(w[0]);
	free(w[1]);
	return rc;
}

static int run(struct mpc *m, void *arg)
{
	struct shape *s = arg;
	uint8_t *bin = make_bins(s);
	struct hist_conf conf = s->conf;
	struct hist *h = NULL;
	int rc;

	conf.bin = mpc_party(m) == conf.owner ? bin : NULL;
	TRY(hist_new(&h, m, &conf));
	for (unsigned pass = 0; pass < s->passes; pass++)
		TRY(one_pass(m, s, h, bin, pass));
out:
	hist_free(h);
	free(bin);
	return rc;
}

static void check(struct shape s)
{
	struct pair_side side[2] = { 0 };

	for (int i = 0; i < 2; i++) {
		side[i].conf = (struct mpc_conf){ .kind = s.kind ? OT_FERRET : OT_SOFTSPOKEN4, .threads = 1 };
		side[i].run = run;
		side[i].arg = &s;
	}
	pair_run(side);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(side[i].rc, 0);
		CHECK_STR(side[i].em.local, "");
		CHECK_INT(s.bad[i], 0);
	}
}

TEST(every_number_of_bins)
{
	for (unsigned beta = HIST_BETA_MIN; beta <= HIST_BETA_MAX; beta++)
		for (int owner = 0; owner < 2; owner++)
			check((struct shape){ .conf = { .owner = owner, .rows = 101, .features = 3, .beta = beta }, .bits = 40, .values = 2, .passes = 2 });
}

TEST(rings_values_and_threads)
{
	static const unsigned bits[] = { 1, 13, 63, 64 };

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		for (unsigned values = 1; values <= 4; values++)
			check((struct shape){ .conf = { .owner = 1, .rows = 33, .features = 5, .beta = 4, .threads = (int)values },
					      .bits = bits[i], .values = values, .passes = 1 });
}

/* 128 bits: values whose upper word counts, sums that carry. */
static int run_wide(struct mpc *m, void *arg)
{
	enum { ROWS = 203, BETA = 4 };
	struct shape *s = arg;
	uint8_t bin[2 * ROWS];
	unsigned __int128 want[2 << BETA] = { 0 };
	struct hist_conf conf = { .owner = s->conf.owner, .rows = ROWS, .features = 2, .beta = BETA, .threads = 2, .bin = bin };
	struct avec v[3] = { { 0 } }, sum[3] = { { 0 } }, *out[3] = { &sum[0], &sum[1], &sum[2] };
	const struct avec *in[3] = { &v[0], &v[1], &v[2] };
	struct hist *h = NULL;
	struct prg g;
	int rc;

	prg_init(&g, block_set(5, 5));
	prg_fill(&g, bin, sizeof(bin));
	for (int i = 0; i < 2 * ROWS; i++)
		bin[i] &= 15;
	TRY(hist_new(&h, m, &conf));
	for (int k = 0; k < 3; k++) {
		TRY(avec_new(&v[k], ROWS, 128, 0));
		TRY(avec_new(&sum[k], 2 << BETA, 128, 0));
		memset(want, 0, k == 2 ? sizeof(want) : 0);
		for (int i = 0; i < ROWS; i++) {
			unsigned __int128 w[2];

			prg_fill(&g, w, sizeof(w));
			memcpy(v[k].v + 2 * i, &w[mpc_party(m)], 16);
			for (int f = 0; f < 2 && k == 2; f++)
				want[f * 16 + bin[f * ROWS + i]] += w[0] + w[1];
		}
	}
	TRY(hist_add(h, out, in, 3));
	TRY(mpc_reveal(m, MPC_BOTH, &sum[2], &sum[2]));
	s->bad[mpc_party(m)] = memcmp(sum[2].v, want, sizeof(want)) != 0;
out:
	hist_free(h);
	for (int k = 0; k < 3; k++) {
		avec_free(&v[k]);
		avec_free(&sum[k]);
	}
	return rc;
}

TEST(rings_of_128_bits)
{
	for (int owner = 0; owner < 2; owner++) {
		struct shape s = { .conf = { .owner = owner }, .bad = { 1, 1 } };
		struct pair_side side[2] = { { .run = run_wide, .arg = &s }, { .run = run_wide, .arg = &s } };

		for (int i = 0; i < 2; i++)
			side[i].conf = (struct mpc_conf){ .kind = OT_SOFTSPOKEN4, .threads = 1 };
		pair_run(side);
		for (int i = 0; i < 2; i++) {
			CHECK_INT(side[i].rc, 0);
			CHECK_INT(s.bad[i], 0);
		}
	}
}

TEST(rows)
{
	static const uint32_t rows[] = { 0, 1, 3, 4, 5, 63, 65, 3000 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check((struct shape){ .conf = { .owner = 0, .rows = rows[i], .features = 2, .beta = 5 }, .bits = 33, .values = 2, .passes = 1 });
	check((struct shape){ .conf = { .owner = 0, .rows = 40, .features = 0, .beta = 5 }, .bits = 33, .values = 1, .passes = 1 });
	check((struct shape){ .conf = { .owner = 0, .rows = 5000, .features = 3, .beta = 5 }, .bits = 33, .values = 2, .passes = 1, .kind = 1 });
}

static int run_misuse(struct mpc *m, void *arg)
{
	struct hist_conf conf = { .owner = 0, .rows = 3, .features = 1, .beta = 3, .bin = (const uint8_t *)"\0\1\2" };
	struct avec v = { 0 }, sum = { 0 }, *out[] = { &sum };
	const struct avec *in[] = { &v };
	struct hist *h = NULL;
	int rc;

	(void)arg;
	CHECK_INT(hist_new(&h, m, &(struct hist_conf){ .owner = 2, .rows = 1, .features = 1, .beta = 3 }), ERR_INPUT);
	CHECK_INT(hist_new(&h, m, &(struct hist_conf){ .rows = 1, .features = 1, .beta = 2 }), ERR_INPUT);
	CHECK_INT(hist_new(&h, m, &(struct hist_conf){ .rows = 1, .features = 1, .beta = 9 }), ERR_INPUT);
	TRY(hist_new(&h, m, &conf));
	TRY(avec_new(&v, 4, 8, 0));
	TRY(avec_new(&sum, 8, 8, 0));
	CHECK_INT(hist_add(h, out, in, 1), ERR_INPUT);
	v.n = 3;
	CHECK_INT(hist_add(h, out, in, 0), ERR_INPUT);
	sum.bits = 9;
	CHECK_INT(hist_add(h, out, in, 1), ERR_INPUT);
	sum.bits = 8;
	TRY(hist_add(h, out, in, 1));
out:
	hist_free(h);
	avec_free(&v);
	avec_free(&sum);
	return rc;
}

TEST(misuse)
{
	struct pair_side side[2] = { { .run = run_misuse }, { .run = run_misuse } };

	for (int i = 0; i < 2; i++)
		side[i].conf = (struct mpc_conf){ .kind = OT_SOFTSPOKEN4, .threads = 1 };
	pair_run(side);
	CHECK_INT(side[0].rc, 0);
	CHECK_INT(side[1].rc, 0);
}

TEST_MAIN(CASE(every_number_of_bins), CASE(rings_values_and_threads), CASE(rings_of_128_bits), CASE(rows), CASE(misuse))
