/*
 * Rows in the order of shared keys: shuffle, then quicksort on opened
 * comparisons (Hamada, Kikuchi, Ikarashi, Chida and Takahashi, Practically
 * efficient multi-party sorting protocols from comparison sort algorithms, ICISC 2012).
 *
 * The place of a row before the shuffle is appended to its keys, shared, and
 * shuffled with it: no two rows are equal. So what is opened is comparisons
 * of different elements in an order that neither party knows, that is, a
 * uniformly random permutation; ties show nothing, and the sort is stable.
 *
 * About 1.39 n·log2 n comparisons are expected, each one mpc_lt per key, one
 * mpc_eq per key and one mpc_lt of ceil(log2 n) + 2 bits (cmp.h), 2 ANDs per
 * key and one opened bit; all segments of a level share their flights, about
 * 2·log2 n levels are expected. Before it one shuffle of all columns (permute.h).
 *
 * Who learns what: n, rings, the number of columns. What is opened can be
 * simulated by sorting a random permutation.
 */
#ifndef PET_MPC_SORT_H
#define PET_MPC_SORT_H

#include "mpc/mpc.h"
#include "mpc/share.h"

#define SORT_KEYS_MAX 16

struct sort_key {
	const struct avec *column;	/* one of the columns that are sorted */
	int descending;
};

/*
 * The rows of all columns (rings of 2 to 64 bits, at most PERMUTE_COLUMNS_MAX - 1 columns) in the order of the
 * keys, the first key first; equal rows keep their order. Keys are signed, from -2^{bits-2} to 2^{bits-2} - 1.
 * ERR_INPUT for a key that is no column, for no key, and for shapes that differ.
 */
int mpc_sort(struct mpc *m, struct avec *const *column, size_t columns, const struct sort_key *key, size_t keys) PET_MUST_USE;

#endif
