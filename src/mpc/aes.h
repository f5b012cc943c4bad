/*
 * AES-128 (FIPS 197), encryption only, in batches: eight independent streams
 * at a time where the machine has AES instructions, bit-sliced C elsewhere.
 * Constant time in keys and data; times depend on n only.
 *
 * Outputs may be the inputs themselves; other overlaps are not allowed. No
 * pointer needs more than a block's natural alignment.
 */
#ifndef PET_MPC_AES_H
#define PET_MPC_AES_H

#include "mpc/block.h"

struct aes_key {
	struct block rk[11];
};

/* About 20 ns with AES instructions. The caller wipes k when the key is secret. */
void aes_key_set(struct aes_key *k, struct block key);
/* out[i] = AES_k(in[i]). */
void aes_ecb(const struct aes_key *k, struct block *out, const struct block *in, size_t n);
/* out[i] = AES_k({ first + i mod 2^64, tweak }): the counter is w[0], the tweak w[1]. */
void aes_ctr(const struct aes_key *k, uint64_t tweak, uint64_t first, struct block *out, size_t n);

/* The kernels of one level; aes_key_set and so on go through the one in use. */
struct aes_ops {
	void (*key_set)(struct aes_key *k, struct block key);
	void (*ecb)(const struct aes_key *k, struct block *out, const struct block *in, size_t n);
	void (*ctr)(const struct aes_key *k, uint64_t tweak, uint64_t first, struct block *out, size_t n);
};

#endif
