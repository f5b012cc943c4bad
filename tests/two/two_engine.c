/* The engine against plaintext: every operation at small rings exhaustively, at large ones with random and edge values. */

#include "base/util.h"
#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/mul.h"
#include "mpc/mux.h"
#include "mpc/open.h"
#include "mpc/trunc.h"
#include "pair.h"
#include "../unit/test.h"

typedef unsigned __int128 u128;

/* x belongs to party 0, y to party 1; what is revealed goes to out of party 0, checked against f. */
struct sum {
	size_t n;
	unsigned bits, bits2;		/* of the inputs; of the second ring where there is one */
	unsigned scale;
	const uint64_t *x, *y;
	uint64_t *out;			/* words as in struct avec, or of bits */
	int (*op)(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y);
	int owner;
};

static const enum ot_kind kinds[] = { OT_SOFTSPOKEN2, OT_FERRET };

static int sum_main(struct mpc *m, void *arg)
{
	const struct sum *s = arg;
	struct avec in = { 0 }, x = { 0 }, y = { 0 };
	int rc;

	TRY(avec_new(&x, s->n, s->bits, s->scale));
	TRY(avec_new(&y, s->n, s->bits, s->scale));
	in = x;
	in.v = (uint64_t *)(mpc_party(m) == 0 ? s->x : s->y);
	TRY(mpc_input(m, 0, &x, mpc_party(m) == 0 ? &in : NULL));
	TRY(mpc_input(m, 1, &y, mpc_party(m) == 1 ? &in : NULL));
	rc = s->op(m, s, &x, &y);
out:
	avec_free(&x);
	avec_free(&y);
	return rc;
}

/* Runs s at both sides; the second writes nowhere. */
static void compute(const struct sum *s, enum ot_kind kind, int threads, struct chan_stats *cost)
{
	struct sum other = *s;
	size_t words = s->n * (s->bits > 64 || s->bits2 > 64 ? 2 : 1);
	struct pair_side side[2] = {
		{ .conf = { .kind = kind, .threads = threads }, .run = sum_main, .arg = (void *)s },
		{ .conf = { .kind = kind, .threads = threads }, .run = sum_main, .arg = &other },
	};

	other.out = calloc(words + 1, sizeof(*other.out));
	memset(s->out, 0x55, words * sizeof(*s->out));
	pair_run(side);
	CHECK_INT(side[0].rc, 0);
	CHECK_INT(side[1].rc, 0);
	if (side[0].rc || side[1].rc)
		printf("# %s / %s\n", side[0].em.local, side[1].em.local);
	if (cost)
		*cost = side[0].stats;
	free(other.out);
}

static int reveal(struct mpc *m, const struct sum *s, const struct avec *z)
{
	struct avec out = *z;

	out.v = s->out;
	return mpc_reveal(m, MPC_BOTH, &out, z);
}

static int reveal_bits(struct mpc *m, const struct sum *s, const struct bvec *z)
{
	struct bvec out = { s->out, z->n };

	return mpc_reveal_bits(m, MPC_BOTH, &out, z);
}

/* --- what is computed ---------------------------------------------------------- */

static int op_add(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	int rc = avec_add(x, x, y);

	return rc ? rc : reveal(m, s, x);
}

static int op_mul(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	int rc;

	TRY(mpc_mul(m, x, x, y));
	rc = reveal(m, s, x);
out:
	return rc;
}

static int op_square(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	int rc;

	TRY(avec_add(x, x, y));
	TRY(mpc_square(m, x, x));
	rc = reveal(m, s, x);
out:
	return rc;
}

/* The owner's plain value times the other's, which is shared. */
static int op_mul_priv(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	struct avec p = *x, *shared = s->owner == 0 ? y : x;
	int rc;

	p.bits = (uint8_t)s->bits2;
	p.v = (uint64_t *)(s->owner == 0 ? s->x : s->y);
	if (mpc_party(m) != s->owner)
		p.v = NULL;
	TRY(mpc_mul_priv(m, s->owner, shared, &p, shared));
	rc = reveal(m, s, shared);
out:
	return rc;
}

static int with_bits(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y,
		     int (*f)(struct mpc *, struct bvec *, const struct avec *, const struct avec *))
{
	struct bvec b = { 0 };
	int rc;

	TRY(bvec_new(&b, x->n));
	TRY(f(m, &b, x, y));
	rc = reveal_bits(m, s, &b);
out:
	bvec_free(&b);
	return rc;
}

static int op_lt(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	return with_bits(m, s, x, y, mpc_lt);
}

static int op_eq(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	return with_bits(m, s, x, y, mpc_eq);
}

static int ltz(struct mpc *m, struct bvec *b, const struct avec *x, const struct avec *y)
{
	(void)y;
	return mpc_ltz(m, b, x);
}

static int op_ltz(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	return with_bits(m, s, x, y, ltz);
}

static int op_mill(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	struct bvec b = { 0 };
	struct avec own = *x;
	int rc;

	(void)y;
	own.v = (uint64_t *)(mpc_party(m) == 0 ? s->x : s->y);
	TRY(bvec_new(&b, x->n));
	TRY(mpc_mill(m, &b, &own));
	rc = reveal_bits(m, s, &b);
out:
	bvec_free(&b);
	return rc;
}

/* x where x < y, else y: ltz, mux and arithmetic in one. */
static int op_min(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	struct bvec b = { 0 };
	int rc;

	TRY(bvec_new(&b, x->n));
	TRY(mpc_lt(m, &b, x, y));
	TRY(mpc_select(m, x, &b, x, y));
	rc = reveal(m, s, x);
out:
	bvec_free(&b);
	return rc;
}

/* The lowest bits of x and y as shared bits, back as numbers of ring bits2: x AND y, x OR y. */
static int op_bits(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	struct bvec a = { 0 }, b = { 0 }, c = { 0 };
	struct avec z = { 0 }, o = { 0 };
	int rc;

	TRY(bvec_new(&a, x->n));
	TRY(bvec_new(&b, x->n));
	TRY(bvec_new(&c, x->n));
	for (size_t i = 0; i < x->n; i++) {
		a.w[i / 64] |= (x->v[i] & 1) << (i % 64);
		b.w[i / 64] |= (y->v[i] & 1) << (i % 64);
	}
	TRY(avec_new(&z, x->n, s->bits2, 0));
	TRY(avec_new(&o, x->n, s->bits2, 0));
	TRY(mpc_or(m, &c, &a, &b));
	TRY(mpc_b2a(m, &o, &c));
	TRY(mpc_and(m, &a, &a, &b));
	TRY(mpc_b2a(m, &z, &a));
	/* AND in the lowest bit, OR in the next. */
	avec_mul_pub(&o, &o, 2);
	TRY(avec_add(&z, &z, &o));
	rc = reveal(m, s, &z);
out:
	bvec_free(&a);
	bvec_free(&b);
	bvec_free(&c);
	avec_free(&z);
	avec_free(&o);
	return rc;
}

static int op_mux_priv(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	struct bvec b = { 0 };
	struct avec *shared = s->owner == 0 ? y : x;
	const uint64_t *own = s->owner == 0 ? s->x : s->y;
	int rc;

	TRY(bvec_new(&b, x->n));
	for (size_t i = 0; mpc_party(m) == s->owner && i < x->n; i++)
		b.w[i / 64] |= (own[i] & 1) << (i % 64);
	TRY(mpc_mux_priv(m, s->owner, shared, &b, shared));
	rc = reveal(m, s, shared);
out:
	bvec_free(&b);
	return rc;
}

static int truncated(struct mpc *m, const struct sum *s, struct avec *x,
		     int (*f)(struct mpc *, struct avec *, const struct avec *))
{
	struct avec z = { 0 };
	int rc;

	TRY(avec_new(&z, x->n, x->bits, s->scale - s->bits2));
	TRY(f(m, &z, x));
	rc = reveal(m, s, &z);
out:
	avec_free(&z);
	return rc;
}

static int op_trunc(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	(void)y;
	return truncated(m, s, x, mpc_trunc);
}

static int op_trunc_exact(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	(void)y;
	return truncated(m, s, x, mpc_trunc_exact);
}

static int op_extend(struct mpc *m, const struct sum *s, struct avec *x, struct avec *y)
{
	struct avec z = { 0 };
	int rc;

	(void)y;
	TRY(avec_new(&z, x->n, s->bits2, s->scale));
	TRY(mpc_extend(m, &z, x));
	rc = reveal(m, s, &z);
out:
	avec_free(&z);
	return rc;
}

/* --- inputs ---------------------------------------------------------------------- */

static int64_t as_signed(uint64_t v, unsigned bits)
{
	return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

/* All pairs of a small ring, some times over so that several sharings occur. */
static size_t all_pairs(uint64_t **x, uint64_t **y, unsigned bits)
{
	size_t side = (size_t)1 << bits, n = side * side * 3;

	*x = calloc(n, sizeof(**x));
	*y = calloc(n, sizeof(**y));
	for (size_t i = 0; i < n; i++) {
		(*x)[i] = i % side;
		(*y)[i] = i / side % side;
	}
	return n;
}

static void random_values(uint64_t *v, size_t n, unsigned bits)
{
	static const uint64_t edge[] = { 0, 1, 2, UINT64_MAX, UINT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MIN,
					 UINT64_C(0x5555555555555555), 30000, UINT64_MAX - 29999, 1 << 20 };
	size_t words = bits > 64 ? 2 * n : n;

	util_random(v, words * sizeof(*v));
	for (size_t i = 0; i < words; i++) {
		if (i % 4 == 0)
			v[i] = edge[i / 4 % PET_ARRAY_SIZE(edge)];
		/* Powers of two, one less, one more. */
		if (i % 4 == 1)
			v[i] = (UINT64_C(1) << (i / 4 % 64)) + i / 256 % 3 - 1;
		v[i] &= bits_mask(bits < 64 ? bits : 64);
	}
}

static const size_t lengths[] = { 0, 1, 63, 64, 65, 4097, 65537 };

/* check(x, y, bits, z) over random inputs at each ring and length. */
static void over(struct sum s, const unsigned *rings, size_t count, enum ot_kind kind,
		 int (*good)(const struct sum *s, size_t i))
{
	for (size_t r = 0; r < count; r++) {
		for (size_t l = 0; l < PET_ARRAY_SIZE(lengths); l++) {
			size_t bad = 0;
			uint64_t *x, *y;

			/* All lengths at one ring, two at the others. */
			if (r > 0 && lengths[l] != 65 && lengths[l] != 4097)
				continue;
			s.n = lengths[l];
			s.bits = rings[r];
			if (s.op == op_extend || s.op == op_mul_priv)
				s.bits2 = s.op == op_extend ? (s.bits + 64) / 2 : (s.bits + 1) / 2;
			x = calloc(2 * s.n + 1, sizeof(*x));
			y = calloc(2 * s.n + 1, sizeof(*y));
			s.out = calloc(2 * s.n + 64, sizeof(*s.out));
			random_values(x, s.n, s.bits);
			random_values(y, s.n, s.bits);
			for (size_t i = 0; i < s.n; i += 5)
				memcpy(y + i * (s.bits > 64 ? 2 : 1), x + i * (s.bits > 64 ? 2 : 1), s.bits > 64 ? 16 : 8);
			if (s.op == op_mul_priv) {
				for (size_t i = 0; i < s.n; i++)
					*(s.owner == 0 ? &x[i] : &y[i]) &= bits_mask(s.bits2);
			}
			if (s.op == op_trunc || s.op == op_trunc_exact || s.op == op_extend) {
				for (size_t i = 0; i < s.n; i++)
					x[i] = (uint64_t)(as_signed(x[i], s.bits) >> 1) & bits_mask(s.bits);
				for (size_t i = 0; i < s.n; i++)
					x[i] = (uint64_t)(as_signed(x[i], s.bits) == INT64_C(1) << (s.bits - 2) ? 0 : x[i]);
			}
			s.x = x;
			s.y = y;
			compute(&s, kind, 1, NULL);
			for (size_t i = 0; i < s.n; i++)
				bad += !good(&s, i);
			CHECK_INT(bad, 0);
			if (bad)
				printf("# ring %u length %zu\n", s.bits, s.n);
			free(x);
			free(y);
			free(s.out);
		}
	}
}

static u128 word(const uint64_t *v, size_t i, unsigned bits)
{
	return bits > 64 ? (u128)v[2 * i + 1] << 64 | v[2 * i] : v[i];
}

static int ring_equal(u128 a, u128 b, unsigned bits)
{
	return bits > 64 ? a == b : (((uint64_t)a ^ (uint64_t)b) & bits_mask(bits)) == 0;
}

static int good_add(const struct sum *s, size_t i)
{
	return ring_equal(word(s->out, i, s->bits), word(s->x, i, s->bits) + word(s->y, i, s->bits), s->bits);
}

static int good_mul(const struct sum *s, size_t i)
{
	return ring_equal(word(s->out, i, s->bits), word(s->x, i, s->bits) * word(s->y, i, s->bits), s->bits);
}

static int good_square(const struct sum *s, size_t i)
{
	u128 v = word(s->x, i, s->bits) + word(s->y, i, s->bits);

	return ring_equal(word(s->out, i, s->bits), v * v, s->bits);
}

static unsigned sign(u128 v, unsigned bits)
{
	return (unsigned)(v >> (bits - 1)) & 1;
}

static int good_lt(const struct sum *s, size_t i)
{
	return bits_get(s->out, i) == sign(word(s->x, i, s->bits) - word(s->y, i, s->bits), s->bits);
}

static int good_eq(const struct sum *s, size_t i)
{
	return bits_get(s->out, i) == (word(s->x, i, s->bits) == word(s->y, i, s->bits));
}

static int good_ltz(const struct sum *s, size_t i)
{
	return bits_get(s->out, i) == sign(word(s->x, i, s->bits), s->bits);
}

static int good_mill(const struct sum *s, size_t i)
{
	return bits_get(s->out, i) == (word(s->x, i, s->bits) < word(s->y, i, s->bits));
}

static int good_min(const struct sum *s, size_t i)
{
	u128 x = word(s->x, i, s->bits), y = word(s->y, i, s->bits);

	return word(s->out, i, s->bits) == (sign(x - y, s->bits) ? x : y);
}

static int good_bits(const struct sum *s, size_t i)
{
	return ring_equal(word(s->out, i, s->bits2), (s->x[i] & s->y[i] & 1) + 2 * ((s->x[i] | s->y[i]) & 1), s->bits2);
}

static int good_mux_priv(const struct sum *s, size_t i)
{
	const uint64_t *own = s->owner == 0 ? s->x : s->y, *other = s->owner == 0 ? s->y : s->x;

	return s->out[i] == (own[i] & 1 ? other[i] : 0);
}

static int good_trunc(const struct sum *s, size_t i)
{
	int64_t want = as_signed(s->x[i], s->bits) >> s->bits2, got = as_signed(s->out[i], s->bits);

	return got == want || got == want - 1;
}

static int good_trunc_exact(const struct sum *s, size_t i)
{
	return as_signed(s->out[i], s->bits) == as_signed(s->x[i], s->bits) >> s->bits2;
}

static int good_extend(const struct sum *s, size_t i)
{
	return as_signed(s->out[i], s->bits2) == as_signed(s->x[i], s->bits);
}

/* --- cases ------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*op)(struct mpc *, const struct sum *, struct avec *, struct avec *);
	int (*good)(const struct sum *, size_t);
} ops[] = {
	{ "add", op_add, good_add }, { "mul", op_mul, good_mul }, { "square", op_square, good_square },
	{ "lt", op_lt, good_lt }, { "eq", op_eq, good_eq }, { "ltz", op_ltz, good_ltz },
	{ "mill", op_mill, good_mill }, { "min", op_min, good_min },
};

TEST(exhaustive_at_small_rings)
{
	for (unsigned bits = 1; bits <= 6; bits++) {
		for (size_t o = 0; o < PET_ARRAY_SIZE(ops); o++) {
			uint64_t *x, *y;
			size_t n = all_pairs(&x, &y, bits), bad = 0;
			struct sum s = { .n = n, .bits = bits, .x = x, .y = y, .op = ops[o].op };

			s.out = calloc(n, sizeof(*s.out));
			compute(&s, OT_SOFTSPOKEN4, 1, NULL);
			for (size_t i = 0; i < n; i++)
				bad += !ops[o].good(&s, i);
			if (bad)
				printf("# %s, %u bits\n", ops[o].name, bits);
			CHECK_INT(bad, 0);
			free(x);
			free(y);
			free(s.out);
		}
	}
}

TEST(random_at_large_rings)
{
	static const unsigned rings[] = { 64, 7, 31, 33, 40, 63 }, wide[] = { 128 };

	for (size_t o = 0; o < PET_ARRAY_SIZE(ops); o++) {
		struct sum s = { .op = ops[o].op };

		over(s, rings, PET_ARRAY_SIZE(rings), OT_SOFTSPOKEN4, ops[o].good);
		over(s, wide, 1, OT_SOFTSPOKEN4, ops[o].good);
	}
}

TEST(a_value_of_one_party)
{
	static const unsigned rings[] = { 40, 5, 64 };

	for (int owner = 0; owner < 2; owner++) {
		struct sum s = { .op = op_mul_priv, .owner = owner };

		over(s, rings, PET_ARRAY_SIZE(rings), OT_SOFTSPOKEN4, good_mul);
		s.op = op_mux_priv;
		over(s, rings, PET_ARRAY_SIZE(rings), OT_SOFTSPOKEN4, good_mux_priv);
	}
}

TEST(bits_and_integers)
{
	static const unsigned one[] = { 3 }, rings[] = { 2, 13, 64, 128 };

	for (size_t r = 0; r < PET_ARRAY_SIZE(rings); r++) {
		struct sum s = { .op = op_bits, .bits2 = rings[r] };

		over(s, one, 1, OT_SOFTSPOKEN4, good_bits);
	}
}

TEST(other_scales_and_rings)
{
	static const unsigned rings[] = { 64, 40, 20, 18 };
	struct sum s = { .op = op_trunc, .scale = 16, .bits2 = 16 };

	over(s, rings, PET_ARRAY_SIZE(rings), OT_SOFTSPOKEN4, good_trunc);
	s.bits2 = 3;
	over(s, rings, PET_ARRAY_SIZE(rings), OT_SOFTSPOKEN4, good_trunc);
	s.op = op_trunc_exact;
	over(s, rings, PET_ARRAY_SIZE(rings), OT_SOFTSPOKEN4, good_trunc_exact);
	s.bits2 = 0;
	over(s, rings, PET_ARRAY_SIZE(rings), OT_SOFTSPOKEN4, good_trunc_exact);
	s.op = op_extend;
	over(s, rings, PET_ARRAY_SIZE(rings), OT_SOFTSPOKEN4, good_extend);
}

TEST(every_kind_of_transfer)
{
	static const unsigned rings[] = { 40 };

	for (size_t k = 0; k < PET_ARRAY_SIZE(kinds); k++) {
		struct sum s = { .op = op_mul };

		over(s, rings, 1, kinds[k], good_mul);
		s.op = op_min;
		over(s, rings, 1, kinds[k], good_min);
	}
}

TEST(threads_change_nothing)
{
	static uint64_t x[40000], y[40000], out[40000];
	struct sum s = { .n = 40000, .bits = 32, .x = x, .y = y, .out = out, .op = op_min };
	size_t bad = 0;

	random_values(x, s.n, s.bits);
	random_values(y, s.n, s.bits);
	compute(&s, OT_SOFTSPOKEN4, 4, NULL);
	for (size_t i = 0; i < s.n; i++)
		bad += !good_min(&s, i);
	CHECK_INT(bad, 0);
}

/* --- what must not happen --------------------------------------------------------- */

static int op_other_length(struct mpc *m, void *arg)
{
	struct avec x = { 0 };
	struct bvec b = { 0 };
	size_t n = *(size_t *)arg;
	int rc;

	TRY(avec_new(&x, n, 32, 0));
	TRY(bvec_new(&b, n));
	rc = mpc_ltz(m, &b, &x);
out:
	avec_free(&x);
	bvec_free(&b);
	return rc;
}

TEST(parties_that_differ_get_an_error)
{
	size_t n[2] = { 1000, 1001 };
	struct pair_side side[2] = {
		{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = op_other_length, .arg = &n[0] },
		{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = op_other_length, .arg = &n[1] },
	};

	pair_run(side);
	CHECK(side[0].rc != 0 && side[1].rc != 0);
	CHECK(strstr(side[0].em.local, "another step") || strstr(side[1].em.local, "another step"));

	side[1].conf.threads = 2;
	memset(&side[0].em, 0, sizeof(side[0].em));
	memset(&side[1].em, 0, sizeof(side[1].em));
	pair_run(side);
	CHECK_INT(side[0].rc, ERR_PEER);
	CHECK_HAS(side[0].em.local, "threads differ: 1 here, 2 at the other party");
}

static int wrong_shapes(struct mpc *m, void *arg)
{
	struct avec x = { 0 }, y = { 0 };
	struct bvec b = { 0 };
	int rc;

	(void)arg;
	TRY(avec_new(&x, 10, 32, 4));
	TRY(avec_new(&y, 10, 31, 4));
	TRY(bvec_new(&b, 9));
	CHECK_INT(mpc_mul(m, &x, &x, &y), ERR_INPUT);
	CHECK_INT(mpc_mul(m, &x, &x, &x), ERR_INPUT);	/* the scale of the product is 8 */
	CHECK_INT(mpc_ltz(m, &b, &x), ERR_INPUT);
	CHECK_INT(mpc_mux(m, &x, &b, &x), ERR_INPUT);
	CHECK_INT(mpc_extend(m, &y, &x), ERR_INPUT);
	CHECK_INT(avec_add(&x, &x, &y), ERR_INPUT);
	CHECK_INT(avec_new(&y, 1, 65, 0), ERR_INPUT);
	rc = 0;
out:
	avec_free(&x);
	avec_free(&y);
	bvec_free(&b);
	return rc;
}

TEST(shapes_that_do_not_fit_are_refused)
{
	struct pair_side side[2] = {
		{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = wrong_shapes },
		{ .conf = { .kind = OT_SOFTSPOKEN4 }, .run = wrong_shapes },
	};

	pair_run(side);
	CHECK_INT(side[0].rc, 0);
	CHECK_INT(side[1].rc, 0);
}

/* Bits per element that the headers promise, COTs and the reveal included, both directions. */
static double cost_of(int (*op)(struct mpc *, const struct sum *, struct avec *, struct avec *), unsigned bits)
{
	static uint64_t x[65536], y[65536], out[65536];
	struct sum s = { .n = 65536, .bits = bits, .x = x, .y = y, .out = out, .op = op };
	struct chan_stats cost;

	random_values(x, s.n, bits);
	random_values(y, s.n, bits);
	compute(&s, OT_SOFTSPOKEN4, 1, &cost);
	return (double)(cost.bytes_sent + cost.bytes_received) * 8 / (double)s.n;
}

static void near(double got, double want)
{
	/* Refills are whole batches. */
	if (got > want * 1.03 || got < want * 0.97)
		printf("# %.1f bits per element, %.1f expected\n", got, want);
	CHECK(got <= want * 1.03 && got >= want * 0.97);
}

TEST(bytes_are_what_the_headers_say)
{
	const double cot = 31;

	/* 2k COTs, k(k+1) + 2k bits; the reveal takes 2k. */
	near(cost_of(op_mul, 32), 64 * cot + 32 * 33 + 64 + 64);
	/* 63 bits to compare: 16 digits, 15 joins; the reveal takes 2. */
	near(cost_of(op_ltz, 64), 94 * cot + 34 * 16 + 6 * 15 - 2 * 4 + 2);
	near(cost_of(op_eq, 64), 94 * cot + 19 * 16 + 4 * 15 + 2);
}

TEST_MAIN(CASE(exhaustive_at_small_rings), CASE(random_at_large_rings), CASE(a_value_of_one_party),
	  CASE(bits_and_integers), CASE(other_scales_and_rings), CASE(every_kind_of_transfer),
	  CASE(threads_change_nothing), CASE(parties_that_differ_get_an_error),
	  CASE(shapes_that_do_not_fit_are_refused), CASE(bytes_are_what_the_headers_say))
