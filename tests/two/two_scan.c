/* Scans over segments and valid rows to the front, against plaintext: sizes, rings, flags of everybody and of one party. */
#include "mpc/scan.h"

#include <string.h>

#include "mpc/open.h"
#include "mpc/prg.h"
#include "pair.h"
#include "../unit/test.h"

struct run {
	size_t n;
	unsigned bits;
	enum scan_kind kind;
	int owner, differ;
	unsigned one_in;	/* a flag is set with this probability; 0: none, 1: all */
	size_t bad;
	uint64_t *v;
	struct bvec flag;
};

static int64_t as_signed(uint64_t v, unsigned bits)
{
	return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

/* Values of a quarter of the ring on either side of 0. */
static int fill(struct run *r)
{
	struct prg g;
	int rc;

	prg_init(&g, block_set(r->n, r->bits * 8 + r->one_in));
	r->v = malloc((r->n + 1) * sizeof(*r->v));
	TRY(bvec_new(&r->flag, r->n));
	for (size_t i = 0; i < r->n; i++) {
		uint64_t x[2];

		prg_fill(&g, x, sizeof(x));
		r->v[i] = (uint64_t)as_signed(x[0] & bits_mask(r->bits - 1), r->bits - 1) & bits_mask(r->bits);
		if (r->one_in && x[1] % r->one_in == 0)
			r->flag.w[i / 64] |= (uint64_t)1 << (i % 64);
	}
out:
	return rc;
}

static int share(struct mpc *m, struct avec *a, const uint64_t *v, size_t n, unsigned bits)
{
	struct avec in = { (uint64_t *)(uintptr_t)v, n, (uint8_t)bits, 0 };
	int rc;

	TRY(avec_new(a, n, bits, 0));
	TRY(mpc_input(m, 0, a, mpc_party(m) == 0 ? &in : NULL));
out:
	return rc;
}

static uint64_t joined(const struct run *r, uint64_t old, uint64_t x)
{
	int64_t a = as_signed(old, r->bits), b = as_signed(x, r->bits);

	switch (r->kind) {
	case SCAN_SUM:
		return (old + x) & bits_mask(r->bits);
	case SCAN_MIN:
		return a < b ? old : x;
	case SCAN_MAX:
		return a > b ? old : x;
	case SCAN_FIRST:
		break;
	}
	return old;
}

static size_t wrong_scan(const struct run *r, const uint64_t *got)
{
	uint64_t want = 0;
	size_t bad = 0;

	for (size_t i = 0; i < r->n; i++) {
		want = i == 0 || bits_get(r->flag.w, i) ? r->v[i] : joined(r, want, r->v[i]);
		bad += got[i] != want;
	}
	return bad;
}

static int run_scan(struct mpc *m, void *arg)
{
	struct run *r = arg;
	struct avec x = { 0 };
	struct bvec f = { 0 };
	int rc, shared = r->owner == SCAN_SHARED;

	TRY(share(m, &x, r->v, r->n, r->bits));
	TRY(bvec_new(&f, r->n));
	if (shared)
		TRY(mpc_input_bits(m, 1, &f, mpc_party(m) == 1 ? &r->flag : NULL));
	TRY(mpc_scan(m, r->differ && mpc_party(m) ? SCAN_FIRST : r->kind, &x, &x,
		     shared ? &f : r->owner == mpc_party(m) ? &r->flag : NULL, r->owner));
	TRY(mpc_reveal(m, MPC_BOTH, &x, &x));
	if (mpc_party(m) == 0)
		r->bad = wrong_scan(r, x.v);
out:
	avec_free(&x);
	bvec_free(&f);
	return rc;
}

static size_t wrong_compact(const struct run *r, const uint64_t *got, const uint64_t *place, const struct bvec *valid)
{
	size_t bad = 0, at = 0;

	for (int part = 1; part >= 0; part--) {
		for (size_t i = 0; i < r->n; i++) {
			if ((int)bits_get(r->flag.w, i) != part)
				continue;
			bad += got[at] != r->v[i] || place[at] != i || (int)bits_get(valid->w, at) != part;
			at++;
		}
	}
	return bad;
}

static int run_compact(struct mpc *m, void *arg)
{
	struct run *r = arg;
	struct avec x = { 0 }, place = { 0 }, *column[2] = { &x, &place };
	struct bvec valid = { 0 };
	int rc;

	TRY(share(m, &x, r->v, r->n, r->bits));
	TRY(avec_new(&place, r->n, 32, 0));
	for (size_t i = 0; i < r->n; i++)
		place.v[i] = mpc_party(m) ? i : 0;
	TRY(bvec_new(&valid, r->n));
	TRY(mpc_input_bits(m, 0, &valid, mpc_party(m) == 0 ? &r->flag : NULL));
	TRY(mpc_compact(m, column, 2, &valid));
	TRY(mpc_reveal(m, MPC_BOTH, &x, &x));
	TRY(mpc_reveal(m, MPC_BOTH, &place, &place));
	TRY(mpc_reveal_bits(m, MPC_BOTH, &valid, &valid));
	if (mpc_party(m) == 0)
		r->bad = wrong_compact(r, x.v, place.v, &valid);
out:
	avec_free(&x);
	avec_free(&place);
	bvec_free(&valid);
	return rc;
}

static int both(int (*f)(struct mpc *, void *), struct run *r)
{
	struct pair_side side[2] = {
		{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = f, .arg = r },
		{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = f, .arg = r },
	};

	r->bad = SIZE_MAX;
	CHECK_INT(fill(r), 0);
	pair_run(side);
	if (side[0].rc && !r->differ)
		printf("# %s / %s\n", side[0].em.local, side[1].em.local);
	free(r->v);
	bvec_free(&r->flag);
	return side[0].rc ? side[0].rc : side[1].rc;
}

static void check(int (*f)(struct mpc *, void *), struct run r)
{
	CHECK_INT(both(f, &r), 0);
	CHECK_INT(r.bad, 0);
}

static const size_t sizes[] = { 0, 1, 2, 63, 64, 65, 130, 1000 };

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

TEST(scans)
{
	for (size_t i = 0; i < SIZES; i++) {
		for (int kind = SCAN_SUM; kind <= SCAN_FIRST; kind++)
			check(run_scan, (struct run){ .n = sizes[i], .bits = i % 2 ? 64 : 9, .kind = (enum scan_kind)kind,
						      .owner = (int)(i + (size_t)kind) % 3 - 1, .one_in = 5 });
	}
}

TEST(one_segment_and_all_alone)
{
	for (unsigned one_in = 0; one_in < 2; one_in++) {
		for (int owner = SCAN_SHARED; owner < 2; owner++)
			check(run_scan, (struct run){ .n = 200, .bits = 40, .kind = SCAN_MAX, .owner = owner, .one_in = one_in });
	}
}

/* Two words per element: the values are what 64 bits hold, times 2^50. */
static int run_wide(struct mpc *m, void *arg)
{
	struct run *r = arg;
	struct avec x = { 0 };
	uint64_t *got = calloc(r->n + 1, sizeof(*got));
	int rc = ERR_NOMEM;

	if (!got)
		return rc;
	TRY(avec_new(&x, r->n, 128, 0));
	for (size_t i = 0; i < r->n; i++) {
		__int128 all = (__int128)as_signed(r->v[i], r->bits) * ((__int128)1 << 50), mask = ((__int128)(i + 7) << 61) * 1000003,
			 own = mpc_party(m) ? all - mask : mask;

		x.v[2 * i] = (uint64_t)own;
		x.v[2 * i + 1] = (uint64_t)(own >> 64);
	}
	TRY(mpc_scan(m, r->kind, &x, &x, r->owner == mpc_party(m) ? &r->flag : NULL, r->owner));
	TRY(mpc_reveal(m, MPC_BOTH, &x, &x));
	for (size_t i = 0; i < r->n; i++)
		got[i] = (x.v[2 * i] >> 50 | x.v[2 * i + 1] << 14) & bits_mask(r->bits);
	if (mpc_party(m) == 0)
		r->bad = wrong_scan(r, got);
out:
	avec_free(&x);
	free(got);
	return rc;
}

TEST(two_words)
{
	for (int kind = SCAN_SUM; kind <= SCAN_FIRST; kind++)
		check(run_wide, (struct run){ .n = 70, .bits = 60, .kind = (enum scan_kind)kind, .owner = kind % 2, .one_in = 6 });
}

TEST(more_than_a_chunk)
{
	check(run_scan, (struct run){ .n = (1 << 16) + 1, .bits = 32, .kind = SCAN_SUM, .owner = SCAN_SHARED, .one_in = 50 });
	check(run_compact, (struct run){ .n = (1 << 16) + 1, .bits = 64, .one_in = 3 });
}

TEST(valid_rows_to_the_front)
{
	for (size_t i = 0; i < SIZES; i++) {
		for (unsigned one_in = 0; one_in < 4; one_in++)
			check(run_compact, (struct run){ .n = sizes[i], .bits = 64, .one_in = one_in });
	}
}

TEST(sides_that_differ)
{
	struct run r = { .n = 10, .bits = 20, .kind = SCAN_SUM, .owner = SCAN_SHARED, .one_in = 2, .differ = 1 };

	CHECK(both(run_scan, &r) < 0);
}

static int misuse(struct mpc *m, void *arg)
{
	struct avec x = { 0 }, *column[1] = { &x };
	struct bvec f = { 0 };
	int rc;

	(void)arg;
	TRY(avec_new(&x, 4, 8, 0));
	TRY(bvec_new(&f, 5));
	CHECK_INT(mpc_scan(m, SCAN_SUM, &x, &x, &f, SCAN_SHARED), ERR_INPUT);
	CHECK_INT(mpc_scan(m, SCAN_SUM, &x, &x, &f, 2), ERR_INPUT);
	CHECK_INT(mpc_compact(m, column, 1, &f), ERR_INPUT);
out:
	avec_free(&x);
	bvec_free(&f);
	return rc;
}

TEST(shapes_that_do_not_fit)
{
	struct run r = { .n = 1, .bits = 8 };

	CHECK_INT(both(misuse, &r), 0);
}

TEST_MAIN(CASE(scans), CASE(one_segment_and_all_alone), CASE(two_words), CASE(more_than_a_chunk), CASE(valid_rows_to_the_front), CASE(sides_that_differ), CASE(shapes_that_do_not_fit))
