/*
 * Circuit PSI: of which of the receiver's items the sender has too, and what the
 * sender says of them, shares only. The way of Pinkas, Schneider, Tkachenko and
 * Yanai (eprint 2019/241) with the OPRF of RR22 (eprint 2022/320, see
 * vole_psi.h) and an OKVS as programmable OPRF (Rindal and Schoppmann, eprint 2021/266):
 *
 *	R places its items in bins by cuckoo hashing with three places (h_0, h_1, h_2)
 *	R -> S	OPRF on (item, t) of each bin, t the place taken; random keys in empty bins
 *	S	per bin random tag w and masks r; for each of its items and t, of bin b = h_t:
 *		OKVS (item, t) -> (w_b, payload - r_b) ^ F(item, t)
 *	S -> R	the OKVS; R decodes its own (w', payload')
 *	both	e_b = (w'_b = w_b) by comparison (cmp.h); payload shares (payload', r_b), zero where e_b is 0
 *
 * Bins: 1.27 n and at least 2048, for which no stash is needed up to 2^-40 (2019/241, table 1, and its
 * source; smaller sets have more room). A set that cannot be placed ends the run with ERR_CONFLICT: a second try with other
 * hashes would tell S something. Wrong matches: 2^-64 per bin.
 *
 * Who learns what: both the two numbers of items. Nothing else.
 * Bytes: 16·1.3·bins (R to S) and 16·1.3·3m·(1 + floor(words / 2)) (S to R), words = those of all columns, the VOLE's, and per bin a
 * comparison of 64 bits and a selection per column. Flights: those of the VOLE, 2, then 6 and 2.
 */
#ifndef PET_MPC_CPSI_H
#define PET_MPC_CPSI_H

#include "mpc/mpc.h"
#include "mpc/share.h"

#define CPSI_ITEMS_MAX (UINT32_C(1) << 24)
#define CPSI_EMPTY UINT32_MAX

struct cpsi {
	int receiver;		/* the party that is R */
	uint32_t own, peer;	/* numbers of items, said to each other before */
	const struct block *item;	/* own, distinct: hashes under a key agreed after the items were fixed */
	unsigned columns;	/* of the sender's payload */
	int wide;		/* columns have 128 bits: two words an item, low first */
	const uint64_t *const *payload;	/* at the sender: a column each, `own` items */
	struct errmsg *em;
};

/* How many bins: the length of all results. */
uint32_t cpsi_bins(uint32_t receiver_items);
/* match: a bit per bin. value: `columns` vectors of 64 bits, or of 128. item_of: at R, which item is in a bin, CPSI_EMPTY for none; else untouched. */
int cpsi_run(struct mpc *m, const struct cpsi *c, struct bvec *match, struct avec *value, uint32_t *item_of) PET_MUST_USE;

#endif
