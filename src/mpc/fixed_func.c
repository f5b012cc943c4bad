/* The functions of fixed.h that are polynomials on segments, with what brings their arguments there. */
#include <math.h>

#include "mpc/cmp.h"
#include "mpc/fixed.h"
#include "mpc/fixed_impl.h"
#include "mpc/lut.h"
#include "mpc/mux.h"

#define LN2 0.69314718055994530942
#define S SPLINE_SCALE

/* --- sigmoid --------------------------------------------------------------------------- */

/* Of minus its argument, which is 16 times v: falls from 1/2. */
static double falling(double v)
{
	return 1 / (1 + exp(16 * v));
}

/* x = |x|; neg says where it was negative. */
static int absolute(struct mpc *m, struct avec *x, struct bvec *neg)
{
	struct avec d = { 0 };
	int rc;

	TRY(avec_new(&d, x->n, x->bits, 0));
	TRY(mpc_ltz(m, neg, x));
	TRY(mpc_mux(m, &d, neg, x));
	avec_mul_pub(&d, &d, 2);
	rc = avec_sub(x, x, &d);
out:
	avec_free(&d);
	return rc;
}

/* near[i] = x[i] < 16, for x >= 0, in x's whole ring. */
static int below_16(struct mpc *m, struct bvec *near, const struct avec *x, unsigned scale)
{
	struct avec d = { 0 };
	int rc;

	TRY(fixed_copy(&d, x, x->bits));
	avec_add_pub(&d, &d, -((int64_t)16 << scale), mpc_party(m));
	TRY(mpc_ltz(m, near, &d));
out:
	avec_free(&d);
	return rc;
}

static int sigmoid_chunk(struct mpc *m, const struct fixed_job *j, struct avec *z, struct avec *x, struct avec *y)
{
	struct bvec neg = { 0 }, near = { 0 };
	struct avec d = { 0 };
	unsigned scale = j->out->scale;
	int rc;

	(void)y;
	TRY(bvec_new(&neg, x->n));
	TRY(bvec_new(&near, x->n));
	TRY(absolute(m, x, &neg));
	TRY(below_16(m, &near, x, j->x->scale));
	TRY(fixed_ring(m, x, j->x->scale + 4u));
	TRY(spline(m, z, x, falling));
	TRY(fixed_shift_near(m, z, S - scale));
	TRY(mpc_mux(m, z, &near, z));
	/* q = sigmoid(-|x|); 1 - q, and where x < 0, 2q - 1 more. */
	TRY(fixed_copy(&d, z, z->bits));
	avec_mul_pub(&d, &d, 2);
	avec_add_pub(&d, &d, -((int64_t)1 << scale), mpc_party(m));
	TRY(mpc_mux(m, &d, &neg, &d));
	avec_neg(z, z);
	avec_add_pub(z, z, (int64_t)1 << scale, mpc_party(m));
	rc = avec_add(z, z, &d);
out:
	bvec_free(&neg);
	bvec_free(&near);
	avec_free(&d);
	return rc;
}

int mpc_sigmoid(struct mpc *m, struct avec *out, const struct avec *x)
{
	struct fixed_job j = { .out = out, .x = x, .chunk = sigmoid_chunk };

	if (x->scale < 4 || x->scale > 30 || x->bits < x->scale + 6 || out->scale > S || out->bits < out->scale + 2)
		return ERR_INPUT;
	return fixed_run(m, &j);
}

/* --- exp --------------------------------------------------------------------------------- */

#define FRACTION 24		/* bits of x·log2(e) after the point */
#define EXPONENT 6

static double power_of_two(double v)
{
	return exp2(v);
}

/* t = x·log2(e) + offset with FRACTION bits, mod 2^(EXPONENT + FRACTION). */
static int to_power(struct mpc *m, struct avec *x, unsigned scale, unsigned offset)
{
	unsigned e = 62 - (scale + 8) < 30 ? 62 - (scale + 8) : 30;
	int rc;

	TRY(fixed_ring(m, x, scale + 8));
	TRY(fixed_ring(m, x, scale + 8 + e + 2));
	avec_mul_pub(x, x, llround(ldexp(1 / LN2, (int)e)));
	TRY(fixed_shift_near(m, x, scale + e - FRACTION));
	avec_add_pub(x, x, (int64_t)offset << FRACTION, mpc_party(m));
	TRY(fixed_ring(m, x, EXPONENT + FRACTION));
out:
	return rc;
}

/* The integer part of t, exactly. */
static int exponent(struct mpc *m, struct avec *index, const struct avec *t)
{
	struct avec own = { 0 }, carry = { 0 };
	struct bvec bit = { 0 };
	int rc;

	TRY(avec_new(&own, t->n, FRACTION, 0));
	TRY(avec_new(&carry, t->n, EXPONENT, 0));
	TRY(bvec_new(&bit, t->n));
	for (size_t i = 0; i < t->n; i++) {
		uint64_t v = t->v[i] & bits_mask(FRACTION);

		own.v[i] = mpc_party(m) == 0 ? bits_mask(FRACTION) - v : v;
	}
	TRY(mpc_mill(m, &bit, &own));
	TRY(mpc_b2a(m, &carry, &bit));
	for (size_t i = 0; i < t->n; i++)
		index->v[i] = ((t->v[i] >> FRACTION) + carry.v[i]) & bits_mask(EXPONENT);
out:
	avec_free(&own);
	avec_free(&carry);
	bvec_free(&bit);
	return rc;
}

/* z = 2^t with one bit beyond the result's last: the power by look-up, times that of the fraction. */
static int power_chunk(struct mpc *m, struct avec *z, const struct avec *t, unsigned bits)
{
	unsigned p = 60 - bits < S ? 60 - bits : S, ring = bits + p + 3;
	struct avec index = { 0 }, scale = { 0 }, fraction = { 0 };
	uint64_t table[1 << EXPONENT];
	int rc;

	/* Index 2 is one unit of the result. */
	for (unsigned k = 0; k < 1 << EXPONENT; k++)
		table[k] = k < 1 || k - 1 >= bits + 1 ? 0 : UINT64_C(1) << (k - 1);
	TRY(avec_new(&index, t->n, EXPONENT, 0));
	TRY(avec_new(&scale, t->n, ring, 0));
	TRY(fixed_copy(&fraction, t, FRACTION));
	TRY(exponent(m, &index, t));
	TRY(mpc_lut(m, &scale, 1, &index, table));
	TRY(spline(m, z, &fraction, power_of_two));
	TRY(fixed_shift_near(m, z, S - p));
	TRY(fixed_ring(m, z, ring));
	TRY(fixed_product(m, z, z, &scale, ring));
	TRY(fixed_shift_near(m, z, p + 1));
out:
	avec_free(&index);
	avec_free(&scale);
	avec_free(&fraction);
	return rc;
}

static int exp_chunk(struct mpc *m, const struct fixed_job *j, struct avec *z, struct avec *x, struct avec *y)
{
	struct avec d = { 0 };
	struct bvec low = { 0 };
	/* Below half a unit the result is 0. */
	int64_t least = (int64_t)floor(ldexp((j->out->scale + 1) * LN2, j->x->scale));
	int rc;

	(void)y;
	TRY(bvec_new(&low, x->n));
	TRY(fixed_copy(&d, x, x->bits));
	avec_add_pub(&d, &d, least, mpc_party(m));
	TRY(mpc_ltz(m, &low, &d));
	bvec_not(&low, &low, mpc_party(m));
	TRY(to_power(m, x, j->x->scale, j->out->scale + 2u));
	TRY(power_chunk(m, z, x, j->out->bits));
	TRY(mpc_mux(m, z, &low, z));
out:
	avec_free(&d);
	bvec_free(&low);
	return rc;
}

int mpc_exp(struct mpc *m, struct avec *out, const struct avec *x)
{
	struct fixed_job j = { .out = out, .x = x, .chunk = exp_chunk };

	if (x->scale < 4 || x->scale > 30 || x->bits < x->scale + 8 || out->bits > 42)
		return ERR_INPUT;
	return fixed_run(m, &j);
}

/* --- roots and log -------------------------------------------------------------------------- */

/* Arguments from 1/4 to 5/4: a unit lost on the way leaves no domain. */
static double root(double v)
{
	return sqrt(0.25 + v);
}

static double inverse_root(double v)
{
	return 1 / sqrt(0.25 + v);
}

static double logarithm(double v)
{
	return log(0.25 + v);
}

/* v = y - 1/4 with FRACTION bits. */
static int to_fraction(struct mpc *m, struct avec *v, const struct norm *o)
{
	int rc;

	avec_copy(v, &o->y);
	v->bits = o->y.bits;
	if (o->bits < FRACTION)
		fixed_lift(v, FRACTION - o->bits);
	if (o->bits > FRACTION) {
		/* The middle of the range at 0, as the shift needs it. */
		avec_add_pub(v, v, -((int64_t)3 << (o->bits - 2)), mpc_party(m));
		TRY(fixed_shift(m, v, o->bits - FRACTION));
		avec_add_pub(v, v, (int64_t)3 << (FRACTION - 2), mpc_party(m));
	}
	avec_add_pub(v, v, -((int64_t)1 << (FRACTION - 2)), mpc_party(m));
	TRY(fixed_ring(m, v, FRACTION));
out:
	return rc;
}

/* f(y)·2^(power·(t + 1 - scale of x)), t the place of the highest bit. */
static int root_chunk(struct mpc *m, const struct fixed_job *j, struct avec *z, struct avec *x, struct avec *y)
{
	unsigned bits = j->out->bits, p = 60 - bits < S ? 60 - bits : S, ring = bits + p + 3;
	struct avec scale = { 0 };
	struct norm o = { 0 };
	uint64_t weight[64];
	int rc;

	(void)y;
	TRY(norm_new(m, &o, x, ring));
	TRY(avec_new(&scale, x->n, ring, 0));
	for (unsigned t = 0; t < o.bits; t++) {
		double w = exp2(j->out->scale + 1 + j->power * ((int)t + 1 - j->x->scale));

		weight[t] = w < ldexp(1, (int)bits + 1) ? (uint64_t)llround(w) : 0;
	}
	norm_weigh(&o, &scale, weight);
	TRY(to_fraction(m, x, &o));
	TRY(spline(m, z, x, j->f));
	TRY(fixed_shift_near(m, z, S - p));
	TRY(fixed_ring(m, z, ring));
	TRY(fixed_product(m, z, z, &scale, ring));
	TRY(fixed_shift_near(m, z, p + 1));
out:
	avec_free(&scale);
	norm_free(&o);
	return rc;
}

static int root_of(struct mpc *m, struct avec *out, const struct avec *x, double (*f)(double), double of_two)
{
	struct fixed_job j = { .out = out, .x = x, .chunk = root_chunk, .f = f, .power = of_two };

	return x->bits < 3 || out->bits > 42 ? ERR_INPUT : fixed_run(m, &j);
}

int mpc_sqrt(struct mpc *m, struct avec *out, const struct avec *x)
{
	return root_of(m, out, x, root, 0.5);
}

int mpc_rsqrt(struct mpc *m, struct avec *out, const struct avec *x)
{
	return root_of(m, out, x, inverse_root, -0.5);
}

/* log(y) + (t + 1 - scale of x)·log(2) */
static int log_chunk(struct mpc *m, const struct fixed_job *j, struct avec *z, struct avec *x, struct avec *y)
{
	struct avec whole = { 0 };
	struct norm o = { 0 };
	uint64_t weight[64];
	int rc;

	(void)y;
	TRY(norm_new(m, &o, x, j->out->bits));
	TRY(avec_new(&whole, x->n, j->out->bits, 0));
	for (unsigned t = 0; t < o.bits; t++)
		weight[t] = (uint64_t)llround(ldexp(((int)t + 1 - j->x->scale) * LN2, j->out->scale));
	norm_weigh(&o, &whole, weight);
	TRY(to_fraction(m, x, &o));
	TRY(spline(m, z, x, logarithm));
	if (j->out->scale < S)
		TRY(fixed_shift_near(m, z, S - j->out->scale));
	else
		fixed_lift(z, j->out->scale - S);
	TRY(fixed_ring(m, z, j->out->bits));
	rc = avec_add(z, z, &whole);
out:
	avec_free(&whole);
	norm_free(&o);
	return rc;
}

int mpc_log(struct mpc *m, struct avec *out, const struct avec *x)
{
	struct fixed_job j = { .out = out, .x = x, .chunk = log_chunk };

	return x->bits < 3 || out->scale > 40 ? ERR_INPUT : fixed_run(m, &j);
}
