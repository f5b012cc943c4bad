/* S: unmasks the table with Delta, sends its tags. */
#include <sodium.h>
#include <stdlib.h>

#include "mpc/gf128.h"
#include "mpc/vole_psi_impl.h"

#define UNMASK 4096	/* words at a time */

/* B += (P + C)·Delta */
static void unmask(const struct vole_psi_work *w, struct block *b, const struct block *masked, size_t words,
		   struct block delta)
{
#pragma omp parallel for schedule(static) num_threads(w->v->conf.threads)
	for (size_t i = 0; i < words; i += UNMASK)
		gf128_add_mul_by(b + i, masked + i, delta, words - i < UNMASK ? words - i : UNMASK);
}

/* Round 1 (R→S): P + C, bin by bin. */
static int receive_table(struct vole_psi_work *w, struct block *b)
{
	size_t size = w->params.sparse + w->params.dense;
	uint32_t step = vole_psi_step(w), bins = w->params.bins;
	struct block *masked = vole_psi_mem(&w->v->y, step * size), delta = vole_delta(w->v->vole);
	int rc = masked ? 0 : ERR_NOMEM;

	for (uint32_t at = 0; rc == 0 && at < bins; at += step) {
		uint32_t count = bins - at < step ? bins - at : step;

		TRY(chan_recv(w->v->c, masked, count * size * sizeof(*masked)));
		unmask(w, b + at * size, masked, count * size, delta);
		vole_psi_tags_var(w, at, count, b + at * size, &delta);
		vole_psi_mark(w->v, VOLE_PSI_ENCODE, 0.3 + 0.5 * (at + count) / bins);
	}
out:
	sodium_memzero(&delta, sizeof(delta));
	return rc;
}

static int own_tags(struct vole_psi_work *w)
{
	size_t words = okvs_size(&w->params);
	struct block *b = vole_psi_mem(&w->v->x, words);
	int rc;

	if (!b)
		return ERR_NOMEM;
	TRY(vole_psi_failed(w, vole_send(w->v->vole, b, words)));
	vole_psi_mark(w->v, VOLE_PSI_VOLE, 0.3);
	rc = receive_table(w, b);
out:
	return rc;
}

/* Round 2 (S→R): all tags, whose order is that of their values. */
static int send_tags(struct vole_psi_work *w)
{
	size_t size = lookup_wire_size(w->m, w->bits);
	uint8_t *wire = vole_psi_bytes(&w->v->x, size);
	int rc;

	if (!wire)
		return ERR_NOMEM;
	TRY(lookup_pack(wire, w->tags, w->m, w->bits));
	TRY(chan_send(w->v->c, wire, size));
	TRY(chan_flush(w->v->c));
	vole_psi_mark(w->v, VOLE_PSI_SEND, 0.95);
out:
	return rc;
}

static int wrong_flags(const struct vole_psi_work *w)
{
	return errmsg_set(w->em, ERR_PEER, "PEER_PROTOCOL", "the other party marked items that it cannot have");
}

/* An honest R marks no dummy, nothing behind the last tag, and no more than it has items. */
static int mark_matches(struct vole_psi_work *w, const uint8_t *flags)
{
	uint32_t m = w->m;

	if (m % 8 && flags[m / 8] >> m % 8)
		return wrong_flags(w);
	for (uint32_t i = 0; i < m; i++) {
		if (!(flags[i / 8] >> i % 8 & 1))
			continue;
		if (w->tags[i].id >= w->l->count)
			return wrong_flags(w);
		w->matched[w->tags[i].id] = 1;
		w->matches++;
	}
	return w->matches > w->n ? wrong_flags(w) : 0;
}

/* Round 3 (R→S) */
static int receive_flags(struct vole_psi_work *w)
{
	size_t size = ((size_t)w->m + 7) / 8;
	uint8_t *flags = malloc(size);
	int rc = ERR_NOMEM;

	if (!flags)
		goto out;
	TRY(chan_recv(w->v->c, flags, size));
	rc = mark_matches(w, flags);
out:
	free(flags);
	return rc;
}

int vole_psi_send(struct vole_psi_work *w)
{
	struct lookup_tag *scratch;
	int rc;

	TRY(own_tags(w));
	rc = ERR_NOMEM;
	scratch = vole_psi_tags(&w->v->x, w->m);
	if (!scratch)
		goto out;
	TRY(lookup_sort_var(w->tags, scratch, w->m, w->v->conf.threads));
	vole_psi_mark(w->v, VOLE_PSI_SORT, 0.9);
	TRY(send_tags(w));
	if (w->l->flags)
		TRY(receive_flags(w));
	vole_psi_mark(w->v, VOLE_PSI_MATCH, 1);
out:
	return rc;
}
