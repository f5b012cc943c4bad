/*
 * Oblivious key-value store over GF(2^128): a table P such that decoding a key gives its value, and any other key
 * something unrelated. Source: Raghuraman and Rindal, "Blazing Fast PSI from Improved OKVS and Subfield VOLE"
 * (RR22, eprint 2022/320), sections 4 and 5: rows of weight 3 inside bins, and dense columns (h, h^2, h^3, …).
 *
 * decode(P, x) = P[c0] + P[c1] + P[c2] + sum_j h^j D[j], with h = AES_seed(x) + x, and bin and columns from h:
 * linear in P. Encoding fails with probability <= 2^-40 over the seed, all bins together (docs/okvs.md).
 *
 * Keys are distinct blocks that are hashes already, under a key agreed after the inputs were fixed; the seed is
 * public and fresh. Values and table entries are GF(2^128) elements (gf128.h).
 *
 * _var: time and memory accesses depend on the caller's own keys, since the columns of a key are places in memory;
 * there is no OKVS decode of useful speed without that. They never depend on values or table contents, and nothing
 * but the table leaves the party. A co-resident attacker on the caller's own machine is outside the model.
 */
#ifndef PET_MPC_OKVS_H
#define PET_MPC_OKVS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mpc/block.h"

struct prg;

#define OKVS_STAT_BITS 40
#define OKVS_MAX_ITEMS (UINT32_C(1) << 28)

/* All of it follows from `items` alone, so that both parties know it. */
struct okvs_params {
	uint32_t items;		/* most keys that an encoding may hold */
	uint32_t bins;
	uint32_t capacity;	/* most keys of one bin: exceeded with probability <= 2^-41 by any bin */
	uint32_t sparse;	/* columns of weight 3, of each bin */
	uint32_t dense;		/* columns h, h^2, …, of each bin */
};

/* ERR_INPUT when items is over OKVS_MAX_ITEMS. 0 items are allowed: the table is then that of one item. */
int okvs_params_set(struct okvs_params *p, uint64_t items) PET_MUST_USE;
/* Blocks of the table: bin after bin, sparse columns before dense ones. */
uint64_t okvs_size(const struct okvs_params *p);

/* Keys sorted into bins and hashed; 20 bytes a key. It does not depend on the number of threads. */
struct okvs_set;

/*
 * n may be anything up to OKVS_MAX_ITEMS for a set that is only decoded (the sender's); keys are not kept.
 * ERR_INPUT (n too large), ERR_NOMEM.
 */
int okvs_set_new_var(struct okvs_set **out, const struct okvs_params *p, struct block seed,
		     const struct block *keys, uint64_t n, int threads) PET_MUST_USE;
void okvs_set_free(struct okvs_set *s);		/* wipes; NULL is allowed */

/* The i-th item in bin order is keys[order[i]]; inside a bin the order of keys is kept. */
const uint32_t *okvs_set_order(const struct okvs_set *s);
/* bins + 1 offsets into that order. */
const uint32_t *okvs_set_bins(const struct okvs_set *s);
/*
 * h = AES_seed(x) + x of each item, in bin order: what values that are a hash of the key may be hashed from, without a
 * gather. Values are never h itself or linear in it: the table that is 1 in the dense column of h and 0 elsewhere
 * decodes every key there is to h.
 */
const struct block *okvs_set_hash(const struct okvs_set *s);
uint64_t okvs_set_count(const struct okvs_set *s);

/*
 * Fills table[okvs_size] so that item i, in bin order, decodes to values[i].
 *
 * With rng, the table is uniform among all solutions (the obliviousness of section 4): every sparse column that is
 * no pivot and every dense column that the gap does not need is random, from a generator per bin seeded by rng.
 * With NULL these are zero, which is less work: only for a table that is masked by a (pseudo)random vector of the same
 * length before it leaves, as RR22's OPRF does with its VOLE.
 *
 * ERR_INPUT: two keys are equal, or more than items. ERR_CONFLICT: this seed does not work for these keys (a bin over
 * its capacity, or not solvable), probability <= 2^-40: end the run, since a second seed chosen because of it would tell
 * the peer something about the keys. ERR_NOMEM. The table is undefined then.
 */
int okvs_encode_var(const struct okvs_set *s, const struct block *values, struct prg *rng,
		    struct block *table, int threads) PET_MUST_USE;

/* out[i] = decode of the i-th item in bin order; out is not the table. */
void okvs_decode_var(const struct okvs_set *s, const struct block *table, struct block *out, int threads);

/*
 * The same for parts, so that one bin is on its way while the next is solved. values and table begin with the first
 * item and the first bin of the range; free columns are zero (as with rng NULL).
 */
struct okvs_range {
	uint32_t first, count;	/* bins */
};
int okvs_encode_bins_var(const struct okvs_set *s, struct okvs_range range, const struct block *values,
			 struct block *table, int threads) PET_MUST_USE;
/* Items from … to-1 in bin order, all of one bin, whose part of the table is `part`; out[0] is that of `from`. */
void okvs_decode_part_var(const struct okvs_set *s, uint64_t from, uint64_t to, const struct block *part,
			  struct block *out);

#endif
