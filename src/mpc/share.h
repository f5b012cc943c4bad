/*
 * Vectors of shared values: what each party holds of them, and what needs no
 * message.
 *
 * avec: additive shares in Z_{2^bits}, bits 1 to 64, or 128 (two words per
 * element, low first). The value is the sum of both parties' words mod 2^bits,
 * read as two's complement and divided by 2^scale. Words are reduced: bits
 * from `bits` on are zero, in every function here and everywhere else.
 * bvec: XOR shares of bits, 64 per word; bits after n are zero.
 * The same structs hold public vectors and those that one party knows.
 *
 * Argument order: outputs, inputs, numbers. Outputs are vectors made before,
 * of the right length, and may be inputs. A mismatch of length, bits or scale
 * is ERR_INPUT: the same at both parties, since both pass the same shapes.
 */
#ifndef PET_MPC_SHARE_H
#define PET_MPC_SHARE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mpc/bits.h"

#define AVEC_BITS_MAX 64
#define AVEC_BITS_WIDE 128

struct avec {
	uint64_t *v;
	size_t n;
	uint8_t bits, scale;
};

struct bvec {
	uint64_t *w;
	size_t n;
};

/* Zeros. ERR_INPUT for bits or a scale that do not exist. */
int avec_new(struct avec *a, size_t n, unsigned bits, unsigned scale) PET_MUST_USE;
int bvec_new(struct bvec *b, size_t n) PET_MUST_USE;
/* Wipe and free; legal with zeroed structs and twice. */
void avec_free(struct avec *a);
void bvec_free(struct bvec *b);

static inline size_t avec_words(const struct avec *a)
{
	return a->bits > AVEC_BITS_MAX ? 2 : 1;
}

/* A window of n elements from `begin`, borrowed. */
struct avec avec_slice(const struct avec *a, size_t begin, size_t n);
/* begin is a multiple of 64. */
struct bvec bvec_slice(const struct bvec *b, size_t begin, size_t n);
void avec_copy(struct avec *out, const struct avec *a);
void bvec_copy(struct bvec *out, const struct bvec *a);
/* 1 when length, bits and scale are the same. */
int avec_same(const struct avec *a, const struct avec *b);
/* Clears what stands after the last bit. */
void bvec_trim(struct bvec *b);

/* --- local: no message, every element at once ---------------------------- */

int avec_add(struct avec *out, const struct avec *a, const struct avec *b) PET_MUST_USE;
int avec_sub(struct avec *out, const struct avec *a, const struct avec *b) PET_MUST_USE;
void avec_neg(struct avec *out, const struct avec *a);
/* A public integer, in units of 2^-scale: added by party 0 alone. */
void avec_add_pub(struct avec *out, const struct avec *a, int64_t k, int party);
/* A public integer; the scale stays. */
void avec_mul_pub(struct avec *out, const struct avec *a, int64_t k);
/* Elementwise with a public vector of the same bits; the scales add up. */
int avec_mul_pubvec(struct avec *out, const struct avec *a, const struct avec *pub) PET_MUST_USE;
/* out has one element. */
int avec_sum(struct avec *out, const struct avec *a) PET_MUST_USE;
/* Inclusive prefix sums. */
void avec_prefix_sum(struct avec *out, const struct avec *a);
/* The same values in fewer bits: exact when they fit. */
int avec_reduce(struct avec *out, const struct avec *a) PET_MUST_USE;

int bvec_xor(struct bvec *out, const struct bvec *a, const struct bvec *b) PET_MUST_USE;
/* Party 0 flips its share. */
void bvec_not(struct bvec *out, const struct bvec *a, int party);
int bvec_and_pub(struct bvec *out, const struct bvec *a, const struct bvec *pub) PET_MUST_USE;

#endif
