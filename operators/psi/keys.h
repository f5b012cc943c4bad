/*
 * The key of each row of a CSV file: one or several columns, compared as text,
 * normalised only where the request says so.
 *
 * A key's digest is SipHash-2-4 with 128 bits of output (Aumasson, Bernstein,
 * SipHash: a fast short-input PRF, INDOCRYPT 2012; libsodium's) over the field,
 * or over all fields with their lengths before them when there are several, so
 * that ("ab","c") and ("a","bc") differ. Its key is drawn by both parties
 * together after their files are fixed. That makes it a keyed hash whose
 * collisions nobody can have prepared: over N keys at both parties together two
 * different ones meet with probability about N^2 / 2^129. The digest is no
 * secret-keeping step: that is what the protocols behind psi.h do.
 */
#ifndef PET_PSI_KEYS_H
#define PET_PSI_KEYS_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "table/csv.h"

#define PSI_HASH_KEY_BYTES 16
#define PSI_DIGEST_BYTES 16

struct psi_norm {
	int trim;		/* space, tab, CR, LF, VT, FF at both ends of every key field go */
	int fold_ascii;		/* A to Z become a to z; nothing else changes */
};

struct psi_keys {
	size_t *column;			/* owned, `columns` of them, in the order of the request */
	size_t columns;
	size_t part;			/* how many fields of a row are needed to have them all */
	struct csv_field *fields;	/* scratch: one row */
	struct psi_norm norm;
	struct buf text, whole;		/* scratch: one field, all fields */
};

/* names: a string or a list of them. An unknown column is an error that names the nearest. k is zeroed by the caller. */
int psi_keys_init(struct psi_keys *k, const struct csv *csv, const json_t *names, const struct psi_norm *norm,
		  struct errmsg *em) PET_MUST_USE;
void psi_keys_fini(struct psi_keys *k);
/* Of a row of csv's window. ERR_INPUT: the file was changed meanwhile; or ERR_NOMEM. */
int psi_keys_digest(struct psi_keys *k, const struct csv *csv, uint64_t row, const uint8_t hash_key[PSI_HASH_KEY_BYTES],
		    uint8_t out[PSI_DIGEST_BYTES]) PET_MUST_USE;
/*
 * Bytes whose order is that of the keys: column by column, bytewise, a shorter
 * field before one that it begins. Both parties order their output by it, so
 * that the order of a file leaves no trace. Points into k until the next call.
 */
int psi_keys_sortable(struct psi_keys *k, const struct csv *csv, uint64_t row, const char **data, size_t *len) PET_MUST_USE;

#endif
