/* AES kernels over the vector layer; see vec.h for who compiles this. */
#ifndef PET_MPC_AES_KERN_H
#define PET_MPC_AES_KERN_H

#include "mpc/vec.h"

/* Key expansion; the key stands in every block of v, or in the first. */
static inline void aes_kern_expand(struct aes_key *k, vec v)
{
	static const uint32_t rcon[10] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36 };

	vec_store1(&k->rk[0], v);
	VEC_UNROLL
	for (int r = 0; r < 10; r++) {
		v = vec_key_round(v, rcon[r]);
		vec_store1(&k->rk[r + 1], v);
	}
}

static void aes_kern_key_set(struct aes_key *k, struct block key)
{
	aes_kern_expand(k, vec_set1(key));
}

/* What is left below one vec goes through a buffer of whole ones. */
static void aes_kern_ecb_rest(const struct aes_key *k, struct block *out, const struct block *in, size_t n)
{
	struct block t[VEC_CHUNK];

	memset(t, 0, sizeof(t));
	memcpy(t, in, n * sizeof(t[0]));
	if (VEC_STREAMS_WIN && n > VEC_BLOCKS)
		vec8_store(t, vec8_aes(k, vec8_load(t)));
	else
		for (size_t i = 0; i < n; i += VEC_BLOCKS)
			vec_store(t + i, vec_aes(k, vec_load(t + i)));
	memcpy(out, t, n * sizeof(t[0]));
	explicit_bzero(t, sizeof(t));
}

static void aes_kern_ecb(const struct aes_key *k, struct block *out, const struct block *in, size_t n)
{
	size_t i = 0;

	for (; n - i >= VEC_CHUNK; i += VEC_CHUNK)
		vec8_store(out + i, vec8_aes(k, vec8_load(in + i)));
	if (i < n)
		aes_kern_ecb_rest(k, out + i, in + i, n - i);
}

static void aes_kern_ctr(const struct aes_key *k, uint64_t tweak, uint64_t first, struct block *out, size_t n)
{
	vec at = vec_xor(vec_index(first), vec_set1(block_set(0, tweak)));
	size_t i = 0;

	for (; n - i >= VEC_CHUNK; i += VEC_CHUNK) {
		vec8_store(out + i, vec8_aes(k, vec8_index(at)));
		at = vec_add64(at, vec_set1(block_set(VEC_CHUNK, 0)));
	}
	for (size_t j = i; j < n; j++)
		out[j] = block_set(first + j, tweak);
	if (i < n)
		aes_kern_ecb_rest(k, out + i, out + i, n - i);
}

extern const struct aes_ops VEC_NAME(aes_ops);
const struct aes_ops VEC_NAME(aes_ops) = { aes_kern_key_set, aes_kern_ecb, aes_kern_ctr };

#endif
