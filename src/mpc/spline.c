#include "mpc/fixed_impl.h"

#include <math.h>

#include "mpc/cmp.h"
#include "mpc/lut.h"
#include "mpc/mux.h"

#define SEGMENTS (1u << SPLINE_INDEX)
#define PLACE_MAX 18		/* bits of the place within a segment; more do not show in the result */

/*
 * On a segment, f is a0 + a1·t + a2·t² + a3·t³ with t from -1 to 1, t an integer
 * of `place` bits and a sign over 2^place. Horner: ((a3·t + a2)·t + a1)·t + a0,
 * shifted by `place` after each product, in rings ring[0] <= ring[1] <= ring[2].
 */
struct poly {
	int64_t a[SEGMENTS][4];		/* at SPLINE_SCALE */
	unsigned place;
	unsigned ring[3];
};

static unsigned length(double v)
{
	unsigned n = 0;

	for (; v >= 1; v /= 2)
		n++;
	return n;
}

/* Interpolation in the four zeros of T_4, as powers of t. */
static void segment(int64_t *a, double (*f)(double), unsigned j)
{
	double c[4] = { 0 }, scale = (double)(1u << SPLINE_SCALE);

	for (unsigned k = 0; k < 4; k++) {
		double t = cos((2 * k + 1) * acos(-1.0) / 8), y = f((j + (t + 1) / 2) / SEGMENTS);

		c[0] += y / 4;
		c[1] += y * t / 2;
		c[2] += y * (2 * t * t - 1) / 2;
		c[3] += y * (4 * t * t - 3) * t / 2;
	}
	a[0] = llround((c[0] - c[2]) * scale);
	a[1] = llround((c[1] - 3 * c[3]) * scale);
	a[2] = llround(2 * c[2] * scale);
	a[3] = llround(4 * c[3] * scale);
}

/* Rings that hold each product, and the next coefficient added to it, within a quarter. */
static void rings(struct poly *p, const double sum[4])
{
	for (unsigned k = 0; k < 3; k++) {
		unsigned product = length(sum[3 - k]) + p->place, next = length(sum[2 - k]);

		p->ring[k] = (product > next ? product : next) + 2;
		if (k > 0 && p->ring[k] < p->ring[k - 1])
			p->ring[k] = p->ring[k - 1];
	}
}

/* The longest place that the two words of a table's entry allow. */
static void poly_new(struct poly *p, double (*f)(double), unsigned bits)
{
	double sum[4] = { 0 };

	for (unsigned j = 0; j < SEGMENTS; j++) {
		double s = 0;

		segment(p->a[j], f, j);
		for (unsigned k = 4; k-- > 0;) {
			s += fabs((double)p->a[j][k]) + 1;
			sum[k] = s > sum[k] ? s : sum[k];
		}
	}
	p->place = bits - SPLINE_INDEX - 1;
	if (p->place > PLACE_MAX)
		p->place = PLACE_MAX;
	rings(p, sum);
	while (p->ring[0] + p->ring[2] > 64) {
		p->place--;
		rings(p, sum);
	}
}

/* The carry of the low parts, as an integer of `ring` bits. */
static int low_carry(struct mpc *m, struct avec *carry, const struct avec *v, unsigned low)
{
	struct avec own = { 0 };
	struct bvec bit = { 0 };
	int rc;

	TRY(avec_new(&own, v->n, low, 0));
	TRY(bvec_new(&bit, v->n));
	for (size_t i = 0; i < v->n; i++) {
		uint64_t x = v->v[i] & bits_mask(low);

		own.v[i] = mpc_party(m) == 0 ? bits_mask(low) - x : x;
	}
	TRY(mpc_mill(m, &bit, &own));
	TRY(mpc_b2a(m, carry, &bit));
out:
	avec_free(&own);
	bvec_free(&bit);
	return rc;
}

/* v = index·2^low + place, exactly; the place then counts from the segment's middle. */
static int split(struct mpc *m, const struct poly *p, const struct avec *v, struct avec *index, struct avec *place)
{
	unsigned low = v->bits - SPLINE_INDEX, ring = place->bits;
	struct avec carry = { 0 };
	int rc;

	TRY(avec_new(&carry, v->n, ring > low + SPLINE_INDEX ? ring - low : SPLINE_INDEX, 0));
	TRY(low_carry(m, &carry, v, low));
	for (size_t i = 0; i < v->n; i++) {
		index->v[i] = ((v->v[i] >> low) + carry.v[i]) & bits_mask(SPLINE_INDEX);
		place->v[i] = ((v->v[i] & bits_mask(low)) - (carry.v[i] << low)) & bits_mask(ring);
	}
	avec_add_pub(place, place, -((int64_t)1 << (low - 1)), mpc_party(m));
	TRY(fixed_shift_near(m, place, low - 1 - p->place));
out:
	avec_free(&carry);
	return rc;
}

/* a[0] = a3, a[1] = a0, a[2] = a2, a[3] = a1: two columns to a word of the table's entries. */
static int horner(struct mpc *m, const struct poly *p, struct avec *a, const struct avec *place)
{
	static const unsigned next[3] = { 2, 3, 1 };
	int rc = 0;

	for (unsigned k = 0; k < 3; k++) {
		TRY(fixed_ring(m, &a[0], p->ring[k]));
		TRY(fixed_product(m, &a[0], &a[0], place, p->ring[k]));
		TRY(fixed_shift_near(m, &a[0], p->place));
		TRY(fixed_ring(m, &a[next[k]], p->ring[k]));
		TRY(avec_add(&a[0], &a[0], &a[next[k]]));
	}
out:
	return rc;
}

static int evaluate(struct mpc *m, const struct poly *p, struct avec *out, const struct avec *index,
		    const struct avec *place)
{
	uint64_t table[SEGMENTS * 4];
	struct avec a[4] = { { 0 } };
	int rc;

	for (unsigned j = 0; j < SEGMENTS; j++) {
		table[4 * j] = (uint64_t)p->a[j][3];
		table[4 * j + 1] = (uint64_t)p->a[j][0];
		table[4 * j + 2] = (uint64_t)p->a[j][2];
		table[4 * j + 3] = (uint64_t)p->a[j][1];
	}
	TRY(avec_new(&a[0], index->n, p->ring[0], 0));
	TRY(avec_new(&a[1], index->n, p->ring[2], 0));
	TRY(avec_new(&a[2], index->n, p->ring[0], 0));
	TRY(avec_new(&a[3], index->n, p->ring[1], 0));
	TRY(mpc_lut(m, a, 4, index, table));
	TRY(horner(m, p, a, place));
	out->bits = a[0].bits;
	avec_copy(out, &a[0]);
out:
	for (unsigned k = 0; k < 4; k++)
		avec_free(&a[k]);
	return rc;
}

int spline(struct mpc *m, struct avec *out, const struct avec *v, double (*f)(double))
{
	struct avec index = { 0 }, place = { 0 };
	struct poly p;
	unsigned ring;
	int rc;

	if (v->bits < SPLINE_INDEX + 2)
		return ERR_INPUT;
	poly_new(&p, f, v->bits);
	/* What is shifted to `place` bits needs its own length and the sign's room before. */
	ring = v->bits - SPLINE_INDEX - 1u == p.place || v->bits < p.ring[2] ? p.ring[2] : v->bits;
	TRY(avec_new(&index, v->n, SPLINE_INDEX, 0));
	TRY(avec_new(&place, v->n, ring, 0));
	TRY(split(m, &p, v, &index, &place));
	TRY(evaluate(m, &p, out, &index, &place));
out:
	avec_free(&index);
	avec_free(&place);
	return rc;
}
