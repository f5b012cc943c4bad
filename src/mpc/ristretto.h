/*
 * ristretto255 (RFC 9496) where libsodium is too slow: many multiplications of
 * one point by tables, many points encoded with one inversion. Set-up of
 * oblivious transfer has 35 ms for a whole PSI of 2^16 items around it.
 *
 * Points are on the Edwards curve -x^2 + y^2 = 1 + d x^2 y^2 in extended
 * coordinates with the complete formulas of Hisil, Wong, Carter and Dawson
 * (ASIACRYPT 2008; also RFC 8032, section 5.1.4), so there are no exceptions. Encoding works
 * on 2P, which needs no square root per point (Hamburg, "Decaf", CRYPTO 2015,
 * section 6: the doubling passes through the Jacobi quartic).
 *
 * Constant time in points and scalars; ristretto_decode says by its result only
 * whether the bytes are an element. Scalars are 32 bytes little-endian, below
 * 2^253 (libsodium's reduced ones are). out may be an input.
 */
#ifndef PET_MPC_RISTRETTO_H
#define PET_MPC_RISTRETTO_H

#include "base/err.h"
#include "mpc/fe25519.h"

#define RISTRETTO_BYTES 32

struct ristretto {
	struct fe x, y, z, t;		/* x/z, y/z; t = xy/z */
};

/* A point as the second operand of an addition: y + x, y - x, 2d t, 2z. */
struct ristretto_cached {
	struct fe sum, diff, t2d, z2;
};

/* (j + 1) 256^i P: 40 KB. */
struct ristretto_table {
	struct ristretto_cached at[32][8];
};

/* The generator of RFC 9496. */
void ristretto_base(struct ristretto *out);
/* ERR_PEER: not the canonical encoding of an element, or the neutral one. */
int ristretto_decode(struct ristretto *out, const uint8_t in[RISTRETTO_BYTES]) PET_MUST_USE;
/* out[i] = the encoding of 2 in[i], any n; none may be neutral. 19 multiplications and 1 / 64 inversion each. */
void ristretto_encode_doubled(uint8_t (*out)[RISTRETTO_BYTES], const struct ristretto *in, unsigned n);

void ristretto_cache(struct ristretto_cached *out, const struct ristretto *a);
/* a + b; a - b. */
void ristretto_add(struct ristretto *out, const struct ristretto *a, const struct ristretto_cached *b);
void ristretto_sub(struct ristretto *out, const struct ristretto *a, const struct ristretto_cached *b);
void ristretto_double(struct ristretto *out, const struct ristretto *a);
/* out = mask ? a : out, for a mask of all ones or zero. */
void ristretto_select(struct ristretto *out, const struct ristretto *a, uint64_t mask);
/* scalar * p: 252 doublings and 71 additions. */
void ristretto_mul(struct ristretto *out, const struct ristretto *p, const uint8_t scalar[32]);
/* The same from a table: 4 doublings and 64 additions. Making one costs as much as six
 * multiplications by it. Measured on Zen 3: 49, 14 and 81 us; libsodium: 56 and, of the generator, 18. */
void ristretto_table_set(struct ristretto_table *t, const struct ristretto *p);
void ristretto_table_mul(struct ristretto *out, const struct ristretto_table *t, const uint8_t scalar[32]);

#endif
