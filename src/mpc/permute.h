/*
 * Rows of shared values in another order, which one party knows and nobody
 * else learns: a switching network whose switches are correlated transfers
 * (Mohassel and Sadeghian, eprint 2013/137, section 4; the network of any size
 * is Beauquier and Darrot, On arbitrary size Waksman networks, 2002).
 *
 * n rows of columns of k bits in all: W = n·c - 2^c + 1 switches, c = ceil(log2 n);
 * per switch 1 COT and 1 + k bits; two flights over the streaming. Memory: two
 * copies of the columns; at the owner also 12 n bytes and W bits for the route.
 *
 * Routing follows the owner's secret permutation through memory, so its time
 * may depend on it; the rest is constant time.
 */
#ifndef PET_MPC_PERMUTE_H
#define PET_MPC_PERMUTE_H

#include "mpc/mpc.h"
#include "mpc/share.h"

#define PERMUTE_COLUMNS_MAX 64

/*
 * Row i of the result is row perm[i] of what was there, in every column; all
 * have the same length and rings of up to 64 bits. perm is read at the owner only, who gets
 * ERR_INPUT when it is no permutation of 0 … n - 1.
 */
int mpc_permute(struct mpc *m, int owner, struct avec *const *column, size_t columns,
		const uint32_t *perm) PET_MUST_USE;
/* An order that no party knows: one permutation by each. */
int mpc_shuffle(struct mpc *m, struct avec *const *column, size_t columns) PET_MUST_USE;

#endif
