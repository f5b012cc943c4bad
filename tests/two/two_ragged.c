/* Groups of any sizes, and products of sums of parts, against plaintext: ties, odd sizes, rings of every kind. */
#include "mpc/ragged.h"

#include <string.h>

#include "mpc/mul.h"
#include "mpc/open.h"
#include "mpc/prg.h"
#include "pair.h"
#include "../unit/test.h"

typedef __int128 wide;

static void put_wide(struct avec *a, size_t i, wide v)
{
	if (a->bits > 64) {
		a->v[2 * i] = (uint64_t)v;
		a->v[2 * i + 1] = (uint64_t)(v >> 64);
	} else {
		a->v[i] = (uint64_t)v & bits_mask(a->bits);
	}
}

/* Party 0 holds what a generator gives, party 1 the rest: both know the values. */
static int share(struct mpc *m, struct avec *a, const wide *v, size_t n, unsigned bits)
{
	struct prg g;
	int rc = avec_new(a, n, bits, 0);

	prg_init(&g, block_set(7, n));
	for (size_t i = 0; i < n && !rc; i++) {
		wide r;

		prg_fill(&g, &r, sizeof(r));
		put_wide(a, i, mpc_party(m) == 0 ? r : v[i] - r);
	}
	return rc;
}

struct groups {
	unsigned bits;
	size_t n, groups;
	uint32_t *count;
	wide *v;
	size_t bad;
};

static int run_groups(struct mpc *m, void *arg)
{
	struct groups *t = arg;
	struct avec x = { 0 };
	struct bvec hot = { 0 };
	size_t at = 0, bad = 0;
	int rc;

	TRY(share(m, &x, t->v, t->n, t->bits));
	TRY(bvec_new(&hot, t->n));
	TRY(mpc_argmax_ragged(m, &hot, &x, t->count, t->groups));
	TRY(mpc_reveal_bits(m, MPC_BOTH, &hot, &hot));
	for (size_t g = 0; g < t->groups; at += t->count[g++]) {
		size_t best = 0;

		for (size_t i = 1; i < t->count[g]; i++)
			best = t->v[at + i] > t->v[at + best] ? i : best;
		for (size_t i = 0; i < t->count[g]; i++)
			bad += bits_get(hot.w, at + i) != (i == best);
	}
	if (mpc_party(m) == 0)
		t->bad = bad;
out:
	avec_free(&x);
	bvec_free(&hot);
	return rc;
}

static void run_both(int (*f)(struct mpc *, void *), void *arg, int threads)
{
	struct pair_side s[2] = { 0 };

	for (int i = 0; i < 2; i++) {
		s[i].conf = (struct mpc_conf){ .kind = OT_SOFTSPOKEN4, .threads = threads, .chunk = 4096 };
		s[i].run = f;
		s[i].arg = arg;
	}
	pair_run(s);
	CHECK_INT(s[0].rc, 0);
	CHECK_INT(s[1].rc, 0);
	if (s[0].rc || s[1].rc)
		printf("# %s / %s\n", s[0].em.local, s[1].em.local);
}

/* `distinct` different values within a quarter of the ring, so that there are ties. */
static void check_groups(unsigned bits, size_t groups, uint32_t most, int64_t distinct, int threads)
{
	struct groups t = { .bits = bits, .groups = groups, .bad = SIZE_MAX };
	uint64_t seed = bits * 1000 + groups + most;

	t.count = calloc(groups + 1, sizeof(*t.count));
	for (size_t g = 0; g < groups; g++) {
		t.count[g] = most < 4 ? most : 1 + (uint32_t)((seed = seed * UINT64_C(6364136223846793005) + 1442695) >> 33) % most;
		t.n += t.count[g];
	}
	t.v = calloc(t.n + 1, sizeof(*t.v));
	for (size_t i = 0; i < t.n; i++) {
		int64_t r = (int64_t)((seed = seed * UINT64_C(6364136223846793005) + 1442695) >> 33) % (2 * distinct + 1) - distinct;

		t.v[i] = bits > 64 ? (wide)r << 90 : (wide)r;
	}
	run_both(run_groups, &t, threads);
	CHECK_INT(t.bad, 0);
	free(t.count);
	free(t.v);
}

TEST(groups)
{
	check_groups(8, 0, 1, 1, 1);
	check_groups(8, 1, 1, 20, 1);
	check_groups(8, 65, 1, 20, 1);
	check_groups(8, 70, 2, 3, 1);
	check_groups(8, 70, 3, 3, 1);
	check_groups(6, 500, 9, 2, 1);
	check_groups(45, 300, 70, 1000000, 1);
	check_groups(64, 3, 5000, 1 << 30, 1);
	check_groups(128, 40, 33, 50, 1);
	check_groups(40, 3000, 20, 5, 4);
}

/* The sums of parts, the other factor shared. */
struct parts {
	unsigned bits, x_bits;
	size_t bad;
};

#define PARTS 130

static int run_parts(struct mpc *m, void *arg)
{
	struct parts *t = arg;
	wide x[2][PARTS], y[PARTS], mask = t->bits > 64 ? -1 : (wide)bits_mask(t->bits);
	struct avec ax = { 0 }, ay = { 0 }, out = { 0 };
	size_t bad = 0;
	struct prg g;
	int rc;

	prg_init(&g, block_set(t->bits, t->x_bits));
	prg_fill(&g, x, sizeof(x));
	prg_fill(&g, y, sizeof(y));
	for (int i = 0; i < PARTS; i++) {
		for (int p = 0; p < 2; p++)
			x[p][i] = i == 0 ? 0 : (i == 1 ? -1 : x[p][i]) & (wide)(((unsigned __int128)1 << t->x_bits) - 1);
		y[i] = i == 2 ? 0 : i == 3 ? -1 : y[i];
	}
	TRY(avec_new(&ax, PARTS, t->x_bits > 64 ? 128 : t->x_bits, 0));
	for (size_t i = 0; i < PARTS; i++)
		put_wide(&ax, i, x[mpc_party(m)][i]);
	TRY(share(m, &ay, y, PARTS, t->bits));
	TRY(avec_new(&out, PARTS, t->bits, 0));
	TRY(mpc_mul_parts(m, &out, &ax, &ay));
	TRY(mpc_reveal(m, MPC_BOTH, &out, &out));
	for (size_t i = 0; i < PARTS; i++) {
		wide want = (wide)((unsigned __int128)(x[0][i] + x[1][i]) * (unsigned __int128)y[i]) & mask;
		wide got = t->bits > 64 ? (wide)((unsigned __int128)out.v[2 * i + 1] << 64 | out.v[2 * i]) : (wide)out.v[i];

		bad += got != want;
	}
	if (mpc_party(m) == 0)
		t->bad = bad;
out:
	avec_free(&ax);
	avec_free(&ay);
	avec_free(&out);
	return rc;
}

TEST(products_of_parts)
{
	static const unsigned shapes[][2] = { { 1, 1 }, { 7, 3 }, { 45, 22 }, { 64, 31 }, { 64, 64 }, { 64, 1 } };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct parts t = { shapes[i][0], shapes[i][1], SIZE_MAX };

		run_both(run_parts, &t, 1);
		CHECK_INT(t.bad, 0);
	}
}

static int run_misuse(struct mpc *m, void *arg)
{
	static const uint32_t none[] = { 2, 0 }, few[] = { 1 };
	struct avec x = { 0 };
	struct bvec hot = { 0 };
	int rc;

	(void)arg;
	TRY(avec_new(&x, 2, 8, 0));
	TRY(bvec_new(&hot, 2));
	CHECK_INT(mpc_argmax_ragged(m, &hot, &x, none, 2), ERR_INPUT);
	CHECK_INT(mpc_argmax_ragged(m, &hot, &x, few, 1), ERR_INPUT);
	CHECK_INT(mpc_mul_parts(m, &x, &(struct avec){ x.v, 2, 9, 0 }, &x), ERR_INPUT);
out:
	avec_free(&x);
	bvec_free(&hot);
	return rc;
}

TEST(misuse)
{
	run_both(run_misuse, NULL, 1);
}

TEST_MAIN(CASE(groups), CASE(products_of_parts), CASE(misuse))
