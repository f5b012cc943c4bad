#include "mpc/vole_impl.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "mpc/ggm.h"
#include "mpc/vole_lpn.h"

#define MAGIC UINT64_C(0x31454c4f56544550)	/* "PETVOLE1" */
#define BATCH_ROWS 32768			/* outputs per message, about: half a megabyte of an array */

/* Before the trees: what both must agree on, and the public randomness of this iteration. */
struct header {
	uint64_t magic;
	uint32_t k, depth, trees, zero;
	struct block ggm, matrix;
};
_Static_assert(sizeof(struct header) == 64, "no padding on the wire");

/* What all groups of four trees share. */
struct run {
	struct vole *v;
	const struct vole_iter *it;
	struct ggm ggm;
	struct vole_lpn lpn;
	const struct block *seed;	/* k elements; the receiver's are pairs (a, c) */
	struct block *msg;		/* of a batch; 4 * depth blocks a group: corrections, then the four sums */
	size_t rows, groups, batch;	/* outputs of a group; groups; groups in a batch */
};

/* Where group g's outputs go. */
static struct vole_vec place(const struct run *r, size_t g)
{
	const struct vole_vec *to = &r->it->head;
	size_t at = g * r->rows;

	if (at >= to->n) {
		at -= to->n;
		to = &r->it->tail;
	}
	return (struct vole_vec){ to->x + at, to->c ? to->c + at : NULL, r->rows };
}

/* Base VOLE of tree i in group g: the noise value and its shares. */
static size_t noise(const struct run *r, size_t g, size_t i)
{
	return r->it->tuple->k + g * GGM_LANES + i;
}

/*
 * Single-point VOLE of four trees (2020/925, figure 7): b = leaves w, and
 * d = sum of w + b_base, from which the receiver makes w_alpha + beta * Delta.
 */
static void group_send(const struct run *r, size_t g, struct block *msg)
{
	struct block *sum = msg + ggm_corrections(&r->ggm);
	struct vole_vec out = place(r, g);

	ggm_send(&r->ggm, g, r->it->cots + g * ggm_cots(&r->ggm), ot_delta(r->v->ot), out.x, msg);
	ggm_hash_leaves(&r->ggm, g, out.x, sum);
	for (size_t i = 0; i < GGM_LANES; i++)
		sum[i] = block_xor(sum[i], r->it->base->x[noise(r, g, i)]);
	vole_lpn_send(&r->lpn, g * r->rows, out.x, r->rows, r->seed);
}

/*
 * At alpha the receiver has some g_alpha. Its own sum, d and a_base add up to
 * w_alpha + g_alpha + beta * Delta, since a_base + b_base = beta * Delta: added
 * at alpha this leaves the share that belongs there.
 */
static void group_recv(const struct run *r, size_t g, const struct block *msg)
{
	const struct block *d = msg + ggm_corrections(&r->ggm);
	struct block fix[GGM_LANES], beta[GGM_LANES];
	struct vole_vec out = place(r, g);
	uint32_t alpha[GGM_LANES];

	ggm_recv(&r->ggm, g, r->it->cots + g * ggm_cots(&r->ggm), msg, out.x, alpha);
	ggm_hash_leaves(&r->ggm, g, out.x, fix);
	for (size_t i = 0; i < GGM_LANES; i++) {
		fix[i] = block_xor(block_xor(fix[i], d[i]), r->it->base->x[noise(r, g, i)]);
		beta[i] = r->it->base->c[noise(r, g, i)];
	}
	ggm_xor_at(&r->ggm, out.x, alpha, fix);
	memset(out.c, 0, r->rows * sizeof(out.c[0]));
	ggm_xor_at(&r->ggm, out.c, alpha, beta);
	vole_lpn_recv(&r->lpn, g * r->rows, out.x, out.c, r->rows, r->seed);
	sodium_memzero(fix, sizeof(fix));
	sodium_memzero(beta, sizeof(beta));
	sodium_memzero(alpha, sizeof(alpha));
}

static int run_init(struct run *r, struct vole *v, const struct vole_iter *it)
{
	*r = (struct run){ .v = v, .it = it, .seed = it->base->x };
	r->rows = (size_t)GGM_LANES << it->tuple->depth;
	r->groups = it->trees / GGM_LANES;
	r->batch = r->rows < BATCH_ROWS ? BATCH_ROWS / r->rows : 1;
	r->msg = calloc(r->batch * GGM_LANES * it->tuple->depth, sizeof(struct block));
	return r->msg ? 0 : ERR_NOMEM;
}

static void run_seeds(struct run *r, const struct header *h)
{
	ggm_init(&r->ggm, h->ggm, r->it->tuple->depth);
	vole_lpn_init(&r->lpn, h->matrix, r->it->tuple->k);
}

/* The batch that starts at group g: how many groups, and its message's bytes. */
static size_t batch_at(const struct run *r, size_t g, size_t *bytes)
{
	size_t m = r->groups - g < r->batch ? r->groups - g : r->batch;

	*bytes = m * GGM_LANES * r->it->tuple->depth * sizeof(struct block);
	return m;
}

int vole_iter_send(struct vole *v, struct vole_iter *it)
{
	size_t m, bytes, each = (size_t)GGM_LANES * it->tuple->depth;
	struct header h = { MAGIC, it->tuple->k, it->tuple->depth, it->trees, 0, block_zero(), block_zero() };
	struct run r;
	int rc = run_init(&r, v, it);

	if (rc)
		return rc;
	util_random(&h.ggm, sizeof(h.ggm));
	util_random(&h.matrix, sizeof(h.matrix));
	run_seeds(&r, &h);
	it->matrix = h.matrix;
	TRY(chan_send(v->chan, &h, sizeof(h)));
	for (size_t g = 0; g < r.groups; g += m) {
		m = batch_at(&r, g, &bytes);
#pragma omp parallel for schedule(dynamic, 1) num_threads(v->threads)
		for (size_t i = 0; i < m; i++)
			group_send(&r, g + i, r.msg + i * each);
		TRY(chan_send(v->chan, r.msg, bytes));
	}
	rc = chan_flush(v->chan);
out:
	free(r.msg);
	return rc;
}

static int header_recv(struct vole *v, const struct vole_iter *it, struct header *h)
{
	int rc = chan_recv(v->chan, h, sizeof(*h));

	if (rc)
		return rc;
	if (h->magic != MAGIC || h->zero != 0)
		return errmsg_set(&v->em, ERR_PEER, "PEER_PROTOCOL",
				  "VOLE: the other party sent something else than the start of an iteration");
	if (h->k != it->tuple->k || h->depth != it->tuple->depth || h->trees != it->trees)
		return errmsg_set(&v->em, ERR_PEER, "PEER_PROTOCOL",
				  "VOLE: the other party runs %u trees of depth %u over %u elements, expected %u, %u and %u",
				  h->trees, h->depth, h->k, it->trees, it->tuple->depth, it->tuple->k);
	return 0;
}

int vole_iter_recv(struct vole *v, struct vole_iter *it)
{
	size_t m, bytes, each = (size_t)GGM_LANES * it->tuple->depth;
	struct vole_vec pairs = { 0 };
	struct header h;
	struct run r;
	int rc = run_init(&r, v, it);

	if (rc)
		return rc;
	/* a and c of a place in one cache line */
	TRY(vole_vec_new(&pairs, 2 * (size_t)it->tuple->k, 0));
	for (size_t i = 0; i < it->tuple->k; i++) {
		pairs.x[2 * i] = it->base->x[i];
		pairs.x[2 * i + 1] = it->base->c[i];
	}
	r.seed = pairs.x;
	TRY(header_recv(v, it, &h));
	run_seeds(&r, &h);
	it->matrix = h.matrix;
	for (size_t g = 0; g < r.groups; g += m) {
		m = batch_at(&r, g, &bytes);
		TRY(chan_recv(v->chan, r.msg, bytes));
#pragma omp parallel for schedule(dynamic, 1) num_threads(v->threads)
		for (size_t i = 0; i < m; i++)
			group_recv(&r, g + i, r.msg + i * each);
	}
	rc = 0;
out:
	vole_vec_free(&pairs);
	free(r.msg);
	return rc;
}
