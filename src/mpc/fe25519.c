#include "mpc/fe25519.h"

#include <string.h>

typedef unsigned __int128 u128;

#define MASK51 ((UINT64_C(1) << 51) - 1)

static uint64_t load64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void store64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void fe_load(struct fe *out, const uint8_t in[32])
{
	uint64_t a = load64(in), b = load64(in + 8), c = load64(in + 16), d = load64(in + 24);

	out->v[0] = (a & MASK51) + 19 * (d >> 63);
	out->v[1] = (a >> 51 | b << 13) & MASK51;
	out->v[2] = (b >> 38 | c << 26) & MASK51;
	out->v[3] = (c >> 25 | d << 39) & MASK51;
	out->v[4] = d >> 12 & MASK51;
}

/* One pass of carries, the top one folded back as 19. */
static void carry(uint64_t v[5])
{
	for (int i = 0; i < 4; i++) {
		v[i + 1] += v[i] >> 51;
		v[i] &= MASK51;
	}
	v[0] += 19 * (v[4] >> 51);
	v[4] &= MASK51;
}

void fe_store(uint8_t out[32], const struct fe *a)
{
	uint64_t v[5], q;

	memcpy(v, a->v, sizeof(v));
	carry(v);
	carry(v);
	/* Now v < 2^255 + 19·2^13; q = 1 when v >= p: then v + 19 reaches 2^255. */
	q = (v[0] + 19) >> 51;
	for (int i = 1; i < 5; i++)
		q = (v[i] + q) >> 51;
	v[0] += 19 * q;
	for (int i = 0; i < 4; i++) {
		v[i + 1] += v[i] >> 51;
		v[i] &= MASK51;
	}
	v[4] &= MASK51;
	store64(out, v[0] | v[1] << 51);
	store64(out + 8, v[1] >> 13 | v[2] << 38);
	store64(out + 16, v[2] >> 26 | v[3] << 25);
	store64(out + 24, v[3] >> 39 | v[4] << 12);
}

void fe_add(struct fe *out, const struct fe *a, const struct fe *b)
{
	for (int i = 0; i < 5; i++)
		out->v[i] = a->v[i] + b->v[i];
}

void fe_sub(struct fe *out, const struct fe *a, const struct fe *b)
{
	/* + 4p keeps every limb positive. */
	out->v[0] = a->v[0] + 4 * (MASK51 - 18) - b->v[0];
	for (int i = 1; i < 5; i++)
		out->v[i] = a->v[i] + 4 * MASK51 - b->v[i];
}

/* Carries of a product, with scalars throughout: arrays would go through memory. */
static inline __attribute__((always_inline)) void reduce(uint64_t out[5], u128 t0, u128 t1, u128 t2, u128 t3, u128 t4)
{
	uint64_t r1;

	t1 += (uint64_t)(t0 >> 51);
	t2 += (uint64_t)(t1 >> 51);
	t3 += (uint64_t)(t2 >> 51);
	t4 += (uint64_t)(t3 >> 51);
	/* The top carry may reach 2^64, so 19 times it needs 128 bits. */
	t0 = (u128)19 * (uint64_t)(t4 >> 51) + ((uint64_t)t0 & MASK51);
	r1 = ((uint64_t)t1 & MASK51) + (uint64_t)(t0 >> 51);
	out[0] = (uint64_t)t0 & MASK51;
	out[1] = r1 & MASK51;
	out[2] = ((uint64_t)t2 & MASK51) + (r1 >> 51);
	out[3] = (uint64_t)t3 & MASK51;
	out[4] = (uint64_t)t4 & MASK51;
}

#define M(x, y) ((u128)(x) * (y))

void fe_mul(struct fe *out, const struct fe *fa, const struct fe *fb)
{
	uint64_t a0 = fa->v[0], a1 = fa->v[1], a2 = fa->v[2], a3 = fa->v[3], a4 = fa->v[4];
	uint64_t b0 = fb->v[0], b1 = fb->v[1], b2 = fb->v[2], b3 = fb->v[3], b4 = fb->v[4];
	uint64_t c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4;

	reduce(out->v,
	       M(a0, b0) + M(a1, c4) + M(a2, c3) + M(a3, c2) + M(a4, c1),
	       M(a0, b1) + M(a1, b0) + M(a2, c4) + M(a3, c3) + M(a4, c2),
	       M(a0, b2) + M(a1, b1) + M(a2, b0) + M(a3, c4) + M(a4, c3),
	       M(a0, b3) + M(a1, b2) + M(a2, b1) + M(a3, b0) + M(a4, c4),
	       M(a0, b4) + M(a1, b3) + M(a2, b2) + M(a3, b1) + M(a4, b0));
}

static inline __attribute__((always_inline)) void square(uint64_t out[5], const uint64_t in[5])
{
	uint64_t a0 = in[0], a1 = in[1], a2 = in[2], a3 = in[3], a4 = in[4];
	uint64_t d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2, c3 = 19 * a3, c4 = 19 * a4, e4 = 2 * c4;

	reduce(out,
	       M(a0, a0) + M(a1, e4) + M(d2, c3),
	       M(d0, a1) + M(a2, e4) + M(a3, c3),
	       M(d0, a2) + M(a1, a1) + M(a3, e4),
	       M(d0, a3) + M(d1, a2) + M(a4, c4),
	       M(d0, a4) + M(d1, a3) + M(a2, a2));
}

void fe_sq(struct fe *out, const struct fe *a)
{
	square(out->v, a->v);
}

void fe_mul_small(struct fe *out, const struct fe *a, uint32_t k)
{
	reduce(out->v, M(a->v[0], k), M(a->v[1], k), M(a->v[2], k), M(a->v[3], k), M(a->v[4], k));
}

/*
 * Chains of squarings wait for each other, so powers are taken of up to FE_LANES
 * values side by side: their products fill the pipeline (measured:
 * 6.8 us for a symbol alone, 5.5 us each for four).
 */
static void sq_times(struct fe *a, unsigned lanes, int n)
{
	while (n--) {
		for (unsigned i = 0; i < lanes; i++)
			square(a[i].v, a[i].v);
	}
}

static void mul_by(struct fe *a, const struct fe *b, unsigned lanes)
{
	for (unsigned i = 0; i < lanes; i++)
		fe_mul(&a[i], &a[i], &b[i]);
}

/* out = x^(2^n) * y */
static void step(struct fe *out, const struct fe *x, int n, const struct fe *y, unsigned lanes)
{
	struct fe t[FE_LANES];

	memcpy(t, x, lanes * sizeof(*t));
	sq_times(t, lanes, n);
	mul_by(t, y, lanes);
	memcpy(out, t, lanes * sizeof(*t));
}

/* out = a^(2^250 - 1); a11 = a^11: the common part of both exponents below. */
static void pow_2_250_1(struct fe *out, struct fe *a11, const struct fe *a, unsigned lanes)
{
	struct fe t[FE_LANES], x5[FE_LANES], x10[FE_LANES], x50[FE_LANES], x100[FE_LANES];

	memcpy(a11, a, lanes * sizeof(*a));
	sq_times(a11, lanes, 1);		/* 2 */
	step(t, a11, 2, a, lanes);		/* 9 */
	mul_by(a11, t, lanes);			/* 11 */
	step(x5, a11, 1, t, lanes);		/* 31 = 2^5 - 1 */
	step(x10, x5, 5, x5, lanes);
	step(t, x10, 10, x10, lanes);		/* 2^20 - 1 */
	step(t, t, 20, t, lanes);		/* 2^40 - 1 */
	step(x50, t, 10, x10, lanes);
	step(x100, x50, 50, x50, lanes);
	step(t, x100, 100, x100, lanes);	/* 2^200 - 1 */
	step(out, t, 50, x50, lanes);
}

void fe_invert(struct fe *out, const struct fe *a)
{
	struct fe t, a11;

	/* p - 2 = 2^255 - 21 = (2^250 - 1)·2^5 + 11 */
	pow_2_250_1(&t, &a11, a, 1);
	step(out, &t, 5, &a11, 1);
}

void fe_nonsquare_masks(uint64_t *mask, const struct fe *a, unsigned lanes)
{
	struct fe t[FE_LANES], a3[FE_LANES];

	/* (p - 1)/2 = 2^254 - 10 = (2^250 - 1)·2^4 + 6 */
	pow_2_250_1(t, a3, a, lanes);
	step(a3, a, 1, a, lanes);
	step(t, t, 3, a3, lanes);
	sq_times(t, lanes, 1);
	for (unsigned i = 0; i < lanes; i++) {
		uint8_t b[32];
		unsigned other = 0;

		/* 0, 1, or p - 1, the only one with more than its lowest byte. */
		fe_store(b, &t[i]);
		for (int j = 1; j < 32; j++)
			other |= b[j];
		mask[i] = (uint64_t)0 - (uint64_t)((0u - other) >> 31);
	}
}

void fe_select(struct fe *out, const struct fe *a, uint64_t mask)
{
	for (int i = 0; i < 5; i++)
		out->v[i] ^= mask & (out->v[i] ^ a->v[i]);
}

void fe_invert_batch(struct fe *a, struct fe *tmp, unsigned n)
{
	struct fe inv, x;

	if (!n)
		return;
	tmp[0] = a[0];
	for (unsigned i = 1; i < n; i++)
		fe_mul(&tmp[i], &tmp[i - 1], &a[i]);
	fe_invert(&inv, &tmp[n - 1]);
	for (unsigned i = n - 1; i > 0; i--) {
		x = a[i];
		fe_mul(&a[i], &inv, &tmp[i - 1]);
		fe_mul(&inv, &inv, &x);
	}
	a[0] = inv;
}
