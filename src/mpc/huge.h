/*
 * Memory for long arrays: from 2 MiB on, aligned to and advised for large pages. To
 * touch a fresh small page costs some 3 us per 4 KiB here, ten times what most loops do with it.
 */
#ifndef PET_MPC_HUGE_H
#define PET_MPC_HUGE_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

/* At least size bytes, uninitialised, aligned to 64 at least; free() frees them. NULL: no memory. */
static inline void *huge_alloc(size_t size)
{
	size_t align = size < HUGE_PAGE ? 64 : HUGE_PAGE;
	void *p;

	if (size > SIZE_MAX - align)
		return NULL;
	p = aligned_alloc(align, size / align * align + align);
	/* Advice only: without it the array is as good, and slower at first. */
	if (p && align == HUGE_PAGE)
		(void)madvise(p, size, MADV_HUGEPAGE);
	return p;
}

#endif
