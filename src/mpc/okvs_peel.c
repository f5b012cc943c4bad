#include "mpc/okvs_peel.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void okvs_rows_var(struct okvs_row *row, const struct block *h, size_t n, uint32_t sparse)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t a = (uint32_t)((h[i].w[0] & 0xffffffff) * sparse >> 32);
		uint32_t b = (uint32_t)((h[i].w[0] >> 32) * (sparse - 1) >> 32);
		uint32_t c = (uint32_t)((h[i].w[1] & 0xffffffff) * (sparse - 2) >> 32);
		uint32_t lo, hi;

		/* b skips a; c skips the smaller of both, then the larger. */
		b += b >= a;
		lo = a < b ? a : b;
		hi = a < b ? b : a;
		c += c >= lo;
		c += c >= hi;
		row[i] = (struct okvs_row){ { (uint16_t)a, (uint16_t)b, (uint16_t)c, 0 } };
	}
}

static size_t pad(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

int okvs_peel_init(struct okvs_peel *p, uint32_t max_rows, uint32_t max_sparse)
{
	/* One more than needed: branchless stores write behind the end before they are discarded. */
	size_t row = pad((max_rows + 1) * sizeof(*p->row)), step = pad((max_rows + 1) * sizeof(*p->step));
	size_t col = pad(max_sparse * sizeof(*p->col)), queue = pad((max_sparse + 2) * sizeof(*p->queue));
	size_t gap = pad((max_rows + 1) * sizeof(*p->gap)), done = pad(max_rows + 1);
	size_t bytes = row + step + col + queue + gap + done;
	uint8_t *m;

	memset(p, 0, sizeof(*p));
	if (max_rows > OKVS_MAX_SPARSE || max_sparse > OKVS_MAX_SPARSE)
		return ERR_INPUT;
	m = aligned_alloc(64, bytes);
	if (!m)
		return ERR_NOMEM;
	p->max_rows = max_rows;
	p->max_sparse = max_sparse;
	p->mem = m;
	p->mem_bytes = bytes;
	p->row = (struct okvs_row *)m;
	p->step = (struct okvs_step *)(m + row);
	p->col = (uint32_t *)(m + row + step);
	p->queue = (uint16_t *)(m + row + step + col);
	p->gap = (uint16_t *)(m + row + step + col + queue);
	p->done = m + row + step + col + queue + gap;
	return 0;
}

void okvs_peel_free(struct okvs_peel *p)
{
	if (p->mem)
		sodium_memzero(p->mem, p->mem_bytes);
	free(p->mem);
	memset(p, 0, sizeof(*p));
}

static void weigh(struct okvs_peel *p, uint32_t n, uint32_t sparse)
{
	uint32_t *col = p->col;

	memset(col, 0, sparse * sizeof(*col));
	for (uint32_t i = 0; i < n; i++)
		for (unsigned k = 0; k < 3; k++) {
			uint32_t *c = &col[p->row[i].col[k]];

			*c = (*c + (1u << 16)) ^ i;
		}
}

/*
 * Takes columns of weight 1 until none is left, beginning with queue[head … tail-1]. Without branches on the rows:
 * a column whose only row went away meanwhile has the word 0, and then everything below is a no-op.
 */
static void drain(struct okvs_peel *p, uint32_t head, uint32_t tail)
{
	uint32_t *const col = p->col, steps = p->steps;
	uint16_t *const queue = p->queue;
	const struct okvs_row *const row = p->row;
	struct okvs_step *const step = p->step;

	for (; head < tail; head++) {
		uint32_t c = queue[head], word = col[c], alive = word >> 16;
		uint32_t r = word & 0xffff, dec = alive << 16;
		const uint16_t *t = row[r].col;
		/* the row's other two: t[1] stands in for whichever of t[0] and t[2] is c */
		uint32_t a = t[0] ^ ((t[0] ^ t[1]) & -(uint32_t)(t[0] == c));
		uint32_t b = t[2] ^ ((t[2] ^ t[1]) & -(uint32_t)(t[2] == c)), wa, wb;

		step[steps] = (struct okvs_step){ (uint16_t)c, (uint16_t)a, (uint16_t)b, (uint16_t)r };
		steps += alive;
		col[c] = 0;
		wa = col[a] = (col[a] - dec) ^ r;
		wb = col[b] = (col[b] - dec) ^ r;
		queue[tail] = (uint16_t)a;
		tail += alive & (wa >> 16 == 1);
		queue[tail] = (uint16_t)b;
		tail += alive & (wb >> 16 == 1);
	}
	p->steps = steps;
}

static uint32_t light(struct okvs_peel *p, uint32_t sparse)
{
	uint32_t tail = 0;

	for (uint32_t c = 0; c < sparse; c++) {
		p->queue[tail] = (uint16_t)c;
		tail += p->col[c] >> 16 == 1;
	}
	return tail;
}

/* The heaviest loss of peeling by least weight is least here: the first lightest column with rows left. */
static uint32_t lightest(const struct okvs_peel *p, uint32_t sparse)
{
	uint32_t best = 0, weight = UINT32_MAX;

	for (uint32_t c = 0; c < sparse; c++) {
		uint32_t w = p->col[c] >> 16;

		if (w && w < weight) {
			weight = w;
			best = c;
		}
	}
	return best;
}

static void take_row(struct okvs_peel *p, uint32_t r)
{
	for (unsigned k = 0; k < 3; k++) {
		uint32_t *c = &p->col[p->row[r].col[k]];

		*c = (*c - (1u << 16)) ^ r;
	}
	p->done[r] = 1;
}

/* Column c has two rows or more: the first becomes its step, the others join the gap. */
static int take_column(struct okvs_peel *p, uint32_t n, uint32_t c, uint32_t max_gaps)
{
	int first = 1;

	for (uint32_t r = 0; r < n; r++) {
		const uint16_t *t = p->row[r].col;

		if (p->done[r] || (t[0] != c && t[1] != c && t[2] != c))
			continue;
		take_row(p, r);
		if (first) {
			p->step[p->steps++] = (struct okvs_step){ (uint16_t)c, t[0] == c ? t[1] : t[0],
								  t[2] == c ? t[1] : t[2], (uint16_t)r };
		} else {
			if (p->gaps == max_gaps)
				return ERR_CONFLICT;
			p->gap[p->gaps++] = (uint16_t)r;
		}
		first = 0;
	}
	return 0;
}

/* Peeling got stuck, which happens to one bin of 2^14 items in about 2^13: speed does not matter here. */
static int unblock(struct okvs_peel *p, uint32_t n, uint32_t sparse, uint32_t max_gaps)
{
	uint32_t known = 0;
	int rc = ERR_INTERNAL;

	memset(p->done, 0, n);
	while (p->steps + p->gaps < n) {
		for (; known < p->steps; known++)
			p->done[p->step[known].row] = 1;
		TRY(take_column(p, n, lightest(p, sparse), max_gaps));
		drain(p, 0, light(p, sparse));
	}
	rc = 0;
out:
	return rc;
}

int okvs_peel_var(struct okvs_peel *p, uint32_t n, uint32_t sparse, uint32_t max_gaps)
{
	if (n > p->max_rows || sparse > p->max_sparse)
		return ERR_INPUT;
	p->steps = p->gaps = 0;
	weigh(p, n, sparse);
	drain(p, 0, light(p, sparse));
	return p->steps < n ? unblock(p, n, sparse, max_gaps) : 0;
}
