/*
 * What is made of correlated OTs (ot.h): every call consumes n of them (1-of-16:
 * 4n) and one party's _send meets the other's _recv with the same n and sizes.
 *
 * Keys are H(q, i), H(q ^ Delta, i) with i the correlation's number (hash.h,
 * domain HASH_OT, session of the object): no index recurs in an object.
 * A choice b costs one bit on the wire, b ^ c; messages go back in a second
 * flight. Bits are packed, lowest first; n 1-bit values take (n + 7) / 8 bytes.
 * Long calls are cut into pieces of 2^18 transfers, one round trip each.
 *
 * Errors as in ot.h. Constant time in keys, choices and messages.
 */
#ifndef PET_MPC_OT_DERIVE_H
#define PET_MPC_OT_DERIVE_H

#include "mpc/ot.h"

/* Random OT: two random keys; the receiver has k[i] = k0[i] or k1[i] by bit i of choice. Beyond the COTs, no bytes. */
int ot_rot_send(struct ot *o, struct block *k0, struct block *k1, size_t n) PET_MUST_USE;
int ot_rot_recv(struct ot *o, struct block *k, uint8_t *choice, size_t n) PET_MUST_USE;
/* The same with the receiver's own choice: n bits to the sender. */
int ot_pick_send(struct ot *o, struct block *k0, struct block *k1, size_t n) PET_MUST_USE;
int ot_pick_recv(struct ot *o, struct block *k, const uint8_t *choice, size_t n) PET_MUST_USE;

/* Chosen messages of len bytes, one after the other in m0 and m1: 16 len + 1 bits each. */
int ot_send(struct ot *o, const void *m0, const void *m1, size_t len, size_t n) PET_MUST_USE;
int ot_recv(struct ot *o, const uint8_t *choice, void *out, size_t len, size_t n) PET_MUST_USE;

/*
 * Correlated messages. ADD: y = x + b * diff mod 2^width, width 1 … 64, at width + 1 bits each;
 * bits of diff above width are ignored. XOR: strings of len bytes, y = x ^ b * diff, at 8 len + 1
 * bits each. x is random and an output of the sender.
 */
int ot_add_send(struct ot *o, const uint64_t *diff, uint64_t *x, unsigned width, size_t n) PET_MUST_USE;
int ot_add_recv(struct ot *o, const uint8_t *choice, uint64_t *y, unsigned width, size_t n) PET_MUST_USE;
int ot_xor_send(struct ot *o, const uint8_t *diff, uint8_t *x, size_t len, size_t n) PET_MUST_USE;
int ot_xor_recv(struct ot *o, const uint8_t *choice, uint8_t *y, size_t len, size_t n) PET_MUST_USE;

/*
 * 1-of-16: out[i] = msg[i][choice[i]] mod 2^width, width 1 … 8, at 16 width + 4 bits and 4 COTs each.
 * Every hashed key has one slice per entry and pads are sums of slices of hashes,
 * never hashes of sums: keys of one index differ by Delta. choice is below 16.
 */
int ot16_send(struct ot *o, const uint8_t (*msg)[16], unsigned width, size_t n) PET_MUST_USE;
int ot16_recv(struct ot *o, const uint8_t *choice, uint8_t *out, unsigned width, size_t n) PET_MUST_USE;

/* For these files: transfers per piece, and bits of `width` from and to the wire. */
#define OT_PIECE ((size_t)1 << 18)
void ot_pack(uint8_t *out, const uint64_t *in, unsigned width, size_t n);
void ot_unpack(uint64_t *out, const uint8_t *in, unsigned width, size_t n);

static inline size_t ot_packed(unsigned width, size_t n)
{
	return n / 8 * width + (n % 8 * width + 7) / 8;
}

static inline unsigned ot_bit(const uint8_t *bits, size_t i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

#endif
