/*
 * The group for Diffie-Hellman protocols: Curve25519 by x-coordinate (RFC 7748).
 *
 * An element is the 32-byte little-endian u-coordinate of a point; P and -P are
 * the same element, which costs such protocols nothing. A key is an X25519
 * scalar: a multiple of 8, so the small-order part of any input vanishes, also
 * of one on the twist, whose order is as safe. Multiplication is libsodium's.
 *
 * Hashing is RFC 9380's suite curve25519_XMD:SHA-512_ELL2_NU_ (sections 5.3.1,
 * 5.2, 6.7.1) without clear_cofactor, which the first multiplication does. The
 * map is onto about half of the points and uniform on them; since one may also
 * sample that half with a known logarithm by rejection, DDH carries over.
 * docs/operators/psi.md has the argument and the figures behind this choice.
 *
 * Everything is constant time in keys and hashed items. Loops over a batch run
 * on `threads` cores; results do not depend on their number.
 */
#ifndef PET_MPC_GROUP_H
#define PET_MPC_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define GROUP_BYTES 32
#define GROUP_HASH_BYTES 32	/* of an item that is hashed: itself the digest of what is compared */

struct group_key {
	uint8_t scalar[32];
};

/* Once per process, before anything else here. */
int group_init(void) PET_MUST_USE;
void group_key_new(struct group_key *k);
void group_key_wipe(struct group_key *k);

/*
 * out[i] = map(in[i]) for n items of 32 bytes; dst is the domain separation
 * tag, 1 to 255 bytes. Single thread; the caller splits.
 */
int group_hash(uint8_t (*out)[GROUP_BYTES], const uint8_t (*in)[GROUP_HASH_BYTES], size_t n,
	       const char *dst) PET_MUST_USE;
/* RFC 9380 section 5.3.1 and 5.2 for one message: the field element u, little-endian. */
int group_hash_to_field(uint8_t u[32], const void *msg, size_t len, const char *dst) PET_MUST_USE;
/* RFC 9380 section 6.7.1: n field elements to u-coordinates, n at most GROUP_MAP_MAX. */
#define GROUP_MAP_MAX 64
void group_map(uint8_t (*out)[GROUP_BYTES], const uint8_t (*u)[32], unsigned n);

/*
 * out = key * in. ERR_PEER when `in` is not the canonical coordinate (at least
 * 2^255 - 19) or has small order, 0 included: no honest party sends that.
 * out may be in. Variable time in which inputs are refused only.
 */
int group_mul(uint8_t out[GROUP_BYTES], const struct group_key *k,
	      const uint8_t in[GROUP_BYTES]) PET_MUST_USE;

#endif
