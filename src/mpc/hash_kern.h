/* Hash kernels over the vector layer: y = sigma(x) ^ i, pi(y) ^ y, under one key. */
#ifndef PET_MPC_HASH_KERN_H
#define PET_MPC_HASH_KERN_H

#include "mpc/aes_kern.h"
#include "mpc/hash.h"
#include "mpc/vec.h"

/* K(s) = AES_session({ s, domain }), expanded. */
static void hash_kern_key(const struct hash *h, uint64_t span, struct aes_key *k)
{
	aes_kern_expand(k, vec_aes(&h->prf, vec_set1(block_set(span, h->domain))));
}

static inline struct vec8 hash_kern_pi(const struct aes_key *k, struct vec8 y)
{
	return vec8_xor(vec8_aes(k, y), y);
}

static inline void hash_kern_rest(const struct aes_key *k, uint64_t index, const struct block *in,
				  struct block *out, size_t n)
{
	struct block t[VEC_CHUNK];

	memset(t, 0, sizeof(t));
	memcpy(t, in, n * sizeof(t[0]));
	if (VEC_STREAMS_WIN && n > VEC_BLOCKS) {
		vec8_store(t, hash_kern_pi(k, vec8_xor(vec8_sigma(vec8_load(t)), vec8_index(vec_index(index)))));
	} else {
		for (size_t i = 0; i < n; i += VEC_BLOCKS) {
			vec y = vec_xor(vec_sigma(vec_load(t + i)), vec_index(index + i));

			vec_store(t + i, vec_xor(vec_aes(k, y), y));
		}
	}
	memcpy(out, t, n * sizeof(t[0]));
	explicit_bzero(t, sizeof(t));
}

static void hash_kern_blocks(const struct aes_key *k, uint64_t index, const struct block *in,
			     struct block *out, size_t n)
{
	vec at = vec_index(index);
	size_t i = 0;

	for (; n - i >= VEC_CHUNK; i += VEC_CHUNK) {
		struct vec8 y = vec8_xor(vec8_sigma(vec8_load(in + i)), vec8_index(at));

		at = vec_add64(at, vec_set1(block_set(VEC_CHUNK, 0)));
		vec8_store(out + i, hash_kern_pi(k, y));
	}
	if (i < n)
		hash_kern_rest(k, index + i, in + i, out + i, n - i);
}

/* sigma is linear: y of x ^ delta is y of x, ^ sigma(delta). */
static void hash_kern_pairs(const struct aes_key *k, uint64_t index, const struct block *in, struct block delta,
			    struct block *const out[2], size_t n)
{
	vec d = vec_set1(block_sigma(delta));
	vec at = vec_index(index);
	size_t i = 0;

	for (; n - i >= VEC_CHUNK; i += VEC_CHUNK) {
		struct vec8 y = vec8_xor(vec8_sigma(vec8_load(in + i)), vec8_index(at));

		at = vec_add64(at, vec_set1(block_set(VEC_CHUNK, 0)));
		vec8_store(out[0] + i, hash_kern_pi(k, y));
		vec8_store(out[1] + i, hash_kern_pi(k, vec8_xor1(y, d)));
	}
	if (i < n) {
		struct block t[VEC_CHUNK];

		for (size_t j = i; j < n; j++)
			t[j - i] = block_xor(in[j], delta);
		hash_kern_rest(k, index + i, in + i, out[0] + i, n - i);
		hash_kern_rest(k, index + i, t, out[1] + i, n - i);
		explicit_bzero(t, sizeof(t));
	}
}

extern const struct hash_ops VEC_NAME(hash_ops);
const struct hash_ops VEC_NAME(hash_ops) = { hash_kern_key, hash_kern_blocks, hash_kern_pairs };

#endif
