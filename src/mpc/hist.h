/*
 * Sums of shared values by groups that one party knows: for rows i and features f
 * whose bin b(i,f) the owner has in plain, shares of
 *
 *	sum[f][b] = sum over i with b(i,f) = b of v[i]
 *
 * for any number of value vectors and any number of passes, at one set-up. The
 * owner's part of v is local. For the other party's, each (i,f) has a punctured
 * GGM tree with a leaf per bin (ggm.h), of which the owner lacks leaf b alone: the
 * idea of SoftSpoken's small-field VOLE (eprint 2022/192) with a place that stays.
 * A pass hashes the leaves anew and sends one number per (i,f) and value.
 *
 *	set-up	per (i,f): beta COTs, beta bits, 16 (beta - 1) bytes; two flights per chunk
 *	pass	per (i,f) and value: `bits` bits, one flight; 2^beta·(1 + ceil(values / 2)) AES, of 128 bits 2^beta·(1 + values)
 *
 * with 2^beta bins, beta from 3 to 8. The other party learns nothing, the owner
 * numbers masked by the hash of the leaf that it lacks. Hash indices are the
 * lane's (mpc_index): none recurs, in no pass. Bins and rows are public sizes.
 */
#ifndef PET_MPC_HIST_H
#define PET_MPC_HIST_H

#include "mpc/mpc.h"
#include "mpc/share.h"

#define HIST_BETA_MIN 3
#define HIST_BETA_MAX 8

struct hist;

struct hist_conf {
	int owner;		/* the party that knows the bins */
	uint32_t rows, features;
	unsigned beta;
	int threads;		/* of the local work; results do not depend on it */
	const uint8_t *bin;	/* at the owner: feature after feature, rows bytes each, below 2^beta; borrowed */
};

int hist_new(struct hist **out, struct mpc *m, const struct hist_conf *conf) PET_MUST_USE;
void hist_free(struct hist *h);
/*
 * sum[v] += the sums of v[0 … values - 1], which have `rows` elements each: features·2^beta elements, feature after feature,
 * of v's bits, at most 64, or 128. All vectors have the same bits and scale.
 */
int hist_add(struct hist *h, struct avec *const *sum, const struct avec *const *v, unsigned values) PET_MUST_USE;

#endif
