/*
 * Rows of the LPN matrix times a table, over the vector layer. Two things bound
 * it: ten cache lines a row, nearly all from L2 or L3, and 2.5 AES blocks a row
 * for their addresses. So the AES rounds of the next group of rows stand between
 * the loads of this one: the loads' waiting pays for them (8.5 ns a row at
 * k = 2^17 instead of 7.8 for the loads alone and 2.5 for AES, Zen 3).
 */
#ifndef PET_MPC_LPN_CODE_KERN_H
#define PET_MPC_LPN_CODE_KERN_H

#include "mpc/lpn_code.h"
#include "mpc/vec.h"

#define LPN_BLOCKS (LPN_GROUP * LPN_WEIGHT / 4)		/* AES blocks of a group's places */
#define LPN_CHUNKS (LPN_BLOCKS / VEC_CHUNK)		/* AES runs of eight vecs in a group */
#define LPN_ROWS (LPN_GROUP / LPN_CHUNKS)		/* rows between the rounds of each; what is over comes behind */
_Static_assert(LPN_BLOCKS % VEC_CHUNK == 0, "whole runs");

/* One block in whatever register the compiler has for it. */
typedef uint64_t lpn_word __attribute__((vector_size(16), may_alias));

/* Places as offsets in bytes: words of the stream & mask. */
struct lpn_places {
	_Alignas(64) uint32_t at[LPN_GROUP * LPN_WEIGHT];
};

#define LPN_AT(i) (*(const lpn_word *)(const void *)(table + at[i]))

static inline __attribute__((always_inline)) void lpn_row(const uint32_t *at, const char *table, struct block *out)
{
	lpn_word *o = (lpn_word *)(void *)out;
	lpn_word a = *o ^ LPN_AT(0), b = LPN_AT(1);

	a ^= LPN_AT(2);
	b ^= LPN_AT(3);
	a ^= LPN_AT(4);
	b ^= LPN_AT(5);
	a ^= LPN_AT(6);
	b ^= LPN_AT(7);
	a ^= LPN_AT(8);
	b ^= LPN_AT(9);
	*o = a ^ b;
}

/* The state of one AES run. */
struct lpn_run {
	const struct lpn_code *code;
	struct vec8 s;
};

#define LPN_ROUND(i) run->s.v##i = vec_aesenc(run->s.v##i, k);

static inline __attribute__((always_inline)) void lpn_round(struct lpn_run *run, int r)
{
	vec k = vec_set1(run->code->key.rk[r]);

	VEC_EACH8(LPN_ROUND)
}

static inline __attribute__((always_inline)) void lpn_start(struct lpn_run *run, uint64_t block)
{
	run->s = vec8_xor1(vec8_index(vec_index(block)), vec_set1(run->code->key.rk[0]));
}

#define LPN_STORE(i) \
	vec_store((struct block *)(void *)to + (i) * VEC_BLOCKS, vec_and(vec_aesenclast(run->s.v##i, k), mask));

static inline __attribute__((always_inline)) void lpn_finish(struct lpn_run *run, uint32_t *to)
{
	const uint64_t m = run->code->mask * UINT64_C(0x100000001);
	const vec k = vec_set1(run->code->key.rk[10]), mask = vec_set1(block_set(m, m));

	VEC_EACH8(LPN_STORE)
}

/* Round r, then its share of the rows. */
#define LPN_WEAVE(r) \
	lpn_round(&run, r); \
	_Pragma("GCC unroll 4") \
	for (int j = ((r) - 1) * LPN_ROWS / 9; j < (r) * LPN_ROWS / 9; j++) \
		lpn_row(at + LPN_WEIGHT * j, table, out + j);

/* `rows` rows with places `at`, while block… becomes the places `next`. */
static inline void lpn_chunk(const struct lpn_code *c, uint64_t block, uint32_t *next, const uint32_t *at,
			     const char *table, struct block *out, int rows)
{
	struct lpn_run run = { .code = c };

	lpn_start(&run, block);
	LPN_WEAVE(1) LPN_WEAVE(2) LPN_WEAVE(3) LPN_WEAVE(4) LPN_WEAVE(5)
	LPN_WEAVE(6) LPN_WEAVE(7) LPN_WEAVE(8) LPN_WEAVE(9)
	if (rows > LPN_ROWS)
		lpn_row(at + LPN_WEIGHT * LPN_ROWS, table, out + LPN_ROWS);
	lpn_finish(&run, next);
}

static void lpn_kern_first(const struct lpn_code *c, uint64_t block, struct lpn_places *p)
{
	for (int q = 0; q < LPN_CHUNKS; q++) {
		struct lpn_run run = { .code = c };

		lpn_start(&run, block + (uint64_t)q * VEC_CHUNK);
		for (int r = 1; r < 10; r++)
			lpn_round(&run, r);
		lpn_finish(&run, p->at + q * VEC_CHUNK * 4);
	}
}

static void lpn_kern_add(const struct lpn_code *c, uint64_t first, const struct block *table, struct block *out, size_t n)
{
	uint64_t block = first / LPN_GROUP * LPN_BLOCKS;
	struct lpn_places p[2];

	lpn_kern_first(c, block, &p[0]);
	for (size_t g = 0; g < n / LPN_GROUP; g++, out += LPN_GROUP) {
		const struct lpn_places *now = &p[g & 1];
		struct lpn_places *next = &p[~g & 1];

		block += LPN_BLOCKS;
		for (int q = 0; q < LPN_CHUNKS; q++) {
			const int a = q * LPN_GROUP / LPN_CHUNKS, b = (q + 1) * LPN_GROUP / LPN_CHUNKS;

			lpn_chunk(c, block + (uint64_t)q * VEC_CHUNK, next->at + q * VEC_CHUNK * 4,
				  now->at + a * LPN_WEIGHT, (const char *)table, out + a, b - a);
		}
	}
}

extern const struct lpn_ops VEC_NAME(lpn_ops);
const struct lpn_ops VEC_NAME(lpn_ops) = { lpn_kern_add };

#endif
