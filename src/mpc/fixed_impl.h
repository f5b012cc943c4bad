/*
 * Shared by fixed.c, norm.c, spline.c: numbers as plain integers (scale 0),
 * moved between rings and shifted in place; the scale stands in the comments.
 */
#ifndef PET_MPC_FIXED_IMPL_H
#define PET_MPC_FIXED_IMPL_H

#include "mpc/mpc.h"
#include "mpc/share.h"

/* floor(x / 2^drop) or one less, for -2^{k-2} <= x < 2^{k-2}. No message when drop is 0. */
int fixed_shift(struct mpc *m, struct avec *x, unsigned drop) PET_MUST_USE;
/* x / 2^drop, off by at most one: half a unit is added before. */
int fixed_shift_near(struct mpc *m, struct avec *x, unsigned drop) PET_MUST_USE;
/* The same value in a ring of `bits`: exact for a smaller one when it fits, for a larger one within 2^{k-2}. */
int fixed_ring(struct mpc *m, struct avec *x, unsigned bits) PET_MUST_USE;
/* x·2^by in a ring that is as many bits larger, up to 64. No message. */
void fixed_lift(struct avec *x, unsigned by);
/* z = x·y as integers in the ring of `bits`; x and y of that ring or a larger one. */
int fixed_product(struct mpc *m, struct avec *z, const struct avec *x, const struct avec *y, unsigned bits) PET_MUST_USE;
/* The same for x·x. */
int fixed_square(struct mpc *m, struct avec *z, const struct avec *x, unsigned bits) PET_MUST_USE;
/* A copy with scale 0, in a ring of `bits` at most x's. */
int fixed_copy(struct avec *z, const struct avec *x, unsigned bits) PET_MUST_USE;

/*
 * An operation by lanes and chunks: chunk gets copies of x and y (empty where
 * there is none) with scale 0, and gives z in any ring, at out's scale.
 */
struct fixed_job {
	struct avec *out;
	const struct avec *x, *y;	/* y may be NULL */
	int (*chunk)(struct mpc *m, const struct fixed_job *j, struct avec *z, struct avec *x, struct avec *y);
	double (*f)(double);		/* see root_chunk */
	double power;
};

int fixed_run(struct mpc *m, struct fixed_job *j) PET_MUST_USE;

/*
 * Numbers 0 < x < 2^bits brought to y = x·2^{bits-1-t}, t the place of the
 * highest bit: the bits of x (adder.h), the OR of those above, and where it
 * begins, as shared integers. A number that is 0 has no such place: y and all
 * sums over places are 0. Rings: x's for y, `ring` for the places.
 */
struct norm {
	unsigned bits;
	struct avec y;			/* ring bits + 1 */
	struct avec hot;		/* element i of place t at t * stride + i */
	size_t stride, n;
};

/* x has a ring of bits + 1. */
int norm_new(struct mpc *m, struct norm *o, const struct avec *x, unsigned ring) PET_MUST_USE;
void norm_free(struct norm *o);
/* out[i] = weight[place of i], mod out's ring, which is at most `ring`. */
void norm_weigh(const struct norm *o, struct avec *out, const uint64_t *weight);

/*
 * f(v / 2^k) for v in Z_{2^k}, without sign, by cubic polynomials on 32
 * segments: Chebyshev interpolation, coefficients from a table at the upper 5
 * bits (lut.h), Horner's rule in the smallest rings. |f| < 2.
 */
#define SPLINE_SCALE 22			/* of what comes out */
#define SPLINE_INDEX 5

int spline(struct mpc *m, struct avec *out, const struct avec *v, double (*f)(double)) PET_MUST_USE;

#endif
