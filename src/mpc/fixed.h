/*
 * Fixed point: integers over 2^scale (share.h). Every operation opens nothing,
 * also not the size of a divisor, and has no failure probability. An ulp is
 * 2^-scale of out. Bits and scale of out are free within the limits below; a
 * result that out does not hold is wrong. Rings of up to 64 bits; x of fixmul,
 * div and exp, and y of fixmul, stay below a quarter of their ring (trunc.h). The figures
 * are measured maxima; the tests hold them.
 *
 *	mpc_fixmul	x·y			error below 2 ulp
 *	mpc_recip	1/x, x > 0		2 ulp + 2^(1-p) of the result, p = min(30, 59 - B),
 *						B = min(out->bits - 1, both scales together)
 *	mpc_div		x/y, y > 0		2 ulp + 2^(1-p) of the result, p = min(30, 59 - out->bits)
 *	mpc_sqrt, mpc_rsqrt	x > 0		2 ulp + 2^(3-p) of the result, p = min(22, 60 - out->bits)
 *	mpc_exp					the same; 0 where exp is below half an ulp
 *	mpc_log		x > 0			2 ulp + 2^-19
 *	mpc_sigmoid	1/(1 + exp(-x))		1 ulp + 4e-6; 0 or 1 beyond 16
 *
 * 1/x: Goldschmidt's iteration (Functional division, MIT 1964) on x brought to
 * [1/2, 1): with u = that - 3/4, 1/x = (3/4 - u)·32/17·(1 + z)(1 + z²)(1 + z⁴)…,
 * z = 32/17·u² - 1/17, |z| <= 1/17; each factor only with the bits that count.
 * The bound z^8 of what is left out is 2^-32.7. Roots, exp, log and sigmoid:
 * cubic polynomials on 32 segments, the coefficients by table look-up (lut.h).
 *
 * Per element of 32 bits, 16 of them fraction, with SoftSpoken 4: recip 6.6 KB
 * and 70 flights per chunk, div 7.6 KB and 80, sigmoid 2.2 KB and 40
 * (docs/engine.md has all).
 */
#ifndef PET_MPC_FIXED_H
#define PET_MPC_FIXED_H

#include "mpc/mpc.h"
#include "mpc/share.h"

/* out->scale <= both scales together, the excess at most 61 bits; |x·y| < 2^62 as integers. */
int mpc_fixmul(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y) PET_MUST_USE;
/* x of 3 to 64 bits; B <= 44. 1/0 is 0. */
int mpc_recip(struct mpc *m, struct avec *out, const struct avec *x) PET_MUST_USE;
/* x->bits + y->bits <= 65, out->bits <= 43: take the smallest rings that hold the values. x/0 is 0 or -1 ulp. */
int mpc_div(struct mpc *m, struct avec *out, const struct avec *x, const struct avec *y) PET_MUST_USE;
/* x of 3 to 64 bits, out->bits <= 42 (log: 64). The root of 0 is 0; log 0 has no meaning. */
int mpc_sqrt(struct mpc *m, struct avec *out, const struct avec *x) PET_MUST_USE;
int mpc_rsqrt(struct mpc *m, struct avec *out, const struct avec *x) PET_MUST_USE;
int mpc_log(struct mpc *m, struct avec *out, const struct avec *x) PET_MUST_USE;
/* x->scale from 4 to 30 and x->bits >= x->scale + 8; out->bits <= 42. */
int mpc_exp(struct mpc *m, struct avec *out, const struct avec *x) PET_MUST_USE;
/* x->scale from 4 to 30, x->bits >= x->scale + 6, out->scale <= 22; |x| < 2^(bits-1). */
int mpc_sigmoid(struct mpc *m, struct avec *out, const struct avec *x) PET_MUST_USE;

#endif
