/*
 * The public matrix of the VOLE's LPN: out = A * seed, 10 entries in a row.
 *
 * Row r: places idx[r][0..9] uniform below k (k a power of two), coefficient 1
 * at the first and nine uniform elements of GF(2^128) at the others, all from
 * AES-CTR under a public key. A first coefficient of 1 loses nothing: dividing
 * a row by a non-zero public element maps the instance to itself, since the
 * noise values are uniform. The binary matrix of the COT codes must not be
 * used here: then the 128 bit-planes of c are 128 instances of one noise
 * pattern, and elimination finds it (tests/two/two_vole.c does so).
 *
 * Stream of rows 64g ... 64g+63: AES blocks 736g ... 736g+735; the first 160
 * hold idx as 640 little-endian words of 32 bits, row by row; block
 * 160 + 64j + i is coefficient j+1 of row i.
 *
 * Products are accumulated unreduced and reduced once for each output.
 * Constant time: A is public, so places and coefficients may decide addresses.
 */
#ifndef PET_MPC_VOLE_LPN_H
#define PET_MPC_VOLE_LPN_H

#include "mpc/aes.h"

#define VOLE_LPN_WEIGHT 10
#define VOLE_LPN_GROUP 64		/* rows that share a stretch of the stream */

struct vole_lpn {
	struct aes_key key;		/* public */
	uint32_t mask;			/* k - 1 */
};

void vole_lpn_init(struct vole_lpn *l, struct block public_seed, uint32_t k);
/* b[i] ^= row (first + i) of A * b0; first a multiple of 64. */
void vole_lpn_send(const struct vole_lpn *l, uint64_t first, struct block *b, size_t n, const struct block *b0);
/* The same for a and c at once; ac0[2i] is seed a's element i, ac0[2i+1] seed c's. */
void vole_lpn_recv(const struct vole_lpn *l, uint64_t first, struct block *a, struct block *c, size_t n,
		   const struct block *ac0);

/* The kernels of one level. */
struct vole_lpn_ops {
	void (*send)(const struct vole_lpn *l, uint64_t first, struct block *b, size_t n, const struct block *b0);
	void (*recv)(const struct vole_lpn *l, uint64_t first, struct block *a, struct block *c, size_t n,
		     const struct block *ac0);
};

#endif
