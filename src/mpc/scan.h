/*
 * Scans over segments of a vector, and valid rows to the front. Nothing is opened but what mpc_compact says.
 *
 * A set flag begins a segment; the first element begins one always. out[i] is the
 * sum, minimum, maximum of what stands from the beginning of i's segment up to i,
 * or the first of it: the last element of a segment has the segment's. Levels of
 * doubling distance (Hillis and Steele, Data parallel algorithms, CACM 1986), each over all elements at once:
 *
 *	sum, first	ceil(log2 n) levels of mpc_mux (mpc_mux_priv for flags of one party)
 *	min, max	the same and an mpc_lt and an mpc_select per level
 *
 * and an AND per element and level for shared flags.
 */
#ifndef PET_MPC_SCAN_H
#define PET_MPC_SCAN_H

#include "mpc/mpc.h"
#include "mpc/share.h"

enum scan_kind { SCAN_SUM, SCAN_MIN, SCAN_MAX, SCAN_FIRST };

#define SCAN_SHARED (-1)

/*
 * owner: SCAN_SHARED, or the party that knows the flags (the other one's are not read, and may be NULL).
 * Rings of up to 64 bits, or 128; for min and max values as mpc_lt takes them. out may be x.
 */
int mpc_scan(struct mpc *m, enum scan_kind kind, struct avec *out, const struct avec *x, const struct bvec *flags, int owner) PET_MUST_USE;

/*
 * Rows whose bit is set come first, each part in the order it had, in all columns and in `valid` itself. How many
 * they are is not learned: each row's place is computed in shares (a sum, a selection), rows and places are
 * shuffled (permute.h), and the places, by then a uniformly random permutation, are opened. Rings of up to 64 bits;
 * at most PERMUTE_COLUMNS_MAX - 2 columns.
 */
int mpc_compact(struct mpc *m, struct avec *const *column, size_t columns, struct bvec *valid) PET_MUST_USE;

#endif
