/* Orders known to one party, and to none. */
#include "base/util.h"
#include "mpc/open.h"
#include "mpc/perm.h"
#include "mpc/permute.h"
#include "mpc/waksman.h"
#include "pair.h"
#include "../unit/test.h"

#define MAX 3000

static const unsigned widths[] = { 64, 1, 20, 33, 64 };

struct run {
	size_t n, columns;
	int owner;			/* -1: shuffle */
	uint32_t perm[MAX];
	uint64_t in[5][MAX], out[5][MAX];
};

static int permute(struct mpc *m, void *arg)
{
	struct run *r = arg;
	struct avec v[5] = { 0 }, *column[5], in, out;
	int rc = 0;

	for (size_t c = 0; c < r->columns; c++) {
		TRY(avec_new(&v[c], r->n, widths[c], 0));
		in = v[c];
		in.v = r->in[c];
		TRY(mpc_input(m, 0, &v[c], mpc_party(m) == 0 ? &in : NULL));
		column[c] = &v[c];
	}
	if (r->owner < 0)
		TRY(mpc_shuffle(m, column, r->columns));
	else
		TRY(mpc_permute(m, r->owner, column, r->columns, mpc_party(m) == r->owner ? r->perm : NULL));
	for (size_t c = 0; c < r->columns; c++) {
		out = v[c];
		out.v = r->out[c];
		TRY(mpc_reveal(m, MPC_BOTH, &out, &v[c]));
	}
out:
	for (size_t c = 0; c < r->columns; c++)
		avec_free(&v[c]);
	return rc;
}

static struct run a, b;

static void both(size_t n, size_t columns, int owner, enum ot_kind kind, struct chan_stats *cost)
{
	struct pair_side side[2] = {
		{ .conf = { .kind = kind }, .run = permute, .arg = &a },
		{ .conf = { .kind = kind }, .run = permute, .arg = &b },
	};

	a.n = n;
	a.columns = columns;
	a.owner = owner;
	perm_random(a.perm, (uint32_t)n);
	util_random(a.in, sizeof(a.in));
	for (size_t c = 0; c < columns; c++) {
		for (size_t i = 0; i < n; i++)
			a.in[c][i] &= bits_mask(widths[c]);
	}
	b = a;
	pair_run(side);
	CHECK_INT(side[0].rc, 0);
	CHECK_INT(side[1].rc, 0);
	if (side[0].rc)
		printf("# %s\n", side[0].em.local);
	if (cost)
		*cost = side[0].stats;
}

TEST(an_order_of_one_party)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 5, 64, 65, 1000, MAX };

	for (size_t s = 0; s < PET_ARRAY_SIZE(sizes); s++) {
		for (int owner = 0; owner < 2; owner++) {
			size_t bad = 0, columns = 1 + s % 5;

			both(sizes[s], columns, owner, s % 2 ? OT_SOFTSPOKEN4 : OT_SOFTSPOKEN2, NULL);
			for (size_t c = 0; c < columns; c++) {
				for (size_t i = 0; i < sizes[s]; i++)
					bad += a.out[c][i] != a.in[c][a.perm[i]] || b.out[c][i] != a.out[c][i];
			}
			CHECK_INT(bad, 0);
		}
	}
}

TEST(also_with_ferret)
{
	size_t bad = 0;

	both(MAX, 2, 1, OT_FERRET, NULL);
	for (size_t i = 0; i < MAX; i++)
		bad += a.out[0][i] != a.in[0][a.perm[i]] || a.out[1][i] != a.in[1][a.perm[i]];
	CHECK_INT(bad, 0);
}

static int compare(const void *x, const void *y)
{
	uint64_t p = *(const uint64_t *)x, q = *(const uint64_t *)y;

	return p < q ? -1 : p > q;
}

TEST(a_shuffle_keeps_rows_and_changes_their_order)
{
	size_t moved = 0, torn = 0;

	both(MAX, 5, -1, OT_SOFTSPOKEN4, NULL);
	/* Column 0 is random in 64 bits, so it names its row. */
	for (size_t i = 0; i < MAX; i++) {
		size_t j = 0;

		moved += a.out[0][i] != a.in[0][i];
		while (j < MAX && a.in[0][j] != a.out[0][i])
			j++;
		for (size_t c = 0; j < MAX && c < 5; c++)
			torn += a.out[c][i] != a.in[c][j];
	}
	qsort(a.in[0], MAX, 8, compare);
	qsort(a.out[0], MAX, 8, compare);
	CHECK(memcmp(a.in[0], a.out[0], MAX * 8) == 0);
	CHECK_INT(torn, 0);
	CHECK(moved > MAX - 20);
}

TEST(bytes_are_what_the_header_says)
{
	struct chan_stats cost;
	double got, want;

	both(MAX, 1, 0, OT_SOFTSPOKEN4, &cost);
	got = (double)(cost.bytes_sent + cost.bytes_received) * 8;
	/* 31 bits of a COT, 1 + 64 of a switch; the reveal; transfers come in batches of 8192. */
	want = (double)waksman_switches(MAX) * (31 + 1 + 64) + 128.0 * MAX;
	CHECK(got >= want && got <= want + 31 * 8192 + 2048);
}

static int no_permutation(struct mpc *m, void *arg)
{
	uint32_t perm[4] = { 0, 1, 2, 2 };
	struct avec v = { 0 }, w = { 0 }, *column[2] = { &v, &w };
	int rc;

	(void)arg;
	TRY(avec_new(&v, 4, 64, 0));
	TRY(avec_new(&w, 5, 64, 0));
	CHECK_INT(mpc_permute(m, mpc_party(m), column, 1, perm), ERR_INPUT);
	CHECK_INT(mpc_permute(m, 0, column, 2, perm), ERR_INPUT);
	CHECK_INT(mpc_permute(m, 0, column, 0, perm), ERR_INPUT);
	rc = 0;
out:
	avec_free(&v);
	avec_free(&w);
	return rc;
}

TEST(wrong_orders_are_refused)
{
	struct pair_side side[2] = {
		{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = no_permutation },
		{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = no_permutation },
	};

	pair_run(side);
	CHECK_INT(side[0].rc, 0);
	CHECK_INT(side[1].rc, 0);
}

TEST_MAIN(CASE(an_order_of_one_party), CASE(also_with_ferret), CASE(a_shuffle_keeps_rows_and_changes_their_order),
	  CASE(bytes_are_what_the_header_says), CASE(wrong_orders_are_refused))
