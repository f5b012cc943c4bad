/*
 * The vector layer: one source for every instruction set.
 *
 * A kernel (`*_kern.h`) includes this header only; the file that compiles it,
 * kern_portable.c, kern_aesni.c, kern_vaes.c or kern_avx512.c, has included
 * vec_LEVEL.h before, which sets the compiler's target and defines:
 *
 *   VEC_BLOCKS               blocks in a vec: 4 (portable), 1, 2, 4
 *   VEC_NAME(x)              x with the level's suffix, for what a kernel exports
 *   VEC_STREAMS_WIN          whether eight independent AES streams cost less than eight single ones
 *   vec_load/vec_store       VEC_BLOCKS blocks; no alignment beyond a byte's
 *   vec_zero, vec_set1(b)    b in every block
 *   vec_index(i)             block j is { i + j, 0 }
 *   vec_xor/vec_and          andnot(a, b) = ~a & b
 *   vec_add64                word by word
 *   vec_eq64                 word by word: all ones where equal
 *   vec_shl64/vec_shr64(v,n) word by word, n a constant
 *   vec_swap(v)              both words of every block exchanged
 *   vec_sigma(v)             block_sigma of every block
 *   vec_lsb_mask(v)          per block: all ones when its bit 0 is set
 *   vec_lo8, hi8 … hi64(a,b) interleave the low or high halves of every block, by units of 8, 16, 32, 64 bits
 *   vec_aesenc/enclast(s,k)  one AES round
 *   vec_key_round(k, rcon)   one step of AES-128's key expansion, in every block
 *   vec_clmul00, 01, 10, 11  carry-less product of word i of a and word j of b
 *   vec_fold(v)              XOR of all blocks, a struct block
 *   vec_store1(p, v)         the first block
 *   vec_store_rows(p,s,a,b,c,d) block j of a, b, c, d to p[j*s], p[j*s+1], p[j*s+2], p[j*s+3]
 *
 * Everything is constant time. A vec never appears in an exported function.
 */
#ifndef PET_MPC_VEC_H
#define PET_MPC_VEC_H

#include "mpc/aes.h"
#include "mpc/block.h"

#ifndef VEC_BLOCKS
#error "include the vec_LEVEL.h of this file's level before a kernel"
#endif

/* Eight of something, written out: compilers keep eight named variables in registers, an array of them not always. */
#define VEC_EACH8(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)
/* Rounds of AES in a row: a loop around them would move every stream to another register and back. */
#define VEC_UNROLL _Pragma("GCC unroll 10")
#define VEC_CHUNK (8 * VEC_BLOCKS)	/* blocks in eight vecs */

struct vec8 {
	vec v0, v1, v2, v3, v4, v5, v6, v7;
};

static inline struct vec8 vec8_load(const struct block *p)
{
	struct vec8 s;

#define VEC_LOAD(i) s.v##i = vec_load(p + (i) * VEC_BLOCKS);
	VEC_EACH8(VEC_LOAD)
#undef VEC_LOAD
	return s;
}

static inline void vec8_store(struct block *p, struct vec8 s)
{
#define VEC_STORE(i) vec_store(p + (i) * VEC_BLOCKS, s.v##i);
	VEC_EACH8(VEC_STORE)
#undef VEC_STORE
}

static inline struct vec8 vec8_xor(struct vec8 a, struct vec8 b)
{
#define VEC_XOR(i) a.v##i = vec_xor(a.v##i, b.v##i);
	VEC_EACH8(VEC_XOR)
#undef VEC_XOR
	return a;
}

static inline struct vec8 vec8_xor1(struct vec8 a, vec b)
{
#define VEC_XOR1(i) a.v##i = vec_xor(a.v##i, b);
	VEC_EACH8(VEC_XOR1)
#undef VEC_XOR1
	return a;
}

static inline struct vec8 vec8_sigma(struct vec8 a)
{
#define VEC_SIGMA(i) a.v##i = vec_sigma(a.v##i);
	VEC_EACH8(VEC_SIGMA)
#undef VEC_SIGMA
	return a;
}

/* Block j of all eight is { i + j, 0 }, where base is vec_index(i). */
static inline struct vec8 vec8_index(vec base)
{
	struct vec8 s;

#define VEC_INDEX(i) s.v##i = vec_add64(base, vec_set1(block_set((i) * VEC_BLOCKS, 0)));
	VEC_EACH8(VEC_INDEX)
#undef VEC_INDEX
	return s;
}

/* AES-128 under one key, eight streams abreast to hide the round's latency. */
static inline struct vec8 vec8_aes(const struct aes_key *key, struct vec8 s)
{
	s = vec8_xor1(s, vec_set1(key->rk[0]));
	VEC_UNROLL
	for (int r = 1; r < 10; r++) {
		vec k = vec_set1(key->rk[r]);

#define VEC_ROUND(i) s.v##i = vec_aesenc(s.v##i, k);
		VEC_EACH8(VEC_ROUND)
#undef VEC_ROUND
	}
#define VEC_LAST(i) s.v##i = vec_aesenclast(s.v##i, vec_set1(key->rk[10]));
	VEC_EACH8(VEC_LAST)
#undef VEC_LAST
	return s;
}

static inline vec vec_aes(const struct aes_key *key, vec s)
{
	s = vec_xor(s, vec_set1(key->rk[0]));
	for (int r = 1; r < 10; r++)
		s = vec_aesenc(s, vec_set1(key->rk[r]));
	return vec_aesenclast(s, vec_set1(key->rk[10]));
}

#endif
