/* The pass over a CSV file that checks it and finds its rows, in one go or window by window. Internal to src/table. */
#ifndef PET_TABLE_CSV_SCAN_H
#define PET_TABLE_CSV_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "table/csv.h"
#include "table/csv_mask.h"

struct csv_scan {
	/* set by csv_scan_init; borrowed */
	const uint8_t *data;
	size_t len;
	const char *name;
	struct csv_opts opts;
	csv_mask_fn *masks;
	/* what was found */
	size_t header, header_len;	/* the header line, without BOM and line end */
	size_t columns;			/* 0: nothing but empty lines so far */
	uint64_t *rows;			/* owned: offset of each row's first byte */
	uint64_t count, cap;
	/* where the pass stands */
	size_t pos, row_start, delims;
	size_t blank_at;		/* the first of the empty lines since the last row */
	int blank, done;
	/* of the byte before pos, as bit 0 or all bits: see scan_block */
	uint64_t inside, at_start, after_quote, after_cr;
	/* UTF-8: continuation bytes still needed, and what the next one may be */
	unsigned need;
	uint8_t low, high;
};

void csv_scan_init(struct csv_scan *s, const uint8_t *data, size_t len, const char *name, const struct csv_opts *opts);
/* Forgets the rows found so far and goes on for at least `bytes` bytes and one row, or to the end, which sets done. */
int csv_scan_more(struct csv_scan *s, size_t bytes, struct errmsg *em) PET_MUST_USE;
void csv_scan_fini(struct csv_scan *s);

/* A sentence about one place: "NAME, line L, column C: …". */
int csv_error_at(struct errmsg *em, const char *name, const uint8_t *data, size_t offset,
		 const char *fmt, ...) PET_PRINTF(5, 6) PET_MUST_USE;
uint64_t csv_line_of(const uint8_t *data, size_t offset);

#endif
