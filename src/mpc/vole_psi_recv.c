/* R: encodes its items, compares tags. */
#include <sodium.h>
#include <stdlib.h>

#include "mpc/vole_psi_impl.h"

static int unlucky(const struct vole_psi_work *w, int rc)
{
	if (rc == ERR_CONFLICT)
		return errmsg_set(w->em, rc, "UNLUCKY", "the random choices of this run do not work for its keys "
				  "(probability 2^-40): it has to be run again");
	if (rc == ERR_INPUT)
		return errmsg_set(w->em, ERR_INTERNAL, "INTERNAL", "psi was called with equal items");
	return rc;
}

/*
 * P of bins first … first+count-1, added to their part of C, which goes out. No
 * free column of P is random: C is, and masks all of it.
 */
static int send_bins(const struct vole_psi_work *w, uint32_t first, uint32_t count, struct block *table,
		     struct block *value, struct block *c)
{
	const uint32_t *bins = okvs_set_bins(w->set);
	size_t words = (size_t)count * (w->params.sparse + w->params.dense);
	struct okvs_range range = { first, count };
	int rc;

	vole_psi_values(w, bins[first], bins[first + count], value);
	TRY(unlucky(w, okvs_encode_bins_var(w->set, range, value, table, w->v->conf.threads)));
	for (size_t i = 0; i < words; i++)
		c[i] = block_xor(c[i], table[i]);
	TRY(chan_send(w->v->c, c, words * sizeof(*c)));
	rc = chan_flush(w->v->c);
out:
	return rc;
}

/* Round 1 (R→S): P + C, while S unmasks and decodes the bins that have come. */
static int send_table(const struct vole_psi_work *w, struct block *c)
{
	size_t size = w->params.sparse + w->params.dense;
	uint32_t step = vole_psi_step(w), bins = w->params.bins;
	struct vole_psi_mem table = { 0 }, value = { 0 };
	int rc = ERR_NOMEM;

	if (vole_psi_mem(&table, step * size) && vole_psi_mem(&value, (size_t)step * w->params.capacity))
		rc = 0;
	for (uint32_t b = 0; rc == 0 && b < bins; b += step) {
		uint32_t count = bins - b < step ? bins - b : step;
		const uint32_t *at = okvs_set_bins(w->set) + b;

		if (at[count] - at[0] > count * w->params.capacity)
			rc = unlucky(w, ERR_CONFLICT);
		if (rc == 0)
			rc = send_bins(w, b, count, table.b, value.b, c + b * size);
		vole_psi_mark(w->v, VOLE_PSI_ENCODE, 0.3 + 0.4 * (b + count) / bins);
	}
	vole_psi_mem_free(&table);
	vole_psi_mem_free(&value);
	return rc;
}

/* F(x) of all own items, sorted. */
static int own_tags(struct vole_psi_work *w)
{
	size_t words = okvs_size(&w->params);
	struct block *a = vole_psi_mem(&w->v->x, words), *c = vole_psi_mem(&w->v->y, words);
	int rc;

	if (!a || !c)
		return ERR_NOMEM;
	TRY(vole_psi_failed(w, vole_recv(w->v->vole, a, c, words)));
	vole_psi_mark(w->v, VOLE_PSI_VOLE, 0.3);
	TRY(send_table(w, c));
	vole_psi_tags_var(w, 0, w->params.bins, a, NULL);
	vole_psi_mark(w->v, VOLE_PSI_DECODE, 0.8);
out:
	return rc;
}

/* Round 2 (S→R): S's tags; round 3 (R→S), if S receives: which of them are R's. */
static int compare(struct vole_psi_work *w)
{
	size_t size = lookup_wire_size(w->m, w->bits), flags = ((size_t)w->m + 7) / 8;
	uint8_t *wire = vole_psi_bytes(&w->v->x, size);
	struct lookup_result r = { .matched = w->matched, .ids = w->l->count };
	int rc = ERR_NOMEM;

	if (w->l->flags)
		r.flags = malloc(flags);
	if (!wire || (w->l->flags && !r.flags))
		goto out;
	TRY(chan_recv(w->v->c, wire, size));
	vole_psi_mark(w->v, VOLE_PSI_SEND, 0.95);
	rc = lookup_match_var(&r, w->tags, w->n, wire, w->m, w->bits, w->v->conf.threads);
	if (rc == ERR_PEER)
		errmsg_set(w->em, rc, "PEER_PROTOCOL", "the other party sent a list of tags that is not in order");
	if (rc == 0 && w->l->flags)
		rc = chan_send(w->v->c, r.flags, flags);
	if (rc == 0)
		rc = chan_flush(w->v->c);
	w->matches = r.matches;
	vole_psi_mark(w->v, VOLE_PSI_MATCH, 1);
out:
	free(r.flags);
	return rc;
}

int vole_psi_receive(struct vole_psi_work *w)
{
	struct lookup_tag *scratch;
	int rc;

	TRY(own_tags(w));
	rc = ERR_NOMEM;
	scratch = vole_psi_tags(&w->v->y, w->n);
	if (!scratch)
		goto out;
	TRY(lookup_sort_var(w->tags, scratch, w->n, w->v->conf.threads));
	vole_psi_mark(w->v, VOLE_PSI_SORT, 0.85);
	rc = compare(w);
out:
	return rc;
}
