#include "mpc/fixed_impl.h"

#include <string.h>

#include "mpc/adder.h"
#include "mpc/mul.h"
#include "mpc/mux.h"
#include "mpc/trunc.h"

/* --- integers in rings ---------------------------------------------------------- */

int fixed_shift(struct mpc *m, struct avec *x, unsigned drop)
{
	struct avec from = *x;

	from.scale = (uint8_t)drop;
	return drop ? mpc_trunc(m, x, &from) : 0;
}

int fixed_shift_near(struct mpc *m, struct avec *x, unsigned drop)
{
	if (drop)
		avec_add_pub(x, x, (int64_t)1 << (drop - 1), mpc_party(m));
	return fixed_shift(m, x, drop);
}

int fixed_ring(struct mpc *m, struct avec *x, unsigned bits)
{
	struct avec from = *x;

	x->bits = (uint8_t)bits;
	if (bits > from.bits)
		return mpc_extend(m, x, &from);
	return avec_reduce(x, &from);
}

void fixed_lift(struct avec *x, unsigned by)
{
	x->bits = (uint8_t)(x->bits + by < 64 ? x->bits + by : 64);
	for (size_t i = 0; i < x->n; i++)
		x->v[i] = (x->v[i] << by) & bits_mask(x->bits);
}

int fixed_copy(struct avec *z, const struct avec *x, unsigned bits)
{
	int rc;

	TRY(avec_new(z, x->n, bits, 0));
	for (size_t i = 0; i < x->n; i++)
		z->v[i] = x->v[i] & bits_mask(bits);
out:
	return rc;
}

int fixed_product(struct mpc *m, struct avec *z, const struct avec *x, const struct avec *y, unsigned bits)
{
	struct avec a = { 0 }, b = { 0 };
	int rc;

	TRY(fixed_copy(&a, x, bits));
	TRY(fixed_copy(&b, y, bits));
	z->bits = (uint8_t)bits;
	TRY(mpc_mul(m, z, &a, &b));
out:
	avec_free(&a);
	avec_free(&b);
	return rc;
}

int fixed_square(struct mpc *m, struct avec *z, const struct avec *x, unsigned bits)
{
	struct avec a = { 0 };
	int rc;

	TRY(fixed_copy(&a, x, bits));
	z->bits = (uint8_t)bits;
	TRY(mpc_square(m, z, &a));
out:
	avec_free(&a);
	return rc;
}

/* --- the highest bit --------------------------------------------------------------- */

/* The highest bit of each number as a one-hot vector: the OR from above begins there. */
static int places(struct mpc *m, struct norm *o, const struct avec *x, struct bvec *bit)
{
	struct bvec all = { 0 };
	size_t w = bits_words(x->n);
	int rc;

	TRY(mpc_a2b(m, bit, x, o->bits));
	TRY(mpc_prefix_or(m, bit, bit, o->bits));
	TRY(bvec_new(&all, o->bits * w * 64));
	for (unsigned t = 0; t < o->bits; t++) {
		for (size_t i = 0; i < w; i++)
			all.w[t * w + i] = bit[t].w[i] ^ (t + 1 < o->bits ? bit[t + 1].w[i] : 0);
	}
	TRY(mpc_b2a(m, &o->hot, &all));
out:
	bvec_free(&all);
	return rc;
}

int norm_new(struct mpc *m, struct norm *o, const struct avec *x, unsigned ring)
{
	struct bvec bit[64] = { { 0 } };
	struct avec scale = { 0 };
	uint64_t weight[64];
	int rc;

	*o = (struct norm){ .bits = x->bits - 1u, .n = x->n, .stride = bits_words(x->n) * 64 };
	if (ring < x->bits)
		ring = x->bits;
	TRY(adder_bits_new(bit, o->bits, x->n));
	TRY(avec_new(&o->y, x->n, x->bits, 0));
	TRY(avec_new(&scale, x->n, x->bits, 0));
	TRY(avec_new(&o->hot, o->bits * o->stride, ring, 0));
	TRY(places(m, o, x, bit));
	for (unsigned t = 0; t < o->bits; t++)
		weight[t] = UINT64_C(1) << (o->bits - 1 - t);
	norm_weigh(o, &scale, weight);
	TRY(fixed_product(m, &o->y, x, &scale, x->bits));
out:
	adder_bits_free(bit, o->bits);
	avec_free(&scale);
	return rc;
}

void norm_free(struct norm *o)
{
	avec_free(&o->y);
	avec_free(&o->hot);
}

void norm_weigh(const struct norm *o, struct avec *out, const uint64_t *weight)
{
	memset(out->v, 0, o->n * sizeof(*out->v));
	for (unsigned t = 0; t < o->bits; t++) {
		for (size_t i = 0; i < o->n; i++)
			out->v[i] += weight[t] * o->hot.v[t * o->stride + i];
	}
	for (size_t i = 0; i < o->n; i++)
		out->v[i] &= bits_mask(out->bits);
}
