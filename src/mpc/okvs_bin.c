#include "mpc/okvs_bin.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "mpc/gf128.h"
#include "mpc/prg.h"

#define AHEAD 8		/* steps between a prefetch and its use */

int okvs_work_init(struct okvs_work *w, const struct okvs_params *p)
{
	int rc = ERR_NOMEM;

	memset(w, 0, sizeof(*w));
	w->value = aligned_alloc(sizeof(struct block), p->capacity * sizeof(struct block));
	if (!w->value)
		goto out;
	TRY(okvs_peel_init(&w->peel, p->capacity, p->sparse));
	w->capacity = p->capacity;
	rc = 0;
out:
	if (rc)
		okvs_work_free(w);
	return rc;
}

void okvs_work_free(struct okvs_work *w)
{
	if (w->value)
		sodium_memzero(w->value, w->capacity * sizeof(struct block));
	free(w->value);
	okvs_peel_free(&w->peel);
	memset(w, 0, sizeof(*w));
}

/* Horner's rule, a batch at a time: out = h (d1 + h (d2 + h d3)). */
void okvs_dense_eval(struct block *out, const struct block *h, size_t n, const struct block *d, uint32_t dense)
{
	for (size_t i = 0; i < n; i++)
		out[i] = dense ? d[dense - 1] : block_zero();
	for (uint32_t j = dense; j-- > 0;) {
		gf128_mul_each(out, out, h, n);
		for (size_t i = 0; j > 0 && i < n; i++)
			out[i] = block_xor(out[i], d[j - 1]);
	}
}

/* P[pivot] = value + P[a] + P[b], last step first: a and b are pivots of later steps, or free. */
static void back_substitute(const struct okvs_peel *p, const struct block *value, struct block *table)
{
	for (uint32_t k = p->steps; k-- > 0;) {
		const struct okvs_step *s = &p->step[k];

		if (k >= AHEAD) {
			__builtin_prefetch(&table[s[-AHEAD].a]);
			__builtin_prefetch(&table[s[-AHEAD].b]);
			__builtin_prefetch(&value[s[-AHEAD].row]);
		}
		table[s->pivot] = block_xor(value[s->row], block_xor(table[s->a], table[s->b]));
	}
}

static struct block sparse_at(const struct okvs_peel *p, const struct block *table, uint32_t row)
{
	const uint16_t *c = p->row[row].col;

	return block_xor(table[c[0]], block_xor(table[c[1]], table[c[2]]));
}

/* The value that every row has left when the dense part is taken away. */
static void subtract_dense(struct block *out, const struct block *h, const struct block *value, uint32_t n,
			   const struct block *d, uint32_t dense)
{
	struct block part[64];

	for (uint32_t i = 0; i < n; i += PET_ARRAY_SIZE(part)) {
		uint32_t m = n - i < PET_ARRAY_SIZE(part) ? n - i : PET_ARRAY_SIZE(part);

		okvs_dense_eval(part, h + i, m, d, dense);
		for (uint32_t k = 0; k < m; k++)
			out[i + k] = block_xor(value[i + k], part[k]);
	}
}

/*
 * The gap rows as equations in the dense columns d. With d = 0 peeled rows give table P0; with values h^j and free
 * columns 0 they give Q_j; then P = P0 - sum d_j Q_j solves the peeled rows for any d, and gap row r asks for
 * sum_j d_j (h_r^j - Q_j(r)) = value_r - P0(r).
 */
struct gap {
	const struct okvs_params *p;
	const struct okvs_peel *peel;
	const struct block *h, *value;
	struct block *power, *q, *m, *rhs;	/* h^j of all rows; Q_j; the system */
	uint32_t n;
};

static void gap_column(struct gap *g, uint32_t j)
{
	const struct okvs_peel *peel = g->peel;

	if (j == 0)
		memcpy(g->power, g->h, g->n * sizeof(struct block));
	else
		gf128_mul_each(g->power, g->power, g->h, g->n);
	memset(g->q, 0, g->p->sparse * sizeof(struct block));
	back_substitute(peel, g->power, g->q);
	for (uint32_t i = 0; i < peel->gaps; i++)
		g->m[i * g->p->dense + j] = block_xor(g->power[peel->gap[i]], sparse_at(peel, g->q, peel->gap[i]));
}

static int solve_gap(struct gap *g, struct block *table)
{
	const struct okvs_peel *peel = g->peel;

	back_substitute(peel, g->value, table);
	for (uint32_t i = 0; i < peel->gaps; i++)
		g->rhs[i] = block_xor(g->value[peel->gap[i]], sparse_at(peel, table, peel->gap[i]));
	for (uint32_t j = 0; j < g->p->dense; j++)
		gap_column(g, j);
	return okvs_solve_var(g->m, g->rhs, peel->gaps, g->p->dense, table + g->p->sparse);
}

/* Chooses the dense columns so that the gap rows hold, when there are any. */
static int fill_dense(struct okvs_work *w, const struct okvs_params *p, const struct block *h,
		      const struct block *value, uint32_t n, struct block *table)
{
	size_t blocks = (size_t)n + p->sparse + (size_t)w->peel.gaps * (p->dense + 1);
	struct gap g = { .p = p, .peel = &w->peel, .h = h, .value = value, .n = n };
	int rc;

	if (w->peel.gaps == 0)
		return 0;
	g.power = aligned_alloc(sizeof(struct block), blocks * sizeof(struct block));
	if (!g.power)
		return ERR_NOMEM;
	g.q = g.power + n;
	g.m = g.q + p->sparse;
	g.rhs = g.m + (size_t)w->peel.gaps * p->dense;
	rc = solve_gap(&g, table);
	sodium_memzero(g.power, blocks * sizeof(struct block));
	free(g.power);
	return rc;
}

int okvs_bin_encode_var(struct okvs_work *w, const struct okvs_params *p, const struct block *h,
			const struct block *value, uint32_t n, struct prg *rng, struct block *table)
{
	size_t bytes = ((size_t)p->sparse + p->dense) * sizeof(struct block);
	int rc = ERR_INTERNAL;

	okvs_rows_var(w->peel.row, h, n, p->sparse);
	TRY(okvs_peel_var(&w->peel, n, p->sparse, p->dense));
	/* Everything is a free column first; pivots are overwritten below. */
	if (rng)
		prg_fill(rng, table, bytes);
	else
		memset(table, 0, bytes);
	TRY(fill_dense(w, p, h, value, n, table));
	if (rng || w->peel.gaps) {
		subtract_dense(w->value, h, value, n, table + p->sparse, p->dense);
		value = w->value;
	}
	back_substitute(&w->peel, value, table);
	rc = 0;
out:
	return rc;
}
