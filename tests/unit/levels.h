/* Unit tests of kernels: every case runs at every level that this machine has. */
#ifndef PET_TESTS_UNIT_LEVELS_H
#define PET_TESTS_UNIT_LEVELS_H

#include "mpc/cpu.h"
#include "mpc/cpu_test.h"
#include "test.h"

/* EACH_LEVEL { … } runs the block once per usable level, with it set; `level` is in scope. */
#define EACH_LEVEL \
	for (int level = CPU_PORTABLE; level < CPU_LEVELS; level++) \
		if (cpu_set_level((enum cpu_level)level) == 0)

#define CHECK_BLOCKS(got, want, n) do { \
	if (memcmp((got), (want), (n) * sizeof(struct block)) != 0) { \
		test_failed = 1; \
		printf("# %s:%d: %s differs from %s at level %s, %zu blocks\n", __FILE__, __LINE__, #got, #want, \
		       cpu_level_name(cpu_level()), (size_t)(n)); \
	} } while (0)

#endif
