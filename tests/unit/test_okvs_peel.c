/* Rows, triangulation and the small dense systems of an OKVS bin; a quick version of the failure statistics. */
#include <math.h>

#include "mpc/gf128.h"
#include "mpc/okvs_bin.h"
#include "mpc/okvs_params.h"
#include "mpc/prg.h"
#include "test.h"

static struct prg rng(uint64_t seed)
{
	struct prg p;

	prg_init(&p, block_set(seed, 0x6f6b7673));
	return p;
}

static void check_rows(const struct okvs_row *r, size_t n, uint32_t sparse)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++) {
		const uint16_t *c = r[i].col;

		bad += c[0] >= sparse || c[1] >= sparse || c[2] >= sparse || c[0] == c[1] || c[0] == c[2] || c[1] == c[2];
	}
	CHECK_INT(bad, 0);
}

TEST(rows_are_three_distinct_columns)
{
	static const uint32_t sizes[] = { 3, 4, 5, 7, 100, 22118, 65535 };
	static const uint64_t words[] = { 0, UINT64_MAX, 0xffffffff, 0xffffffff00000000, 0x8000000080000000, 1 };
	struct prg p = rng(1);
	struct block h[512];
	struct okvs_row row[512];

	prg_blocks(&p, h, 512);
	for (unsigned i = 0; i < 36; i++)
		h[i] = block_set(words[i / 6], words[i % 6]);
	for (unsigned k = 0; k < PET_ARRAY_SIZE(sizes); k++) {
		okvs_rows_var(row, h, 512, sizes[k]);
		check_rows(row, 512, sizes[k]);
	}
}

/* Over five columns there are 60 ordered triples: each about as often as the others. */
TEST(rows_are_uniform)
{
	enum { N = 60000 };
	static struct block h[N];
	static struct okvs_row row[N];
	unsigned count[125] = { 0 }, seen = 0;
	struct prg p = rng(2);
	double chi = 0;

	prg_blocks(&p, h, N);
	okvs_rows_var(row, h, N, 5);
	for (unsigned i = 0; i < N; i++)
		count[row[i].col[0] * 25 + row[i].col[1] * 5 + row[i].col[2]]++;
	for (unsigned i = 0; i < 125; i++)
		if (count[i]) {
			seen++;
			chi += (count[i] - 1000.0) * (count[i] - 1000.0) / 1000;
		}
	CHECK_INT(seen, 60);
	CHECK(chi < 59 + 6 * sqrt(2 * 59));	/* the seed is fixed: this cannot fail by chance */
}

TEST(bins_are_in_range)
{
	CHECK_INT(okvs_bin_of(block_set(0, 0), 64), 0);
	CHECK_INT(okvs_bin_of(block_set(0, UINT64_MAX), 64), 63);
	CHECK_INT(okvs_bin_of(block_set(UINT64_MAX, UINT64_MAX), 1), 0);
	CHECK_INT(okvs_bin_of(block_set(UINT64_MAX, 0xffffffff), 64), 0);
	CHECK_INT(okvs_bin_of(block_set(0, UINT64_C(1) << 63), 3), 1);
}

/* Every row once; a pivot occurs in no later step; each step's columns are its row's. */
static void check_peel(const struct okvs_peel *p, uint32_t n, uint32_t sparse)
{
	uint8_t *pivot = calloc(sparse, 1), *used = calloc(n + 1, 1);
	size_t bad = 0;

	CHECK_INT(p->steps + p->gaps, n);
	for (uint32_t k = 0; k < p->steps; k++) {
		struct okvs_step s = p->step[k];
		const uint16_t *c = p->row[s.row].col;

		bad += pivot[s.pivot] || pivot[s.a] || pivot[s.b] || used[s.row];
		bad += (s.pivot ^ s.a ^ s.b) != (c[0] ^ c[1] ^ c[2]) || s.pivot == s.a || s.pivot == s.b || s.a == s.b;
		pivot[s.pivot] = used[s.row] = 1;
	}
	for (uint32_t k = 0; k < p->gaps; k++) {
		bad += used[p->gap[k]];
		used[p->gap[k]] = 1;
	}
	CHECK_INT(bad, 0);
	free(pivot);
	free(used);
}

static int random_peel(struct okvs_peel *p, uint32_t n, uint32_t sparse, uint32_t max_gaps, struct prg *g)
{
	struct block *h = malloc((n + 1) * sizeof(*h));

	prg_blocks(g, h, n);
	okvs_rows_var(p->row, h, n, sparse);
	free(h);
	return okvs_peel_var(p, n, sparse, max_gaps);
}

TEST(peels_random_rows)
{
	static const uint32_t sizes[] = { 0, 1, 2, 3, 10, 1000, 17371, 50000 };
	struct prg g = rng(3);

	for (unsigned k = 0; k < PET_ARRAY_SIZE(sizes); k++) {
		uint32_t n = sizes[k], sparse = n * 13 / 10 + 12;
		struct okvs_peel p;

		CHECK_INT(okvs_peel_init(&p, n, sparse), 0);
		CHECK_INT(random_peel(&p, n, sparse, n, &g), 0);
		check_peel(&p, n, sparse);
		okvs_peel_free(&p);
	}
}

/* Too few columns: peeling gets stuck again and again, and what it returns is still a triangulation. */
TEST(peels_with_gaps)
{
	struct prg g = rng(4);
	struct okvs_peel p;

	CHECK_INT(okvs_peel_init(&p, 3000, 4000), 0);
	for (uint32_t sparse = 3; sparse < 4000; sparse = sparse * 3 / 2 + 1) {
		CHECK_INT(random_peel(&p, 3000, sparse, 3000, &g), 0);
		CHECK(p.gaps > 0 || sparse > 3500);
		CHECK(p.steps <= sparse);
		check_peel(&p, 3000, sparse);
	}
	CHECK_INT(random_peel(&p, 3000, 3000, 3, &g), ERR_CONFLICT);
	CHECK_INT(okvs_peel_var(&p, 3001, 3000, 3), ERR_INPUT);
	CHECK_INT(okvs_peel_var(&p, 3000, 4001, 3), ERR_INPUT);
	okvs_peel_free(&p);
	CHECK_INT(okvs_peel_init(&p, 70000, 100), ERR_INPUT);
	CHECK_INT(okvs_peel_init(&p, 100, 65536), ERR_INPUT);
}

TEST(equal_rows_become_gaps)
{
	struct okvs_peel p;

	CHECK_INT(okvs_peel_init(&p, 50, 10), 0);
	for (unsigned i = 0; i < 50; i++)
		p.row[i] = (struct okvs_row){ { 7, 0, 9, 0 } };
	CHECK_INT(okvs_peel_var(&p, 50, 10, 49), 0);
	CHECK_INT(p.gaps, 49);
	check_peel(&p, 50, 10);
	CHECK_INT(okvs_peel_var(&p, 50, 10, 48), ERR_CONFLICT);
	okvs_peel_free(&p);
}

/* A cycle: four rows on six columns, each column twice. One row of gap is enough. */
TEST(a_cycle_costs_one_row)
{
	static const struct okvs_row cycle[] = { { { 0, 1, 2, 0 } }, { { 0, 3, 4, 0 } }, { { 1, 3, 5, 0 } }, { { 2, 4, 5, 0 } } };
	struct okvs_peel p;

	CHECK_INT(okvs_peel_init(&p, 4, 6), 0);
	memcpy(p.row, cycle, sizeof(cycle));
	CHECK_INT(okvs_peel_var(&p, 4, 6, 1), 0);
	CHECK_INT(p.gaps, 1);
	check_peel(&p, 4, 6);
	okvs_peel_free(&p);
}

static void check_solve(uint32_t rows, uint32_t cols, struct prg *g)
{
	struct block m[36], m0[36], rhs[6], rhs0[6], d[6], d0[6];

	prg_blocks(g, m0, 36);
	prg_blocks(g, rhs0, 6);
	prg_blocks(g, d0, 6);
	if (rows > 1)
		m0[0] = m0[cols] = block_zero();	/* a pivot that is not the first column */
	memcpy(m, m0, sizeof(m));
	memcpy(rhs, rhs0, sizeof(rhs));
	memcpy(d, d0, sizeof(d));
	CHECK_INT(okvs_solve_var(m, rhs, rows, cols, d), 0);
	for (uint32_t r = 0; r < rows; r++)
		CHECK(block_equal(gf128_inner(m0 + r * cols, d, cols), rhs0[r]));
	if (rows < cols && rows > 0) {
		uint32_t kept = 0;

		for (uint32_t c = 0; c < cols; c++)
			kept += (uint32_t)block_equal(d[c], d0[c]);
		CHECK_INT(kept, cols - rows);
	}
}

TEST(solves_small_systems)
{
	struct prg g = rng(5);

	for (uint32_t cols = 3; cols <= 6; cols++)
		for (uint32_t rows = 0; rows <= cols; rows++)
			check_solve(rows, cols, &g);
	check_solve(1, 1, &g);
}

TEST(singular_systems_are_refused)
{
	struct prg g = rng(6);
	struct block m[9], rhs[3], d[3] = { { { 0 } } };

	prg_blocks(&g, m, 9);
	prg_blocks(&g, rhs, 3);
	m[6] = block_xor(m[0], m[3]);
	m[7] = block_xor(m[1], m[4]);
	m[8] = block_xor(m[2], m[5]);
	CHECK_INT(okvs_solve_var(m, rhs, 3, 3, d), ERR_CONFLICT);
	m[0] = m[1] = block_zero();
	CHECK_INT(okvs_solve_var(m, rhs, 1, 2, d), ERR_CONFLICT);
	prg_blocks(&g, m, 9);
	CHECK_INT(okvs_solve_var(m, rhs, 3, 2, d), ERR_CONFLICT);
	CHECK_INT(okvs_solve_var(m, rhs, 65, 0, d), ERR_CONFLICT);
}

/* Of `trials` bins of n rows, how many leave more than `dense` rows. */
static unsigned failures(uint32_t n, double e, uint32_t dense, unsigned trials, struct prg *g)
{
	uint32_t sparse = (uint32_t)ceil(e * n);
	struct okvs_peel p;
	unsigned bad = 0;

	CHECK_INT(okvs_peel_init(&p, n, sparse), 0);
	for (unsigned i = 0; i < trials; i++)
		bad += random_peel(&p, n, sparse, dense, g) != 0;
	okvs_peel_free(&p);
	return bad;
}

/*
 * At expansions where the fit promises 2, 4 and 6 bits, bins fail at most as often as it says, with room: the rates
 * fall by more than the fit's own slope would take from half a bit (docs/okvs.md has the full measurement).
 */
TEST(failure_rate_is_below_the_fit)
{
	static const uint32_t sizes[] = { 256, 1024, 4096 };
	struct prg g = rng(7);

	for (unsigned k = 0; k < PET_ARRAY_SIZE(sizes); k++)
		for (unsigned bits = 2; bits <= 6; bits += 2) {
			unsigned trials = 1024 * 1024 / sizes[k] << 2;
			unsigned bad = failures(sizes[k], okvs_expansion(sizes[k], bits), 3, trials, &g);

			CHECK(bad <= trials >> bits);
		}
}

/* Gap rows of bins that peel: how often one, two, three or more of them, against the bound that chose the dense columns. */
TEST(gap_rate_is_below_its_bound)
{
	static const uint32_t sizes[] = { 16, 64, 256 };
	struct prg g = rng(8);

	for (unsigned k = 0; k < PET_ARRAY_SIZE(sizes); k++)
		for (uint32_t dense = 0; dense < 2; dense++) {
			uint32_t n = sizes[k], sparse = (uint32_t)ceil(okvs_expansion(n, 42) * n);
			unsigned trials = (1 << 21) / n, bad = failures(n, (double)sparse / n, dense, trials, &g);

			CHECK(bad <= trials * exp2(okvs_log_gap(n, sparse, dense)) + 3);
			/* the bound is no fantasy either: pairs of equal rows do occur at a quarter of it at least */
			CHECK(dense > 0 || bad >= trials * exp2(okvs_log_gap(n, sparse, 0)) / 4);
		}
}

TEST_MAIN(CASE(rows_are_three_distinct_columns), CASE(rows_are_uniform), CASE(bins_are_in_range), CASE(peels_random_rows),
	  CASE(peels_with_gaps), CASE(equal_rows_become_gaps), CASE(a_cycle_costs_one_row), CASE(solves_small_systems),
	  CASE(singular_systems_are_refused), CASE(failure_rate_is_below_the_fit), CASE(gap_rate_is_below_its_bound))
