/*
 * The sparse part of one bin of an OKVS: rows of three columns, and their
 * triangulation by peeling (RR22, eprint 2022/320, section 4; Garimella et al.,
 * eprint 2021/883, call the rows that peeling leaves over the gap).
 *
 * Running time and memory accesses depend on the rows, that is on keys: hence _var.
 */
#ifndef PET_MPC_OKVS_PEEL_H
#define PET_MPC_OKVS_PEEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mpc/block.h"

#define OKVS_MAX_SPARSE 65535	/* columns and rows are 16 bits */

/* Three distinct columns, then 0. */
struct okvs_row {
	_Alignas(8) uint16_t col[4];
};

/*
 * Columns of keys hashed to h: windows of 32 bits of h scaled to [0, sparse), [0, sparse-1), [0, sparse-2) and
 * bumped apart, so that every triple has the same probability up to 2^-15. The fourth window chooses the bin.
 */
void okvs_rows_var(struct okvs_row *row, const struct block *h, size_t n, uint32_t sparse);

static inline uint32_t okvs_bin_of(struct block h, uint32_t bins)
{
	return (uint32_t)((h.w[1] >> 32) * bins >> 32);
}

/* One step: column `pivot` is solved by row `row`, from the columns a and b of later steps or free ones. */
struct okvs_step {
	_Alignas(8) uint16_t pivot;
	uint16_t a, b, row;
};

struct okvs_peel {
	uint32_t max_rows, max_sparse;
	/* the result: `steps` steps in peeling order, `gaps` rows that no column is left for */
	uint32_t steps, gaps;
	struct okvs_step *step;
	uint16_t *gap;
	/* scratch */
	struct okvs_row *row;
	uint32_t *col;		/* weight << 16 | XOR of the numbers of the rows that are left */
	uint16_t *queue;	/* columns whose weight became 1; each enters once */
	uint8_t *done;
	void *mem;		/* owned, holds all of the above */
	size_t mem_bytes;
};

int okvs_peel_init(struct okvs_peel *p, uint32_t max_rows, uint32_t max_sparse) PET_MUST_USE;
void okvs_peel_free(struct okvs_peel *p);	/* wipes */

/*
 * Triangulates p->row[0 … n-1], each with three distinct columns below `sparse`. Ends with steps + gaps = n and 0;
 * with more than max_gaps gap rows it gives up: ERR_CONFLICT.
 */
int okvs_peel_var(struct okvs_peel *p, uint32_t n, uint32_t sparse, uint32_t max_gaps) PET_MUST_USE;

#endif
