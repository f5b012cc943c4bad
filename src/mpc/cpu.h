/*
 * Which instructions the kernels use, chosen once per process.
 *
 * CPU_PORTABLE  plain C, constant time, any little-endian machine
 * CPU_AESNI     SSSE3, SSE4.1, AES, PCLMULQDQ
 * CPU_VAES      AVX2, VAES and VPCLMULQDQ on 256 bits
 * CPU_AVX512    AVX-512 F, BW, DQ, VL, VBMI, GFNI, VAES and VPCLMULQDQ on 512 bits
 *
 * The highest level that the machine has is used, if its kernels agreed with
 * the portable ones in a self-test just before; a level that did not is left
 * out with one line in the log. Environment PET_CPU=portable|aesni|vaes|avx512
 * sets an upper bound.
 *
 * A module with kernels declares their table with CPU_KERNELS and calls
 * CPU_PICK(name)->function. Kernel bodies stand in `*_kern.h`, written over the
 * vector layer (vec.h), and are listed in kern_all.h, which every kern_LEVEL.c
 * compiles once. Its self-test is a line in cpu_tests of cpu.c.
 */
#ifndef PET_MPC_CPU_H
#define PET_MPC_CPU_H

#include "base/err.h"

enum cpu_level { CPU_PORTABLE, CPU_AESNI, CPU_VAES, CPU_AVX512 };
#define CPU_LEVELS 4

/* The level in use; thread-safe. The first call runs the self-tests (below a millisecond per level). */
enum cpu_level cpu_level(void);
/* For tests and benches: ERR_INPUT when this machine lacks the level or its self-test failed. PET_CPU does not bind it. */
int cpu_set_level(enum cpu_level level) PET_MUST_USE;
const char *cpu_level_name(enum cpu_level level);

#if defined(__x86_64__)
#define CPU_KERNELS(type, name) \
	extern const struct type name##_portable, name##_aesni, name##_vaes, name##_avx512; \
	static const struct type *const name##_table[CPU_LEVELS] = { \
		&name##_portable, &name##_aesni, &name##_vaes, &name##_avx512 }
#else
#define CPU_KERNELS(type, name) \
	extern const struct type name##_portable; \
	static const struct type *const name##_table[CPU_LEVELS] = { \
		&name##_portable, &name##_portable, &name##_portable, &name##_portable }
#endif
#define CPU_PICK(name) (name##_table[cpu_level()])

#endif
