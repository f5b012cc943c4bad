/*
 * Secret choices among bit columns that one party knows: for shared bits
 * sel[g][c] and columns col[c] of n bits, known to the owner, shares of
 *
 *	out[g] = XOR over c of sel[g][c] & col[c]
 *
 * With one-hot sel that is the chosen column. Per (g, c) one COT, in which the
 * other party chooses by its share of sel, with a message of n bits (correlated,
 * as in docs/engine.md, "Selection"; pads are AES-CTR under the hash of the COT).
 * groups·columns COTs, as many bits and groups·columns·n bits, two flights.
 * The owner learns nothing, the other party masked columns.
 */
#ifndef PET_MPC_COLUMNS_H
#define PET_MPC_COLUMNS_H

#include "mpc/mpc.h"
#include "mpc/share.h"

struct columns {
	int owner;
	size_t n, columns;
	const uint64_t *col;	/* at the owner: column after column, bits_words(n) words each; zeros after n */
};

/* out: `groups` vectors of n bits. sel: as many, of `columns` bits. */
int mpc_columns(struct mpc *m, struct bvec *out, const struct bvec *sel, size_t groups, const struct columns *c) PET_MUST_USE;

#endif
