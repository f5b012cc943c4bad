/*
 * Public tables at a shared place. The index is shared additively mod 2^c, so
 * one party turns the table by its share and the other fetches the entry at
 * its own share by a 1-of-2^c transfer. Its pads are those of Naor and Pinkas
 * (Computationally secure oblivious transfer, J. Cryptology 2005, section 3):
 * pad[j] = XOR over bits b of j of F(K_b^{j_b}, j), with F the hash under an
 * index of its own for every j; hashed first, then combined. Half of the
 * elements go in each direction.
 *
 *	mpc_lut		c COTs, c + (2^c - 1)·w bits, w = bits of all columns
 *	mpc_onehot	the same with 2^c columns of one bit
 *
 * Two flights per chunk. Nothing is opened; both parties give the same table.
 */
#ifndef PET_MPC_LUT_H
#define PET_MPC_LUT_H

#include "mpc/mpc.h"
#include "mpc/share.h"

#define LUT_INDEX_MAX 7		/* bits of an index */
#define LUT_COLUMNS_MAX 128	/* and bits of an entry; a column does not go over bit 64 */

/*
 * out[k][i] = table[index[i] * columns + k] mod 2^{bits of out[k]}; index->bits
 * = c is 1 to 7. Columns are put into two words of 64 bits in their order;
 * ERR_INPUT when they do not fit. Scales are the caller's.
 */
int mpc_lut(struct mpc *m, struct avec *out, size_t columns, const struct avec *index,
	    const uint64_t *table) PET_MUST_USE;
/* out[j][i] = (index[i] == j), 2^c vectors. */
int mpc_onehot(struct mpc *m, struct bvec *out, const struct avec *index) PET_MUST_USE;

#endif
