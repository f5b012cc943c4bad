/*
 * The key of each row of a CSV file: one or several columns, compared as text.
 * A key's digest is BLAKE2b-256 over the number of columns and each field with
 * its length before it, so that ("ab","c") and ("a","bc") differ.
 */
#ifndef PET_PSI_KEYS_H
#define PET_PSI_KEYS_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "mpc/group.h"
#include "table/csv.h"

struct psi_keys {
	const struct csv *csv;		/* borrowed */
	size_t *column;			/* owned, `columns` of them, in the order of the request */
	size_t columns;
	struct csv_field *fields;	/* scratch: one row */
	struct buf text;		/* scratch: one field, unescaped */
};

/* names: a string or a list of them. An unknown column is an error that names the nearest. k is zeroed by the caller. */
int psi_keys_init(struct psi_keys *k, const struct csv *csv, const json_t *names,
		  struct errmsg *em) PET_MUST_USE;
void psi_keys_fini(struct psi_keys *k);
/* out holds csv_rows digests. */
int psi_keys_digests(struct psi_keys *k, uint8_t (*out)[GROUP_HASH_BYTES], struct errmsg *em) PET_MUST_USE;
/* ERR_INPUT when two rows have the same digest; the local text names the lines of the first few pairs. */
int psi_keys_distinct(const struct psi_keys *k, const uint8_t (*digest)[GROUP_HASH_BYTES],
		      struct errmsg *em) PET_MUST_USE;
/*
 * The rows that are marked, `count` of them, sorted by their keys: column by
 * column, bytewise, a shorter field before one that it begins. Both parties get
 * the same order from it, and the order of the file leaves no trace.
 */
int psi_keys_order(struct psi_keys *k, const uint8_t *marked, uint32_t count, uint32_t *rows,
		   struct errmsg *em) PET_MUST_USE;

#endif
