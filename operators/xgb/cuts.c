#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mpc/cmp.h"
#include "mpc/open.h"
#include "xgb/xgb.h"

int xcuts_new(struct xcuts *c, unsigned beta, uint32_t features)
{
	size_t n = (size_t)features * ((1u << beta) - 1);

	*c = (struct xcuts){ .beta = beta, .features = features, .cut = calloc(n + 1, sizeof(double)) };
	for (size_t i = 0; c->cut && i < n; i++)
		c->cut[i] = INFINITY;
	return c->cut ? 0 : ERR_NOMEM;
}

void xcuts_free(struct xcuts *c)
{
	free(c->cut);
	*c = (struct xcuts){ 0 };
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* --- own values ------------------------------------------------------------------- */

/* Halfway to the next value, or the value itself where there is nothing between. */
static double between(double a, double b)
{
	double m = a / 2 + b / 2;

	return m >= a && m < b ? m : a;
}

static void local_feature(double *cut, uint32_t cuts, double *v, uint32_t n)
{
	uint32_t distinct = 0, used = 0;

	qsort(v, n, sizeof(*v), by_value);
	for (uint32_t i = 1; i < n; i++)
		distinct += v[i] != v[i - 1];
	for (uint32_t i = 1; i < n; i++) {
		/* all places between distinct values where they are few; else where a part of the rows is full */
		if (v[i] == v[i - 1] || used == cuts)
			continue;
		if (distinct <= cuts || (uint64_t)i * (cuts + 1) >= (uint64_t)(used + 1) * n)
			cut[used++] = between(v[i - 1], v[i]);
	}
}

int xcuts_local(struct xcuts *c, const struct xtable *t)
{
	double *v = calloc((size_t)t->rows + 1, sizeof(*v));

	if (!v)
		return ERR_NOMEM;
	for (uint32_t f = 0; f < c->features; f++) {
		for (uint32_t i = 0; i < t->rows; i++)
			v[i] = (double)(float)t->v[(size_t)f * t->rows + i];
		local_feature(c->cut + (size_t)f * xcuts_per_feature(c), xcuts_per_feature(c), v, t->rows);
	}
	explicit_bzero(v, t->rows * sizeof(*v));
	free(v);
	return 0;
}

/* --- common quantiles ---------------------------------------------------------------- */

/* The order of floats as that of integers, and back. Values are rounded to floats, as XGBoost's are. */
static uint32_t key_of(double v)
{
	float f = (float)v;
	uint32_t u;

	if (f == 0)
		f = 0;	/* of two zeros one */
	memcpy(&u, &f, sizeof(u));
	return u & UINT32_C(0x80000000) ? ~u : u | UINT32_C(0x80000000);
}

static double value_of(uint32_t key)
{
	uint32_t u = key & UINT32_C(0x80000000) ? key & UINT32_C(0x7fffffff) : ~key;
	float f;

	memcpy(&f, &u, sizeof(f));
	return (double)f;
}

static int by_key(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t count_up_to(const uint32_t *key, uint32_t n, uint32_t most)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (key[mid] <= most)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct search {
	uint32_t *key;		/* own, sorted, feature after feature */
	uint32_t rows, all, cuts;
	size_t n;		/* features · cuts */
	uint32_t *found;	/* the bits that are known */
};

/* Bit `bit` of every search: is the rank reached with that bit clear and all below it set? */
static int one_bit(struct mpc *m, struct search *s, unsigned bit, unsigned width)
{
	struct avec v = { 0 };
	struct bvec less = { 0 };
	int rc;

	TRY(avec_new(&v, s->n, width, 0));
	TRY(bvec_new(&less, s->n));
	for (size_t i = 0; i < s->n; i++) {
		uint32_t trial = s->found[i] | ((UINT32_C(1) << bit) - 1);
		uint32_t have = count_up_to(s->key + i / s->cuts * s->rows, s->rows, trial);
		uint64_t rank = ((uint64_t)(i % s->cuts + 1) * s->all + s->cuts) / (s->cuts + 1);

		v.v[i] = mpc_party(m) == 0 ? have : have < rank ? rank - have : 0;
	}
	TRY(mpc_mill(m, &less, &v));
	TRY(mpc_reveal_bits(m, MPC_BOTH, &less, &less));
	for (size_t i = 0; i < s->n; i++)
		s->found[i] |= (uint32_t)bits_get(less.w, i) << bit;
out:
	avec_free(&v);
	bvec_free(&less);
	return rc;
}

/* Equal cuts become one; the largest value is no cut. */
static void keep_distinct(struct xcuts *c, const uint32_t *found)
{
	uint32_t cuts = xcuts_per_feature(c);

	for (uint32_t f = 0; f < c->features; f++) {
		uint32_t used = 0;

		for (uint32_t k = 0; k < cuts; k++)
			if (k == 0 || found[(size_t)f * cuts + k] != found[(size_t)f * cuts + k - 1])
				c->cut[(size_t)f * cuts + used++] = value_of(found[(size_t)f * cuts + k]);
	}
}

int xcuts_common(struct mpc *m, struct xcuts *c, const struct xtable *t, uint32_t all_rows)
{
	struct search s = { .rows = t->rows, .all = all_rows, .cuts = xcuts_per_feature(c) };
	unsigned width = 1;
	int rc = ERR_NOMEM;

	while (all_rows >> width)
		width++;
	s.n = (size_t)c->features * s.cuts;
	s.key = calloc((size_t)t->rows * t->columns + 1, sizeof(*s.key));
	s.found = calloc(s.n + 1, sizeof(*s.found));
	if (!s.key || !s.found)
		goto out;
	for (size_t i = 0; i < (size_t)t->rows * t->columns; i++)
		s.key[i] = key_of(t->v[i]);
	for (uint32_t f = 0; f < c->features; f++)
		qsort(s.key + (size_t)f * t->rows, t->rows, sizeof(*s.key), by_key);
	for (unsigned bit = 32; bit-- > 0;)
		TRY(one_bit(m, &s, bit, width));
	keep_distinct(c, s.found);
	rc = 0;
out:
	if (s.key)
		explicit_bzero(s.key, (size_t)t->rows * t->columns * sizeof(*s.key));
	free(s.key);
	free(s.found);
	return rc;
}

void xcuts_bins(const struct xcuts *c, const struct xtable *t, uint8_t *bin)
{
	uint32_t cuts = xcuts_per_feature(c);

	for (uint32_t f = 0; f < c->features; f++) {
		const double *cut = c->cut + (size_t)f * cuts;

		for (uint32_t i = 0; i < t->rows; i++) {
			/* as floats, so that a value is where its own search had put it */
			double x = (double)(float)t->v[(size_t)f * t->rows + i];
			uint32_t b = 0;

			while (b < cuts && x > cut[b])
				b++;
			bin[(size_t)f * t->rows + i] = (uint8_t)b;
		}
	}
}
