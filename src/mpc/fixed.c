#include "mpc/fixed.h"

#include "mpc/fixed_impl.h"
#include "mpc/mul.h"

static int run_chunk(struct mpc *m, const struct fixed_job *j, size_t at, size_t n)
{
	struct avec x = { 0 }, y = { 0 }, z = { 0 }, from;
	int rc;

	from = avec_slice(j->x, at, n);
	TRY(fixed_copy(&x, &from, from.bits));
	if (j->y) {
		from = avec_slice(j->y, at, n);
		TRY(fixed_copy(&y, &from, from.bits));
	}
	TRY(avec_new(&z, n, 64, 0));
	TRY(j->chunk(m, j, &z, &x, &y));
	TRY(fixed_ring(m, &z, j->out->bits));
	from = avec_slice(j->out, at, n);
	avec_copy(&from, &z);
out:
	avec_free(&x);
	avec_free(&y);
	avec_free(&z);
	return rc;
}

static int lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	size_t chunk = mpc_chunk(m);
	int rc = 0;

	for (size_t at = begin; at < end; at += chunk)
		TRY(run_chunk(m, arg, at, end - at < chunk ? end - at : chunk));
out:
	return rc;
}

int fixed_run(struct mpc *m, struct fixed_job *j)
{
	if (j->out->n != j->x->n || (j->y && j->y->n != j->x->n) || j->x->bits > 64 || j->out->bits > 64)
		return ERR_INPUT;
	return mpc_split(m, j->x->n, 64, lane, j);
}

static unsigned lower(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* --- products ---------------------------------------------------------------------- */

static int mul_chunk(struct mpc *m, const struct fixed_job *j, struct avec *z, struct avec *x, struct avec *y)
{
	unsigned drop = (unsigned)j->x->scale + j->y->scale - j->out->scale, ring = lower(64, j->out->bits + drop + 1);
	int rc;

	TRY(fixed_ring(m, x, ring));
	TRY(fixed_ring(m, y, ring));
	TRY(fixed_product(m, z, x, y, ring));
	TRY(fixed_shift_near(m, z, drop));
out:
	return rc;
}

int mpc_fixmul(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y)
{
	struct fixed_job j = { .out = out, .x = x, .y = y, .chunk = mul_chunk };

	if (out->scale > x->scale + y->scale || x->scale + y->scale - out->scale > 61 || y->bits > 64)
		return ERR_INPUT;
	return fixed_run(m, &j);
}

/* --- division -------------------------------------------------------------------------- */

#define P 30			/* fractional bits of the mantissa of 1/x */
#define MANTISSA_RING 36	/* 1/y is at most 2, and a few units */
#define RING 60			/* of the first factors */

/* u = y - 3/4 at scale P in RING, from y in [1/2, 1). */
static int centre(struct mpc *m, struct avec *u, const struct norm *o)
{
	int rc;

	avec_copy(u, &o->y);
	u->bits = o->y.bits;
	if (o->bits < P)
		fixed_lift(u, P - o->bits);
	avec_add_pub(u, u, -((int64_t)3 << ((o->bits < P ? P : o->bits) - 2)), mpc_party(m));
	TRY(fixed_shift(m, u, o->bits < P ? 0 : o->bits - P));
	TRY(fixed_ring(m, u, RING));
out:
	return rc;
}

/* z = 32/17·(u² - 1/32) at scale 32; |u²| <= 2^56 at scale 60. */
static int first_error(struct mpc *m, struct avec *z, const struct avec *u)
{
	int rc;

	TRY(fixed_square(m, z, u, RING));
	avec_add_pub(z, z, -((int64_t)1 << 55), mpc_party(m));
	TRY(fixed_shift(m, z, 28));
	/* 32/17·2^30 */
	avec_mul_pub(z, z, 2021161080);
	TRY(fixed_shift_near(m, z, 30));
out:
	return rc;
}

/* r = (3/4 - u)·32/17·(1 + z) at scale 30; the product is below 2^58 at scale 61. */
static int first_factors(struct mpc *m, struct avec *r, const struct avec *u, const struct avec *z)
{
	struct avec w = { 0 };
	int rc;

	TRY(fixed_copy(&w, u, RING));
	avec_neg(&w, &w);
	avec_add_pub(&w, &w, (int64_t)3 << (P - 2), mpc_party(m));
	/* 32/17·2^27 */
	avec_mul_pub(&w, &w, 252645135);
	r->bits = RING;
	avec_copy(r, &w);
	TRY(fixed_shift_near(m, r, 28));
	TRY(fixed_product(m, r, r, z, RING));
	TRY(fixed_shift_near(m, r, 31));
	TRY(fixed_shift_near(m, &w, 27));
	rc = avec_add(r, r, &w);
out:
	avec_free(&w);
	return rc;
}

/*
 * r += r·e, where e is small: both are shifted until their product holds no
 * more than the bits that r keeps. e has scale 32.
 */
static int factor(struct mpc *m, struct avec *r, const struct avec *e, unsigned drop, unsigned ring)
{
	struct avec p = { 0 };
	int rc;

	TRY(fixed_copy(&p, r, r->bits));
	TRY(fixed_shift_near(m, &p, drop));
	TRY(fixed_product(m, &p, &p, e, ring));
	TRY(fixed_shift_near(m, &p, 32 - drop));
	TRY(fixed_ring(m, r, ring));
	rc = avec_add(r, r, &p);
out:
	avec_free(&p);
	return rc;
}

/* r = 1/y in (1, 2] at scale P, ring MANTISSA_RING. */
static int mantissa(struct mpc *m, struct avec *r, const struct norm *o)
{
	struct avec u = { 0 }, z = { 0 };
	int rc;

	TRY(avec_new(&u, o->n, 64, 0));
	TRY(avec_new(&z, o->n, 64, 0));
	TRY(centre(m, &u, o));
	TRY(first_error(m, &z, &u));
	TRY(first_factors(m, r, &u, &z));
	/* z² < 2^-8: 24 bits of it at scale 32, and as many of r. */
	TRY(fixed_square(m, &z, &z, 58));
	TRY(fixed_shift_near(m, &z, 32));
	TRY(factor(m, r, &z, 6, 52));
	/* z⁴ < 2^-16 */
	TRY(fixed_shift_near(m, &z, 6));
	TRY(fixed_square(m, &z, &z, 38));
	TRY(fixed_shift_near(m, &z, 20));
	TRY(factor(m, r, &z, 14, MANTISSA_RING));
out:
	avec_free(&u);
	avec_free(&z);
	return rc;
}

static uint64_t power(int e)
{
	return e < 0 || e > 63 ? 0 : UINT64_C(1) << e;
}

#define GUARD 2			/* bits beyond the last one of a result */

/* Bits that a reciprocal may have, and what is left for the mantissa. */
static unsigned recip_bits(const struct fixed_job *j)
{
	return lower(j->out->bits - 1u, (unsigned)j->x->scale + j->out->scale);
}

/* out = r·2^(both scales - 1 - t), t the place of the highest bit. */
static int recip_chunk(struct mpc *m, const struct fixed_job *j, struct avec *z, struct avec *x, struct avec *y)
{
	unsigned bits = recip_bits(j), p = lower(P, 61 - bits - GUARD), ring = bits + p + GUARD + 3;
	int scales = j->x->scale + j->out->scale;
	struct avec scale = { 0 };
	struct norm o = { 0 };
	uint64_t weight[64];
	int rc;

	(void)y;
	TRY(norm_new(m, &o, x, ring));
	TRY(avec_new(&scale, x->n, ring, 0));
	for (unsigned t = 0; t < o.bits; t++)
		weight[t] = power(scales - 1 - (int)t + GUARD);
	norm_weigh(&o, &scale, weight);
	TRY(mantissa(m, z, &o));
	TRY(fixed_shift_near(m, z, P - p));
	TRY(fixed_ring(m, z, ring));
	TRY(fixed_product(m, z, z, &scale, ring));
	TRY(fixed_shift_near(m, z, p + GUARD));
out:
	avec_free(&scale);
	norm_free(&o);
	return rc;
}

int mpc_recip(struct mpc *m, struct avec *out, const struct avec *x)
{
	struct fixed_job j = { .out = out, .x = x, .chunk = recip_chunk };

	return x->bits < 3 || recip_bits(&j) > 44 ? ERR_INPUT : fixed_run(m, &j);
}

/* x·2^(bits - 1 - t): the numerator on the divisor's way to [1/2, 1), at out's scale and three bits more. */
static int numerator(struct mpc *m, const struct fixed_job *j, struct avec *z, struct avec *x, const struct norm *o)
{
	int drop = (int)o->bits - (j->out->scale + j->y->scale - j->x->scale) - 3;
	unsigned ring = x->bits + o->bits;
	struct avec scale = { 0 };
	uint64_t weight[64];
	int rc;

	TRY(avec_new(&scale, x->n, ring, 0));
	for (unsigned t = 0; t < o->bits; t++)
		weight[t] = power((int)o->bits - 1 - (int)t);
	norm_weigh(o, &scale, weight);
	TRY(fixed_ring(m, x, ring));
	TRY(fixed_product(m, z, x, &scale, ring));
	if (drop > 0)
		TRY(fixed_shift_near(m, z, (unsigned)drop));
	else
		fixed_lift(z, (unsigned)-drop);
out:
	avec_free(&scale);
	return rc;
}

static int div_chunk(struct mpc *m, const struct fixed_job *j, struct avec *z, struct avec *x, struct avec *y)
{
	unsigned p = lower(P, 59 - j->out->bits), ring = j->out->bits + 3 + p + 2;
	struct avec r = { 0 };
	struct norm o = { 0 };
	int rc;

	TRY(norm_new(m, &o, y, x->bits + y->bits - 1));
	TRY(avec_new(&r, x->n, 64, 0));
	TRY(numerator(m, j, z, x, &o));
	TRY(fixed_ring(m, z, ring));
	TRY(mantissa(m, &r, &o));
	TRY(fixed_shift_near(m, &r, P - p));
	TRY(fixed_ring(m, &r, ring));
	TRY(fixed_product(m, z, z, &r, ring));
	TRY(fixed_shift_near(m, z, p + 3));
out:
	avec_free(&r);
	norm_free(&o);
	return rc;
}

int mpc_div(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y)
{
	struct fixed_job j = { .out = out, .x = x, .y = y, .chunk = div_chunk };
	int drop = y->bits - 1 - (out->scale + y->scale - x->scale) - 3;

	if (x->bits < 2 || y->bits < 3 || x->bits + y->bits > 65 || out->bits > 43 ||
	    drop + 2 > x->bits + y->bits - 1 || drop < -60)
		return ERR_INPUT;
	return fixed_run(m, &j);
}
