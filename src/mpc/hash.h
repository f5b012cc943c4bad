/*
 * The correlation-robust hash, tweakable and multi-instance (eprint 2019/074,
 * section 7.4; re-keying against multi-instance attacks: eprint 2019/1168):
 *
 *   H(x, i) = pi(y) ^ y,   y = sigma(x) ^ i,   pi = AES under K(i / 512)
 *   K(s)    = AES_session({ s, domain })
 *
 * The key changes with the index, not with calls: results do not depend on how
 * a range of indices is cut into calls. An index is hashed at most twice in a
 * domain and session (hash_pairs does that), so a key serves at most 2^10
 * calls and the bound of 2019/1168 leaves 118 bits. Every use has a domain of
 * its own; (domain, index) never recurs within a session, over retries too.
 * The session block is a secret or public random value fixed after the inputs
 * are, and keys nothing else.
 *
 * Constant time. out may be in; in hash_pairs one of the outputs may.
 */
#ifndef PET_MPC_HASH_H
#define PET_MPC_HASH_H

#include "mpc/aes.h"

#define HASH_KEY_SPAN 512	/* indices under one key */

/* One number per use, here, so that none is taken twice. */
enum hash_domain {
	HASH_OT = 1,		/* random OT from correlated OT */
	HASH_TREE,		/* inner nodes of GGM trees */
	HASH_LEAF,		/* leaves of GGM trees */
	HASH_PSI,		/* outputs of the OPRF in PSI */
	HASH_BASE,		/* keys of base OTs */
	HASH_SOFTSPOKEN,	/* leaves of the small-field VOLE */
	HASH_FERRET,		/* LPN-based COT */
	HASH_VOLE,		/* VOLE over GF(2^128) */
	HASH_CHOICE,		/* chosen-message OT: pads */
	HASH_ONEHOT,		/* punctured one-hot trees of histograms */
	HASH_ENGINE,		/* transfers of the two-party engine */
	HASH_TEST = 0x7e57,	/* tests */
};

struct hash {
	struct aes_key prf;	/* of the session */
	uint32_t domain;
};

void hash_init(struct hash *h, struct block session, uint32_t domain);
void hash_wipe(struct hash *h);
/* out[j] = H(in[j], index + j). About 40 ns per call and per key on top of the blocks: give it many. */
void hash_blocks(const struct hash *h, uint64_t index, const struct block *in, struct block *out, size_t n);
/* out0[j] = H(in[j], index + j), out1[j] = H(in[j] ^ delta, index + j): the sender of random OT. */
void hash_pairs(const struct hash *h, uint64_t index, const struct block *in, struct block delta,
		struct block *out0, struct block *out1, size_t n);
/* K(s) for kernels that hash on their own: key of the indices [512 s, 512 s + 512). */
void hash_key(const struct hash *h, uint64_t span, struct aes_key *key);

/* Kernels: all n indices lie under the one key. */
struct hash_ops {
	void (*key)(const struct hash *h, uint64_t span, struct aes_key *k);
	void (*blocks)(const struct aes_key *k, uint64_t index, const struct block *in, struct block *out, size_t n);
	void (*pairs)(const struct aes_key *k, uint64_t index, const struct block *in, struct block delta,
		      struct block *const out[2], size_t n);
};

#endif
