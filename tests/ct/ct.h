/*
 * Constant-time tests: secrets are marked undefined, and valgrind's memcheck
 * reports every branch and every address that depends on them, to the last bit.
 * A program here runs its cases once and exits 0; ct.t runs it under valgrind
 * at every level that valgrind can emulate. With the argument "leak" it must
 * branch on a secret: the proof that the check can fail. With "level" it prints
 * the level in use.
 */
#ifndef PET_TESTS_CT_CT_H
#define PET_TESTS_CT_CT_H

#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "mpc/cpu.h"

#ifdef HAVE_VALGRIND_MEMCHECK_H
#include <valgrind/memcheck.h>
#define CT_SECRET(p, len) ((void)VALGRIND_MAKE_MEM_UNDEFINED((p), (len)))
#define CT_PUBLIC(p, len) ((void)VALGRIND_MAKE_MEM_DEFINED((p), (len)))
#else
#define CT_SECRET(p, len) ((void)(p), (void)(len))
#define CT_PUBLIC(p, len) ((void)(p), (void)(len))
#endif

/* 0 when valgrind watches and no bit of the 16 bytes depends on a secret: then the case tested nothing. */
static inline int ct_reached(const void *p)
{
#ifdef HAVE_VALGRIND_MEMCHECK_H
	unsigned char bits[16] = { 0 }, any = 0;

	if (!RUNNING_ON_VALGRIND || VALGRIND_GET_VBITS(p, bits, sizeof(bits)) != 1)
		return !RUNNING_ON_VALGRIND;
	for (size_t i = 0; i < sizeof(bits); i++)
		any |= bits[i];
	return any != 0;
#else
	return p != NULL;
#endif
}

/* Compiled with a branch, not a conditional move: two calls. */
static inline int ct_leak(const void *secret)
{
	return *(const volatile unsigned char *)secret > 7 ? puts("# above") : puts("# below");
}

/* The arguments that every program here takes; `secret` is marked already. Nonnegative: exit with that. */
static inline int ct_main(int argc, char **argv, const void *secret)
{
	if (argc > 1 && strcmp(argv[1], "level") == 0)
		return puts(cpu_level_name(cpu_level())) < 0;
	if (argc > 1 && strcmp(argv[1], "leak") == 0)
		return ct_leak(secret) < 0;
	return -1;
}

#endif
