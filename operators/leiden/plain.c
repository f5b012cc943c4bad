/* Who knows the whole graph computes scores as they are: a party's own warm start, and the tests' reference. */
#include "leiden/leiden.h"

static __int128 score(const struct lphase *p, uint32_t u, uint32_t c, uint64_t w)
{
	const struct lquality *q = p->q;
	int own = p->label[u] == c;

	if (q->cpm)
		return ((__int128)w << q->t) - (__int128)q->g * p->g->size[u] * (p->size[c] - (own ? p->g->size[u] : 0));
	return ((__int128)w << q->t) * q->total - (__int128)q->g * p->g->k[u] * (p->total[c] - (own ? p->g->k[u] : 0));
}

static int best(void *arg, const struct lphase *p, const struct lbatch *b, uint32_t *choice)
{
	(void)arg;
	for (size_t i = 0; i < b->n; i++) {
		__int128 top = 0;

		for (size_t j = b->first[i]; j < b->first[i + 1]; j++) {
			__int128 s = score(p, b->node[i], b->label[j], b->w[j]);

			if (j == b->first[i] || s > top) {
				top = s;
				choice[i] = (uint32_t)(j - b->first[i]);
			}
		}
	}
	return 0;
}

const struct leval leiden_plain = { .best = best };
