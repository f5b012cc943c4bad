/* The one pass over a CSV file that checks it and finds its rows. Internal to src/table. */
#ifndef PET_TABLE_CSV_SCAN_H
#define PET_TABLE_CSV_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct csv_index {
	size_t header, header_len;	/* the header line, without BOM and line end */
	size_t columns;
	uint64_t *rows;			/* owned: offset of each row's first byte */
	uint64_t count, cap;
};

/* Fills the index (zeroed by the caller, whose `rows` are to be freed also after an error). */
int csv_scan(struct csv_index *ix, const uint8_t *data, size_t len, const char *name,
	     struct errmsg *em) PET_MUST_USE;
/* A sentence about one place: "NAME, line L, column C: …". */
int csv_error_at(struct errmsg *em, const char *name, const uint8_t *data, size_t offset,
		 const char *fmt, ...) PET_PRINTF(5, 6) PET_MUST_USE;
uint64_t csv_line_of(const uint8_t *data, size_t offset);

#endif
