/*
 * Self-tests at start: x_selftest(level) runs module x's kernels of that level
 * and the portable ones on the same data; 1 when all outputs are equal. It must
 * not call cpu_level(). A module with kernels adds its name to CPU_TESTS.
 */
#ifndef PET_MPC_CPU_TEST_H
#define PET_MPC_CPU_TEST_H

#include "mpc/block.h"
#include "mpc/cpu.h"

#define CPU_TESTS(X) X(vec) X(aes) X(hash) X(gf128) X(transpose) X(ggm) X(softspoken) X(lpn) X(vole_lpn)

#define CPU_TEST_DECLARE(name) int name##_selftest(enum cpu_level level);
CPU_TESTS(CPU_TEST_DECLARE)
#undef CPU_TEST_DECLARE

/* Reproducible test blocks (splitmix64): no secrets, no security. */
void cpu_test_data(struct block *out, size_t n, uint64_t seed);

#endif
