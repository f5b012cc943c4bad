#include "mpc/share.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 u128;

static u128 load(const struct avec *a, size_t i)
{
	if (avec_words(a) == 2)
		return (u128)a->v[2 * i + 1] << 64 | a->v[2 * i];
	return a->v[i];
}

static void store(struct avec *a, size_t i, u128 x)
{
	if (avec_words(a) == 2) {
		a->v[2 * i] = (uint64_t)x;
		a->v[2 * i + 1] = (uint64_t)(x >> 64);
	} else {
		a->v[i] = (uint64_t)x & bits_mask(a->bits);
	}
}

int avec_new(struct avec *a, size_t n, unsigned bits, unsigned scale)
{
	size_t words = bits > AVEC_BITS_MAX ? 2 : 1;

	*a = (struct avec){ 0 };
	if (bits < 1 || (bits > AVEC_BITS_MAX && bits != AVEC_BITS_WIDE) || scale >= bits)
		return ERR_INPUT;
	if (n > SIZE_MAX / 16 - 1)
		return ERR_NOMEM;
	a->v = calloc(n * words + 1, sizeof(*a->v));
	if (!a->v)
		return ERR_NOMEM;
	a->n = n;
	a->bits = (uint8_t)bits;
	a->scale = (uint8_t)scale;
	return 0;
}

int bvec_new(struct bvec *b, size_t n)
{
	*b = (struct bvec){ 0 };
	b->w = calloc(bits_words(n) + 1, sizeof(*b->w));
	if (!b->w)
		return ERR_NOMEM;
	b->n = n;
	return 0;
}

void avec_free(struct avec *a)
{
	if (a->v)
		explicit_bzero(a->v, a->n * avec_words(a) * sizeof(*a->v));
	free(a->v);
	*a = (struct avec){ 0 };
}

void bvec_free(struct bvec *b)
{
	if (b->w)
		explicit_bzero(b->w, bits_words(b->n) * sizeof(*b->w));
	free(b->w);
	*b = (struct bvec){ 0 };
}

struct avec avec_slice(const struct avec *a, size_t begin, size_t n)
{
	struct avec s = *a;

	s.v = a->v ? a->v + begin * avec_words(a) : NULL;
	s.n = n;
	return s;
}

struct bvec bvec_slice(const struct bvec *b, size_t begin, size_t n)
{
	return (struct bvec){ b->w ? b->w + begin / 64 : NULL, n };
}

void avec_copy(struct avec *out, const struct avec *a)
{
	memmove(out->v, a->v, a->n * avec_words(a) * sizeof(*a->v));
}

void bvec_copy(struct bvec *out, const struct bvec *a)
{
	memmove(out->w, a->w, bits_words(a->n) * sizeof(*a->w));
}

int avec_same(const struct avec *a, const struct avec *b)
{
	return a->n == b->n && a->bits == b->bits && a->scale == b->scale;
}

void bvec_trim(struct bvec *b)
{
	if (b->n % 64)
		b->w[b->n / 64] &= bits_mask(b->n % 64);
}

int avec_add(struct avec *out, const struct avec *a, const struct avec *b)
{
	if (!avec_same(a, b) || !avec_same(out, a))
		return ERR_INPUT;
	for (size_t i = 0; i < a->n; i++)
		store(out, i, load(a, i) + load(b, i));
	return 0;
}

int avec_sub(struct avec *out, const struct avec *a, const struct avec *b)
{
	if (!avec_same(a, b) || !avec_same(out, a))
		return ERR_INPUT;
	for (size_t i = 0; i < a->n; i++)
		store(out, i, load(a, i) - load(b, i));
	return 0;
}

void avec_neg(struct avec *out, const struct avec *a)
{
	for (size_t i = 0; i < a->n; i++)
		store(out, i, (u128)0 - load(a, i));
}

void avec_add_pub(struct avec *out, const struct avec *a, int64_t k, int party)
{
	u128 add = party == 0 ? (u128)(__int128)k : 0;

	for (size_t i = 0; i < a->n; i++)
		store(out, i, load(a, i) + add);
}

void avec_mul_pub(struct avec *out, const struct avec *a, int64_t k)
{
	for (size_t i = 0; i < a->n; i++)
		store(out, i, load(a, i) * (u128)(__int128)k);
}

int avec_mul_pubvec(struct avec *out, const struct avec *a, const struct avec *pub)
{
	if (a->n != pub->n || out->n != a->n || a->bits != pub->bits || out->bits != a->bits ||
	    out->scale != a->scale + pub->scale)
		return ERR_INPUT;
	for (size_t i = 0; i < a->n; i++)
		store(out, i, load(a, i) * load(pub, i));
	return 0;
}

int avec_sum(struct avec *out, const struct avec *a)
{
	u128 sum = 0;

	if (out->n != 1 || out->bits != a->bits || out->scale != a->scale)
		return ERR_INPUT;
	for (size_t i = 0; i < a->n; i++)
		sum += load(a, i);
	store(out, 0, sum);
	return 0;
}

void avec_prefix_sum(struct avec *out, const struct avec *a)
{
	u128 sum = 0;

	for (size_t i = 0; i < a->n; i++) {
		sum += load(a, i);
		store(out, i, sum);
	}
}

int avec_reduce(struct avec *out, const struct avec *a)
{
	if (out->n != a->n || out->bits > a->bits || out->scale != a->scale)
		return ERR_INPUT;
	for (size_t i = 0; i < a->n; i++)
		store(out, i, load(a, i));
	return 0;
}

int bvec_xor(struct bvec *out, const struct bvec *a, const struct bvec *b)
{
	if (a->n != b->n || out->n != a->n)
		return ERR_INPUT;
	for (size_t i = 0; i < bits_words(a->n); i++)
		out->w[i] = a->w[i] ^ b->w[i];
	return 0;
}

void bvec_not(struct bvec *out, const struct bvec *a, int party)
{
	uint64_t flip = party == 0 ? ~(uint64_t)0 : 0;

	for (size_t i = 0; i < bits_words(a->n); i++)
		out->w[i] = a->w[i] ^ flip;
	bvec_trim(out);
}

int bvec_and_pub(struct bvec *out, const struct bvec *a, const struct bvec *pub)
{
	if (a->n != pub->n || out->n != a->n)
		return ERR_INPUT;
	for (size_t i = 0; i < bits_words(a->n); i++)
		out->w[i] = a->w[i] & pub->w[i];
	return 0;
}
