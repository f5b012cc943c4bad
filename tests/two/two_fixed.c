/*
 * Fixed point against the C library: edges, all powers of two, random values
 * over the whole range. The largest error in the units of the header is held,
 * and shown. Inputs on which a published engine is wrong are among them.
 */
#include <math.h>

#include "mpc/fixed.h"
#include "plain.h"
#include "../unit/test.h"

struct op {
	const char *name;
	int (*one)(struct mpc *, struct avec *, const struct avec *);
	int (*two)(struct mpc *, struct avec *, const struct avec *, const struct avec *);
	double (*want)(double x, double y);
	double ulps, relative, absolute;	/* allowed */
	unsigned bits[3], scale[3];		/* of x, y, out */
	double from, to;			/* of x; by magnitude when from > 0 */
};

static double product(double x, double y) { return x * y; }
static double quotient(double x, double y) { return x / y; }
static double inverse(double x, double y) { (void)y; return 1 / x; }
static double root(double x, double y) { (void)y; return sqrt(x); }
static double inverse_root(double x, double y) { (void)y; return 1 / sqrt(x); }
static double exponential(double x, double y) { (void)y; return exp(x); }
static double logarithm(double x, double y) { (void)y; return log(x); }
static double logistic(double x, double y) { (void)y; return 1 / (1 + exp(-x)); }

/* Numbers of every magnitude, and what stands next to powers of two; at the ends the ends. */
static int64_t positive(uint64_t *seed, size_t i, int64_t from, int64_t to)
{
	uint64_t r = plain_random(seed);
	int64_t v = (int64_t)(r >> 2);

	if (i < 2)
		return i ? to : from;
	if (i % 3 == 0)
		v = ((int64_t)1 << (i / 3 % 62)) + (int64_t)(i / 186 % 3) - 1;
	else if (i % 3 == 1)
		v >>= r % 61;
	return v < from || v > to ? from + (int64_t)(r % (uint64_t)(to - from + 1)) : v;
}

static int64_t any(uint64_t *seed, size_t i, int64_t from, int64_t to)
{
	if (i < 4)
		return i < 2 ? (i ? to : from) : (int64_t)i - 2;
	return from + (int64_t)(plain_random(seed) % (uint64_t)(to - from + 1));
}

static void inputs(const struct op *o, int64_t *x, int64_t *y, size_t n, uint64_t *seed)
{
	int64_t from = (int64_t)ceil(ldexp(o->from, (int)o->scale[0])), to = (int64_t)floor(ldexp(o->to, (int)o->scale[0]));
	double most = ldexp(1, (int)o->bits[2] - 2 - (int)o->scale[2]);

	for (size_t i = 0; i < n; i++) {
		x[i] = o->from > 0 ? positive(seed, i, from, to) : any(seed, i, from, to);
		y[i] = x[i];
		if (!o->two)
			continue;
		if (o->want == product) {
			y[i] = any(seed, i / 3, from, to);
			continue;
		}
		/* Quotients that out holds. */
		do
			y[i] = positive(seed, i + (size_t)(plain_random(seed) % 1000), 1, ((int64_t)1 << (o->bits[1] - 1)) - 1);
		while (fabs(ldexp((double)x[i], -(int)o->scale[0]) / ldexp((double)y[i], -(int)o->scale[1])) >= most);
	}
}

/* The largest share of what is allowed; above 1 is wrong. */
static double judge(const struct op *o, const int64_t *x, const int64_t *y, const int64_t *z, size_t n)
{
	double worst = 0;

	for (size_t i = 0; i < n; i++) {
		double a = ldexp((double)x[i], -(int)o->scale[0]), b = ldexp((double)y[i], -(int)o->scale[1]);
		double want = o->want(a, b), got = ldexp((double)z[i], -(int)o->scale[2]);
		double e = fabs(got - want) / (ldexp(o->ulps, -(int)o->scale[2]) + o->relative * fabs(want) + o->absolute);

		if (e > 1 && worst <= 1)
			printf("# %s %.10g, %.10g: %.10g, want %.10g\n", o->name, a, b, got, want);
		worst = e > worst ? e : worst;
	}
	return worst;
}

static int check(struct mpc *m, const struct op *o, const int64_t *x, const int64_t *y, size_t n)
{
	struct avec a = { 0 }, b = { 0 }, c = { 0 };
	int64_t *z = calloc(n + 1, sizeof(*z));
	double worst;
	int rc;

	TRY(plain_share(m, &a, x, n, o->bits[0], o->scale[0]));
	TRY(plain_share(m, &b, y, n, o->bits[1], o->scale[1]));
	TRY(avec_new(&c, n, o->bits[2], o->scale[2]));
	TRY(o->two ? o->two(m, &c, &a, &b) : o->one(m, &c, &a));
	TRY(plain_open(m, z, &c));
	worst = judge(o, x, y, z, n);
	if (mpc_party(m) == 0)
		printf("# %-8s %2u.%-2u to %2u.%-2u: %.2f of the allowed error\n", o->name, o->bits[0], o->scale[0],
		       o->bits[2], o->scale[2], worst);
	CHECK(worst <= 1);
out:
	avec_free(&a);
	avec_free(&b);
	avec_free(&c);
	free(z);
	return rc;
}

#define TWO_TO(p) (1.0 / (double)(UINT64_C(1) << (p)))

static const struct op ops[] = {
	{ "mul", NULL, mpc_fixmul, product, 2, 0, 0, { 40, 40, 47 }, { 16, 16, 16 }, -30000, 30000 },
	{ "mul", NULL, mpc_fixmul, product, 2, 0, 0, { 64, 64, 64 }, { 16, 16, 16 }, -30000, 30000 },
	{ "mul", NULL, mpc_fixmul, product, 2, 0, 0, { 20, 20, 40 }, { 8, 8, 16 }, -900, 900 },
	{ "recip", mpc_recip, NULL, inverse, 2, TWO_TO(26), 0, { 32, 32, 40 }, { 16, 16, 16 }, TWO_TO(16), 32767.9 },
	{ "recip", mpc_recip, NULL, inverse, 2, TWO_TO(27), 0, { 32, 32, 32 }, { 16, 16, 16 }, 3 * TWO_TO(16), 32767.9 },
	{ "recip", mpc_recip, NULL, inverse, 2, TWO_TO(28), 0, { 32, 32, 32 }, { 0, 0, 30 }, 1, 2147483647 },
	{ "recip", mpc_recip, NULL, inverse, 2, TWO_TO(18), 0, { 64, 64, 64 }, { 20, 20, 20 }, TWO_TO(20), 8e12 },
	{ "recip", mpc_recip, NULL, inverse, 2, TWO_TO(28), 0, { 5, 5, 30 }, { 2, 2, 20 }, 0.25, 3.75 },
	{ "recip", mpc_recip, NULL, inverse, 2, TWO_TO(28), 0, { 3, 3, 30 }, { 0, 0, 20 }, 1, 3 },
	{ "div", NULL, mpc_div, quotient, 2, TWO_TO(26), 0, { 32, 32, 32 }, { 16, 16, 16 }, -16383.9, 16383.9 },
	{ "div", NULL, mpc_div, quotient, 2, TWO_TO(18), 0, { 40, 24, 40 }, { 20, 0, 20 }, -262143, 262143 },
	{ "div", NULL, mpc_div, quotient, 2, TWO_TO(29), 0, { 18, 40, 24 }, { 0, 30, 4 }, -65535, 65535 },
	{ "sqrt", mpc_sqrt, NULL, root, 2, TWO_TO(19), 0, { 32, 32, 32 }, { 16, 16, 16 }, TWO_TO(16), 32767.9 },
	{ "sqrt", mpc_sqrt, NULL, root, 2, TWO_TO(15), 0, { 64, 64, 42 }, { 20, 20, 20 }, TWO_TO(20), 4e12 },
	{ "rsqrt", mpc_rsqrt, NULL, inverse_root, 2, TWO_TO(19), 0, { 32, 32, 32 }, { 16, 16, 20 }, TWO_TO(16), 32767.9 },
	{ "log", mpc_log, NULL, logarithm, 2, 0, TWO_TO(19), { 32, 32, 32 }, { 16, 16, 20 }, TWO_TO(16), 32767.9 },
	{ "log", mpc_log, NULL, logarithm, 2, 0, TWO_TO(19), { 64, 64, 40 }, { 10, 10, 24 }, TWO_TO(10), 8e15 },
	{ "log", mpc_log, NULL, logarithm, 2, 0, TWO_TO(19), { 4, 4, 30 }, { 0, 0, 16 }, 1, 7 },
	{ "exp", mpc_exp, NULL, exponential, 2, TWO_TO(19), 0, { 32, 32, 32 }, { 16, 16, 16 }, -16383.9, 9.7 },
	{ "exp", mpc_exp, NULL, exponential, 2, TWO_TO(19), 0, { 32, 32, 32 }, { 16, 16, 16 }, -12, 9.7 },
	{ "exp", mpc_exp, NULL, exponential, 2, TWO_TO(15), 0, { 40, 40, 42 }, { 30, 30, 12 }, -10, 20 },
	{ "sigmoid", mpc_sigmoid, NULL, logistic, 1, 0, 4e-6, { 32, 32, 32 }, { 16, 16, 16 }, -32767.9, 32767.9 },
	{ "sigmoid", mpc_sigmoid, NULL, logistic, 1, 0, 4e-6, { 32, 32, 32 }, { 16, 16, 20 }, -18, 18 },
	{ "sigmoid", mpc_sigmoid, NULL, logistic, 1, 0, 4e-6, { 64, 64, 40 }, { 24, 24, 22 }, -1e9, 1e9 },
	{ "sigmoid", mpc_sigmoid, NULL, logistic, 1, 0, 5e-6, { 36, 36, 36 }, { 30, 30, 20 }, -30, 30 },
	{ "sigmoid", mpc_sigmoid, NULL, logistic, 1, 0, 4e-6, { 16, 16, 24 }, { 8, 8, 20 }, -127, 127 },
};

/* Elements, and which of the operations: all, every third one. */
struct run {
	size_t n, every;
};

static int whole_range(struct mpc *m, void *arg)
{
	const struct run *r = arg;
	size_t n = r->n;
	int64_t *x = calloc(n + 1, sizeof(*x)), *y = calloc(n + 1, sizeof(*y));
	uint64_t seed = 17;
	int rc = 0;

	for (size_t k = 0; k < PET_ARRAY_SIZE(ops); k += r->every) {
		inputs(&ops[k], x, y, n, &seed);
		TRY(check(m, &ops[k], x, y, n));
	}
out:
	free(x);
	free(y);
	return rc;
}

TEST(errors_over_the_whole_range)
{
	struct run r = { 3000, 1 };

	CHECK_INT(plain_run(whole_range, &r, OT_SOFTSPOKEN4, 1), 0);
}

TEST(lengths_threads_and_other_transfers)
{
	static const size_t n[] = { 0, 1, 65 };
	struct run r = { 0, 1 };

	for (size_t k = 0; k < PET_ARRAY_SIZE(n); k++) {
		r.n = n[k];
		CHECK_INT(plain_run(whole_range, &r, OT_SOFTSPOKEN4, 1), 0);
	}
	r = (struct run){ 200, 3 };
	CHECK_INT(plain_run(whole_range, &r, OT_FERRET, 1), 0);
	r = (struct run){ 8300, 5 };
	CHECK_INT(plain_run(whole_range, &r, OT_SOFTSPOKEN4, 2), 0);
}

/* What an engine with local truncation, opened exponents and an unclipped cubic gets wrong. */
static int known_failures(struct mpc *m, void *arg)
{
	static const double x[] = { 30000, -30000, 30000, 10000, 1, 9999, 4.4, 4.5, -4.4, -5, 8, -8, 15.99, 16, -16, 20, -20, 2.2, -2.2 };
	static const double y[] = { 30000, 30000, -1, 10000, 10000, 10000, 1, 10000, 3, 9999.5, 10000, 2, 7, 10000, 10001, 1, 1, 1, 1 };
	enum { N = PET_ARRAY_SIZE(x) };
	static const struct op three[] = {
		{ "mul", NULL, mpc_fixmul, product, 2, 0, 0, { 47, 47, 47 }, { 16, 16, 16 }, 0, 0 },
		{ "div", NULL, mpc_div, quotient, 2, TWO_TO(26), 0, { 33, 32, 32 }, { 16, 16, 16 }, 0, 0 },
		{ "sigmoid", mpc_sigmoid, NULL, logistic, 1, 0, 4e-6, { 47, 47, 32 }, { 16, 16, 20 }, 0, 0 },
	};
	int64_t a[N], b[N], c[N];
	int rc = 0;

	(void)arg;
	for (size_t i = 0; i < N; i++) {
		a[i] = llround(ldexp(x[i], 16));
		b[i] = llround(ldexp(y[i], 16));
		c[i] = b[i] > 0 ? b[i] : 1 << 16;
	}
	TRY(check(m, &three[0], a, b, N));
	TRY(check(m, &three[1], a, c, N));
	TRY(check(m, &three[2], a, b, N));
out:
	return rc;
}

TEST(inputs_on_which_others_are_wrong)
{
	CHECK_INT(plain_run(known_failures, NULL, OT_SOFTSPOKEN4, 1), 0);
}

/* Every x of 12 bits, several sharings of each: between 0 and 1, and never falls by more than the error. */
static int whole_sigmoid(struct mpc *m, void *arg)
{
	static const struct op o = { "sigmoid", mpc_sigmoid, NULL, logistic, 1, 0, 4e-6, { 13, 13, 24 }, { 7, 7, 20 }, 0, 0 };
	static int64_t x[2][3 * 8191];
	int64_t *v = x[mpc_party(m)];

	(void)arg;
	for (size_t i = 0; i < PET_ARRAY_SIZE(x[0]); i++)
		v[i] = (int64_t)(i / 3) - 4095;
	return check(m, &o, v, v, PET_ARRAY_SIZE(x[0]));
}

TEST(sigmoid_of_everything_in_13_bits)
{
	CHECK_INT(plain_run(whole_sigmoid, NULL, OT_SOFTSPOKEN4, 1), 0);
}

/* Division by nothing: no party learns it, the result is near 0. */
static int zeros(struct mpc *m, void *arg)
{
	static const int64_t zero[200], one[200] = { [0 ... 199] = 5 << 16 };
	struct avec x = { 0 }, y = { 0 }, z = { 0 };
	int64_t out[200];
	int rc;

	(void)arg;
	TRY(plain_share(m, &x, one, 200, 32, 16));
	TRY(plain_share(m, &y, zero, 200, 32, 16));
	TRY(avec_new(&z, 200, 32, 16));
	TRY(mpc_recip(m, &z, &y));
	TRY(plain_open(m, out, &z));
	for (size_t i = 0; i < 200; i++)
		CHECK(out[i] >= -1 && out[i] <= 1);
	TRY(mpc_div(m, &z, &x, &y));
	TRY(plain_open(m, out, &z));
	for (size_t i = 0; i < 200; i++)
		CHECK(out[i] >= -1 && out[i] <= 1);
out:
	avec_free(&x);
	avec_free(&y);
	avec_free(&z);
	return rc;
}

TEST(division_by_zero)
{
	CHECK_INT(plain_run(zeros, NULL, OT_SOFTSPOKEN4, 1), 0);
}

static int misuse(struct mpc *m, void *arg)
{
	struct avec x = { 0 }, y = { 0 }, z = { 0 };
	int rc;

	(void)arg;
	TRY(avec_new(&x, 10, 32, 16));
	TRY(avec_new(&y, 10, 34, 16));
	TRY(avec_new(&z, 9, 32, 16));
	CHECK_INT(mpc_fixmul(m, &z, &x, &y), ERR_INPUT);
	CHECK_INT(mpc_recip(m, &z, &x), ERR_INPUT);
	CHECK_INT(mpc_sigmoid(m, &z, &x), ERR_INPUT);
	z.n = x.n = y.n = 9;
	CHECK_INT(mpc_div(m, &z, &x, &y), ERR_INPUT);	/* 66 bits */
	z.bits = 44;
	CHECK_INT(mpc_div(m, &z, &x, &x), ERR_INPUT);
	CHECK_INT(mpc_exp(m, &z, &x), ERR_INPUT);
	CHECK_INT(mpc_sqrt(m, &z, &x), ERR_INPUT);
	z.scale = 33;
	CHECK_INT(mpc_fixmul(m, &z, &x, &x), ERR_INPUT);
	CHECK_INT(mpc_sigmoid(m, &z, &x), ERR_INPUT);
	x.bits = 2;
	x.scale = 0;
	CHECK_INT(mpc_recip(m, &z, &x), ERR_INPUT);
	CHECK_INT(mpc_log(m, &z, &x), ERR_INPUT);
	rc = 0;
out:
	avec_free(&x);
	avec_free(&y);
	avec_free(&z);
	return rc;
}

TEST(shapes_that_do_not_fit_are_refused)
{
	CHECK_INT(plain_run(misuse, NULL, OT_SOFTSPOKEN4, 1), 0);
}

TEST_MAIN(CASE(errors_over_the_whole_range), CASE(lengths_threads_and_other_transfers),
	  CASE(inputs_on_which_others_are_wrong), CASE(sigmoid_of_everything_in_13_bits), CASE(division_by_zero),
	  CASE(shapes_that_do_not_fit_are_refused))
