/*
 * Rows sorted by a key of bytes, in bounded memory: what does not fit is sorted
 * in runs, which lie in files until they are merged (Knuth, TAOCP 3, 5.4.1).
 * Equal keys keep the order in which they came. The files have no name: nothing
 * is left when the process dies.
 */
#ifndef PET_TABLE_ROWSORT_H
#define PET_TABLE_ROWSORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct rowsort;

/*
 * dir: where runs go (borrowed). memory: bytes for rows, keys and 32 bytes for each;
 * a run is written when the next row would pass it. One row may be larger.
 */
int rowsort_new(struct rowsort **out, const char *dir, size_t memory) PET_MUST_USE;
/* Copies both. `flag` (0 or 1) comes out with the row. ERR_IO, with errno, when a run cannot be written. */
int rowsort_add(struct rowsort *s, const void *key, size_t key_len, const void *row, size_t row_len,
		int flag) PET_MUST_USE;
typedef int rowsort_fn(void *arg, const char *row, size_t len, int flag);
/* Every row in order, once; stops at the first error of fn and returns it. */
int rowsort_each(struct rowsort *s, rowsort_fn *fn, void *arg) PET_MUST_USE;
/* How many runs went to files: 0 while all fitted. */
unsigned rowsort_runs(const struct rowsort *s);
void rowsort_free(struct rowsort *s);

#endif
