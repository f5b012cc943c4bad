/* Rows by shared keys against a plain stable sort: sizes, ties, orders, several keys; and what two sides that differ get. */
#include "mpc/sort.h"

#include <string.h>

#include "mpc/open.h"
#include "mpc/prg.h"
#include "pair.h"
#include "../unit/test.h"

#define COLUMNS 3

enum { RANDOM, SORTED, REVERSED, EQUAL, EXTREME };

static const unsigned widths[COLUMNS] = { 64, 7, 33 };

struct run {
	size_t n, keys;
	unsigned key[2];
	int descending[2];
	int64_t *in[COLUMNS];
	uint32_t *want;
	struct avec out[COLUMNS];	/* party 0's */
	int other;			/* party 1 sorts the other way round */
};

static int sort(struct mpc *m, void *arg)
{
	struct run *r = arg;
	struct avec v[COLUMNS] = { 0 }, *column[COLUMNS];
	struct sort_key key[2];
	struct prg g;
	int rc = 0;

	prg_init(&g, block_set(3, r->n));
	for (size_t c = 0; c < COLUMNS; c++) {
		TRY(avec_new(&v[c], r->n, widths[c], 0));
		column[c] = &v[c];
		prg_fill(&g, v[c].v, r->n * sizeof(uint64_t));
		for (size_t i = 0; i < r->n; i++)
			v[c].v[i] = (mpc_party(m) ? (uint64_t)r->in[c][i] - v[c].v[i] : v[c].v[i]) & bits_mask(widths[c]);
	}
	for (size_t k = 0; k < r->keys; k++)
		key[k] = (struct sort_key){ &v[r->key[k]], r->descending[k] ^ (r->other & mpc_party(m)) };
	TRY(mpc_sort(m, column, COLUMNS, key, r->keys));
	for (size_t c = 0; c < COLUMNS; c++)
		TRY(mpc_reveal(m, 0, mpc_party(m) ? NULL : &r->out[c], &v[c]));
out:
	for (size_t c = 0; c < COLUMNS; c++)
		avec_free(&v[c]);
	return rc;
}

static struct run *sorting;

static int plain_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	for (size_t k = 0; k < sorting->keys; k++) {
		const int64_t *v = sorting->in[sorting->key[k]];

		if (v[x] != v[y])
			return (v[x] < v[y] ? -1 : 1) * (sorting->descending[k] ? -1 : 1);
	}
	return x < y ? -1 : 1;
}

static int64_t value(int kind, size_t n, size_t i, unsigned bits, uint64_t random)
{
	int64_t half = (int64_t)1 << (bits - 2);

	switch (kind) {
	case SORTED:
		return (int64_t)i % half;
	case REVERSED:
		return (int64_t)(n - i) % half;
	case EQUAL:
		return -1;
	case EXTREME:
		return random % 3 == 0 ? -half : random % 3 == 1 ? half - 1 : 0;
	}
	return (int64_t)(random % (2 * (uint64_t)half)) - half;
}

static void fill(struct run *r, int kind)
{
	uint64_t random = r->n + (uint64_t)kind;

	r->want = malloc((r->n + 1) * sizeof(*r->want));
	for (size_t c = 0; c < COLUMNS; c++) {
		r->in[c] = malloc((r->n + 1) * sizeof(int64_t));
		CHECK_INT(avec_new(&r->out[c], r->n, widths[c], 0), 0);
		for (size_t i = 0; i < r->n; i++) {
			random = random * UINT64_C(6364136223846793005) + 1442695041;
			r->in[c][i] = value(kind, r->n, i, widths[c], random >> 3);
		}
	}
	for (size_t i = 0; i < r->n; i++) {
		r->want[i] = (uint32_t)i;
		r->in[2][i] = (int64_t)i;	/* so that stability shows */
	}
	sorting = r;
	qsort(r->want, r->n, sizeof(*r->want), plain_order);
}

static int both(struct run *r, int threads)
{
	struct pair_side side[2] = {
		{ .conf = { .kind = OT_SOFTSPOKEN4, .threads = threads }, .run = sort, .arg = r },
		{ .conf = { .kind = OT_SOFTSPOKEN4, .threads = threads }, .run = sort, .arg = r },
	};

	pair_run(side);
	if (side[0].rc && !r->other)
		printf("# %s / %s\n", side[0].em.local, side[1].em.local);
	return r->other ? side[1].rc : side[0].rc;
}

static void check(struct run r, int kind, int threads)
{
	size_t bad = 0;

	fill(&r, kind);
	CHECK_INT(both(&r, threads), 0);
	for (size_t c = 0; c < COLUMNS; c++) {
		for (size_t i = 0; i < r.n; i++)
			bad += r.out[c].v[i] != ((uint64_t)r.in[c][r.want[i]] & bits_mask(widths[c]));
		free(r.in[c]);
		avec_free(&r.out[c]);
	}
	CHECK_INT(bad, 0);
	free(r.want);
}

TEST(one_key)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 63, 64, 65, 1000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int kind = RANDOM; kind <= EXTREME; kind++)
			check((struct run){ .n = sizes[i], .keys = 1, .key = { i % 2 } }, kind, 1);
	}
}

TEST(descending_and_several_keys)
{
	for (int d = 0; d < 4; d++)
		check((struct run){ .n = 300, .keys = 2, .key = { 1, 0 }, .descending = { d & 1, d >> 1 } }, RANDOM, 1);
	check((struct run){ .n = 300, .keys = 1, .key = { 1 }, .descending = { 1 } }, RANDOM, 1);
	check((struct run){ .n = 300, .keys = 2, .key = { 1, 0 }, .descending = { 1, 0 } }, EXTREME, 1);
}

TEST(large_and_threads)
{
	check((struct run){ .n = 4097, .keys = 1, .key = { 1 } }, RANDOM, 4);
}

#define VIEWS 600

struct views {
	int64_t value[3];
	size_t one_level;	/* sorts of three rows that ended with their first level */
};

/* What is opened decides how many levels there are, and the levels how many messages. */
static int sort_often(struct mpc *m, void *arg)
{
	struct views *v = arg;
	struct avec x = { 0 }, *column[1] = { &x };
	struct sort_key key = { &x, 0 };
	uint64_t turns[VIEWS], least = UINT64_MAX;
	int rc;

	TRY(avec_new(&x, 3, 8, 0));
	for (size_t t = 0; t < VIEWS; t++) {
		struct chan_stats before, after;

		for (size_t i = 0; i < 3; i++)
			x.v[i] = ((uint64_t)(mpc_party(m) ? v->value[i] - (int64_t)(t * 7) : (int64_t)(t * 7))) & 255;
		chan_stats(mpc_chan(m), &before);
		TRY(mpc_sort(m, column, 1, &key, 1));
		chan_stats(mpc_chan(m), &after);
		turns[t] = after.rounds - before.rounds;
		least = turns[t] < least ? turns[t] : least;
	}
	if (mpc_party(m) == 0) {
		for (size_t t = 0; t < VIEWS; t++)
			v->one_level += turns[t] < least + least / 3;
	}
out:
	avec_free(&x);
	return rc;
}

/*
 * The first pivot of three rows is the middle one in a third of all runs, whatever the keys are: also when they are
 * equal, where comparisons without the place would always say the same. 600 runs: 200 and a deviation of 11.5; seven of these on either side.
 */
TEST(what_is_opened_does_not_depend_on_the_keys)
{
	static const int64_t values[][3] = { { 1, 2, 3 }, { 3, 2, 1 }, { 5, 5, 5 }, { 4, 5, 4 } };

	for (size_t i = 0; i < 4; i++) {
		struct views v = { .one_level = 0 };
		struct pair_side side[2] = {
			{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = sort_often, .arg = &v },
			{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = sort_often, .arg = &v },
		};

		memcpy(v.value, values[i], sizeof(v.value));
		pair_run(side);
		CHECK_INT(side[0].rc, 0);
		CHECK_INT(side[1].rc, 0);
		if (v.one_level <= 120 || v.one_level >= 280)
			printf("# keys %zu: %zu of %d\n", i, v.one_level, VIEWS);
		CHECK(v.one_level > 120 && v.one_level < 280);
	}
}

TEST(sides_that_differ)
{
	struct run r = { .n = 10, .keys = 1, .other = 1 };

	fill(&r, RANDOM);
	CHECK(both(&r, 1) < 0);
	for (size_t c = 0; c < COLUMNS; c++) {
		free(r.in[c]);
		avec_free(&r.out[c]);
	}
	free(r.want);
}

static int misuse(struct mpc *m, void *arg)
{
	struct avec x = { 0 }, y = { 0 }, *two[2] = { &x, &y };
	struct sort_key key = { &x, 0 }, foreign = { &y, 0 };
	int rc;

	(void)arg;
	TRY(avec_new(&x, 4, 8, 0));
	TRY(avec_new(&y, 5, 8, 0));
	CHECK_INT(mpc_sort(m, two, 2, &key, 1), ERR_INPUT);
	CHECK_INT(mpc_sort(m, two, 1, &foreign, 1), ERR_INPUT);
	CHECK_INT(mpc_sort(m, two, 1, &key, 0), ERR_INPUT);
out:
	avec_free(&x);
	avec_free(&y);
	return rc;
}

TEST(shapes_that_do_not_fit)
{
	struct pair_side side[2] = {
		{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = misuse },
		{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = misuse },
	};

	pair_run(side);
	CHECK_INT(side[0].rc, 0);
	CHECK_INT(side[1].rc, 0);
}

TEST_MAIN(CASE(one_key), CASE(descending_and_several_keys), CASE(large_and_threads), CASE(what_is_opened_does_not_depend_on_the_keys),
	  CASE(sides_that_differ), CASE(shapes_that_do_not_fit))
