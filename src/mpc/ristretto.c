#include "mpc/ristretto.h"

#include <sodium.h>
#include <string.h>

#define BATCH 64		/* points that share an inversion */

static const struct fe one = { { 1 } }, zero = { { 0 } };
/* d = -121665/121666, 2d, the even sqrt(-1), 1/sqrt(-1 - d): RFC 9496, section 4.1. */
static const struct fe d = { { 0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff } };
static const struct fe d2 = { { 0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff } };
static const struct fe sqrt_m1 = { { 0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d } };
static const struct fe inv_sqrt_a_d = { { 0x0fdaa805d40ea, 0x2eb482e57d339, 0x007610274bc58, 0x6510b613dc8ff, 0x786c8905cfaff } };
/* The base point of RFC 8032, y = 4/5. */
static const struct ristretto base = {
	.x = { { 0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe, 0x216936d3cd6e5 } },
	.y = { { 0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333, 0x6666666666666 } },
	.z = { { 1 } },
	.t = { { 0x68ab3a5b7dda3, 0x00eea2a5eadbb, 0x2af8df483c27e, 0x332b375274732, 0x67875f0fd78b7 } },
};

/* All ones when the least non-negative value is odd. */
static uint64_t negative(const struct fe *a)
{
	uint8_t s[32];

	fe_store(s, a);
	return -(uint64_t)(s[0] & 1);
}

static uint64_t equal(const struct fe *a, const struct fe *b)
{
	uint8_t s[32], t[32];
	unsigned diff = 0;

	fe_store(s, a);
	fe_store(t, b);
	for (int i = 0; i < 32; i++)
		diff |= s[i] ^ t[i];
	return -(uint64_t)((diff - 1) >> 31);
}

/* The result stays below 2^52, so that it may be subtracted once more. */
static void negate_if(struct fe *a, uint64_t mask)
{
	struct fe m;

	fe_sub(&m, &zero, a);
	fe_mul(&m, &m, &one);
	fe_select(a, &m, mask);
}

static void squares(struct fe *a, int n)
{
	while (n--)
		fe_sq(a, a);
}

/* a^(2^252 - 3), by a^(2^n - 1) for n = 5, 10, 20, 40, 50, 100, 200, 250. */
static void pow_2_252_3(struct fe *out, const struct fe *a)
{
	static const uint8_t half[] = { 10, 20, 40 };
	struct fe t, u, v;

	fe_sq(&t, a);
	fe_mul(&t, &t, a);		/* 2^2 - 1 */
	u = t;
	squares(&u, 2);
	fe_mul(&u, &u, &t);		/* 2^4 - 1 */
	fe_sq(&u, &u);
	fe_mul(&t, &u, a);		/* 2^5 - 1 */
	v = t;
	for (unsigned i = 0; i < sizeof(half); i++) {
		u = t;
		squares(&u, half[i] / 2);
		fe_mul(&t, &u, &t);	/* 2^10 - 1, 2^20 - 1, 2^40 - 1 */
		if (half[i] == 10)
			v = t;
	}
	squares(&t, 10);
	fe_mul(&v, &t, &v);		/* 2^50 - 1 */
	t = v;
	squares(&t, 50);
	fe_mul(&t, &t, &v);		/* 2^100 - 1 */
	u = t;
	squares(&u, 100);
	fe_mul(&t, &u, &t);		/* 2^200 - 1 */
	squares(&t, 50);
	fe_mul(&t, &t, &v);		/* 2^250 - 1 */
	squares(&t, 2);
	fe_mul(out, &t, a);		/* 2^252 - 3 */
}

/* SQRT_RATIO_M1(1, v) of RFC 9496, section 4.2: all ones when v is a square, and its inverse root in any case non-negative. */
static uint64_t inv_sqrt(struct fe *out, const struct fe *v)
{
	struct fe v3, r, check, minus, minus_i;
	uint64_t correct, flipped, flipped_i;

	fe_sq(&v3, v);
	fe_mul(&v3, &v3, v);
	fe_sq(&r, &v3);
	fe_mul(&r, &r, v);		/* v^7 */
	pow_2_252_3(&r, &r);
	fe_mul(&r, &r, &v3);
	fe_sq(&check, &r);
	fe_mul(&check, &check, v);
	fe_sub(&minus, &zero, &one);
	fe_sub(&minus_i, &zero, &sqrt_m1);
	correct = equal(&check, &one);
	flipped = equal(&check, &minus);
	flipped_i = equal(&check, &minus_i);
	fe_mul(&check, &r, &sqrt_m1);
	fe_select(&r, &check, flipped | flipped_i);
	negate_if(&r, negative(&r));
	*out = r;
	return correct | flipped;
}

void ristretto_base(struct ristretto *out)
{
	*out = base;
}

/* RFC 9496, section 4.3.1. */
int ristretto_decode(struct ristretto *out, const uint8_t in[RISTRETTO_BYTES])
{
	struct fe s, ss, u1, u2, u2s, v, root, dx, dy;
	uint8_t back[32];
	uint64_t good;

	fe_load(&s, in);
	fe_store(back, &s);
	/* The neutral element's encoding, zeros, is refused with what is not canonical or negative. */
	if (sodium_memcmp(back, in, sizeof(back)) != 0 || (in[0] & 1) || sodium_is_zero(in, RISTRETTO_BYTES))
		return ERR_PEER;
	fe_sq(&ss, &s);
	fe_sub(&u1, &one, &ss);
	fe_add(&u2, &one, &ss);
	fe_sq(&u2s, &u2);
	fe_sq(&v, &u1);
	fe_mul(&v, &v, &d);
	fe_add(&v, &v, &u2s);
	fe_sub(&v, &zero, &v);		/* -(d u1^2) - u2^2 */
	fe_mul(&dx, &v, &u2s);
	good = inv_sqrt(&root, &dx);
	fe_mul(&dx, &root, &u2);
	fe_mul(&dy, &root, &dx);
	fe_mul(&dy, &dy, &v);
	fe_add(&s, &s, &s);
	fe_mul(&out->x, &s, &dx);
	negate_if(&out->x, negative(&out->x));
	fe_mul(&out->y, &u1, &dy);
	out->z = one;
	fe_mul(&out->t, &out->x, &out->y);
	return good && !negative(&out->t) && !equal(&out->y, &zero) ? 0 : ERR_PEER;
}

/* What the encoding of 2P needs of P. */
struct halfway {
	struct fe e, f, g, h, eg, fh;
};

static void halfway(struct halfway *w, const struct ristretto *p)
{
	struct fe xx, yy, zz, dtt;

	fe_sq(&xx, &p->x);
	fe_sq(&yy, &p->y);
	fe_sq(&zz, &p->z);
	fe_sq(&dtt, &p->t);
	fe_mul(&dtt, &dtt, &d);
	fe_add(&w->e, &p->x, &p->x);
	fe_mul(&w->e, &w->e, &p->y);	/* 2xy */
	fe_add(&w->f, &zz, &dtt);
	fe_add(&w->g, &yy, &xx);
	fe_sub(&w->h, &zz, &dtt);
	fe_mul(&w->eg, &w->e, &w->g);
	fe_mul(&w->fh, &w->f, &w->h);
}

/* The coset of 2P = (e f : g h) turned so that xy and x are non-negative; s of it. inv = 1 / (efgh). */
static void encode_halfway(uint8_t out[RISTRETTO_BYTES], const struct halfway *w, const struct fe *inv)
{
	struct fe z, t, u, e = w->e, g = w->g, h = w->h, magic = inv_sqrt_a_d;
	uint64_t turn;

	fe_mul(&z, &w->eg, inv);	/* 1 / z of 2P */
	fe_mul(&t, &w->fh, inv);
	fe_mul(&u, &w->eg, &z);
	turn = negative(&u);
	fe_select(&e, &w->g, turn);
	fe_sub(&u, &zero, &w->e);
	fe_select(&g, &u, turn);
	fe_mul(&u, &w->f, &sqrt_m1);
	fe_select(&h, &u, turn);
	fe_select(&magic, &sqrt_m1, turn);
	fe_mul(&u, &h, &e);
	fe_mul(&u, &u, &z);
	fe_mul(&g, &g, &one);
	negate_if(&g, negative(&u));
	fe_sub(&u, &h, &g);
	fe_mul(&t, &t, &g);
	fe_mul(&t, &t, &magic);
	fe_mul(&u, &u, &t);
	negate_if(&u, negative(&u));
	fe_store(out, &u);
}

void ristretto_encode_doubled(uint8_t (*out)[RISTRETTO_BYTES], const struct ristretto *in, unsigned n)
{
	struct halfway w[BATCH];
	struct fe inv[BATCH], tmp[BATCH];

	for (unsigned at = 0, part; at < n; at += part) {
		part = n - at < BATCH ? n - at : BATCH;
		for (unsigned i = 0; i < part; i++) {
			halfway(&w[i], &in[at + i]);
			fe_mul(&inv[i], &w[i].eg, &w[i].fh);
		}
		fe_invert_batch(inv, tmp, part);
		for (unsigned i = 0; i < part; i++)
			encode_halfway(out[at + i], &w[i], &inv[i]);
	}
	sodium_memzero(w, sizeof(w));
	sodium_memzero(inv, sizeof(inv));
	sodium_memzero(tmp, sizeof(tmp));
}

/* --- addition ----------------------------------------------------------- */

void ristretto_cache(struct ristretto_cached *out, const struct ristretto *a)
{
	fe_add(&out->sum, &a->y, &a->x);
	fe_sub(&out->diff, &a->y, &a->x);
	fe_mul(&out->t2d, &a->t, &d2);
	fe_add(&out->z2, &a->z, &a->z);
}

/* RFC 8032, section 5.1.4; minus: b's sum and diff have changed places, and so have f and g. */
static void add(struct ristretto *out, const struct ristretto *p, const struct ristretto_cached *b, int minus)
{
	struct fe a, c, e, f, g, h;

	fe_sub(&a, &p->y, &p->x);
	fe_mul(&a, &a, minus ? &b->sum : &b->diff);
	fe_add(&h, &p->y, &p->x);
	fe_mul(&h, &h, minus ? &b->diff : &b->sum);
	fe_mul(&c, &p->t, &b->t2d);
	fe_mul(&g, &p->z, &b->z2);
	fe_sub(&e, &h, &a);
	fe_add(&h, &h, &a);
	fe_sub(&f, &g, &c);
	fe_add(&g, &g, &c);
	if (minus) {
		c = f;
		f = g;
		g = c;
	}
	fe_mul(&out->x, &e, &f);
	fe_mul(&out->y, &g, &h);
	fe_mul(&out->t, &e, &h);
	fe_mul(&out->z, &f, &g);
}

void ristretto_add(struct ristretto *out, const struct ristretto *a, const struct ristretto_cached *b)
{
	add(out, a, b, 0);
}

void ristretto_sub(struct ristretto *out, const struct ristretto *a, const struct ristretto_cached *b)
{
	add(out, a, b, 1);
}

/* Doubling reads no t; who doubles again needs none. */
static void twice(struct ristretto *out, const struct ristretto *p, int want_t)
{
	struct fe a, b, c, e, f, g, h;

	fe_sq(&a, &p->x);
	fe_sq(&b, &p->y);
	fe_sq(&c, &p->z);
	fe_add(&e, &p->x, &p->y);
	fe_sq(&e, &e);
	fe_add(&h, &a, &b);
	fe_sub(&e, &h, &e);
	fe_sub(&g, &a, &b);
	fe_add(&c, &c, &c);
	fe_add(&f, &c, &g);
	fe_mul(&out->x, &e, &f);
	fe_mul(&out->y, &g, &h);
	fe_mul(&out->z, &f, &g);
	if (want_t)
		fe_mul(&out->t, &e, &h);
}

void ristretto_double(struct ristretto *out, const struct ristretto *a)
{
	twice(out, a, 1);
}

void ristretto_select(struct ristretto *out, const struct ristretto *a, uint64_t mask)
{
	fe_select(&out->x, &a->x, mask);
	fe_select(&out->y, &a->y, mask);
	fe_select(&out->z, &a->z, mask);
	fe_select(&out->t, &a->t, mask);
}

/* --- multiplication ----------------------------------------------------- */

static const struct ristretto neutral = { .y = { { 1 } }, .z = { { 1 } } };
static const struct ristretto_cached neutral_cached = { .sum = { { 1 } }, .diff = { { 1 } }, .z2 = { { 2 } } };

/* scalar = sum of digit[i] 16^i, digits from -8 to 8. */
static void digits(int8_t digit[64], const uint8_t scalar[32])
{
	int8_t carry = 0;

	for (int i = 0; i < 32; i++) {
		digit[2 * i] = scalar[i] & 15;
		digit[2 * i + 1] = scalar[i] >> 4;
	}
	for (int i = 0; i < 63; i++) {
		digit[i] = (int8_t)(digit[i] + carry);
		carry = (int8_t)((digit[i] + 8) >> 4);
		digit[i] = (int8_t)(digit[i] - carry * 16);
	}
	digit[63] = (int8_t)(digit[63] + carry);
}

/* t[j] = (j + 1) p */
static void multiples(struct ristretto_cached t[8], const struct ristretto *p)
{
	struct ristretto q = *p;

	ristretto_cache(&t[0], p);
	for (int j = 1; j < 8; j++) {
		ristretto_add(&q, &q, &t[0]);
		ristretto_cache(&t[j], &q);
	}
	sodium_memzero(&q, sizeof(q));
}

/* Two words at a time: baseline vector instructions everywhere. */
typedef uint64_t pair __attribute__((vector_size(16)));
#define PAIRS (sizeof(struct ristretto_cached) / sizeof(pair))

static inline void take(pair acc[PAIRS], const struct ristretto_cached *from, uint64_t mask)
{
	pair m = { mask, mask }, v[PAIRS];

	memcpy(v, from, sizeof(v));
#pragma GCC unroll 10
	for (unsigned i = 0; i < PAIRS; i++)
		acc[i] |= v[i] & m;
}

/* digit * p from its multiples, reading all of them. */
static void pick(struct ristretto_cached *out, const struct ristretto_cached t[8], int8_t digit)
{
	uint64_t minus = -(uint64_t)((uint8_t)digit >> 7);
	unsigned size = (unsigned)((digit ^ (int)minus) - (int)minus);
	pair acc[PAIRS] = { { 0 } };
	struct fe x;

	take(acc, &neutral_cached, -(uint64_t)((size - 1) >> 31));
#pragma GCC unroll 8
	for (unsigned j = 0; j < 8; j++)
		take(acc, &t[j], -(uint64_t)(((size ^ (j + 1)) - 1) >> 31));
	memcpy(out, acc, sizeof(*out));
	x = out->sum;
	fe_select(&out->sum, &out->diff, minus);
	fe_select(&out->diff, &x, minus);
	fe_sub(&x, &zero, &out->t2d);
	fe_select(&out->t2d, &x, minus);
}

static void sixteen_times(struct ristretto *p)
{
	for (int i = 0; i < 4; i++)
		twice(p, p, i == 3);
}

void ristretto_mul(struct ristretto *out, const struct ristretto *p, const uint8_t scalar[32])
{
	struct ristretto_cached t[8], c;
	struct ristretto q = neutral;
	int8_t digit[64];

	multiples(t, p);
	digits(digit, scalar);
	for (int i = 63; i >= 0; i--) {
		if (i < 63)
			sixteen_times(&q);
		pick(&c, t, digit[i]);
		ristretto_add(&q, &q, &c);
	}
	*out = q;
	sodium_memzero(t, sizeof(t));
	sodium_memzero(&c, sizeof(c));
	sodium_memzero(&q, sizeof(q));
	sodium_memzero(digit, sizeof(digit));
}

void ristretto_table_set(struct ristretto_table *t, const struct ristretto *p)
{
	struct ristretto q = *p;

	for (int i = 0; i < 32; i++) {
		multiples(t->at[i], &q);
		sixteen_times(&q);
		sixteen_times(&q);
	}
	sodium_memzero(&q, sizeof(q));
}

/* The odd digits of all positions, times 16, then the even ones. */
void ristretto_table_mul(struct ristretto *out, const struct ristretto_table *t, const uint8_t scalar[32])
{
	struct ristretto q = neutral;
	struct ristretto_cached c;
	int8_t digit[64];

	digits(digit, scalar);
	for (int odd = 1; odd >= 0; odd--) {
		for (int i = 0; i < 32; i++) {
			pick(&c, t->at[i], digit[2 * i + odd]);
			ristretto_add(&q, &q, &c);
		}
		if (odd)
			sixteen_times(&q);
	}
	*out = q;
	sodium_memzero(&c, sizeof(c));
	sodium_memzero(&q, sizeof(q));
	sodium_memzero(digit, sizeof(digit));
}
