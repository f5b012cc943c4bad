/* Two sides of psi.h over an in-memory channel, each in a thread, judged against the plaintext. */
#ifndef PET_TESTS_PSI_PAIR_H
#define PET_TESTS_PSI_PAIR_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "mpc/psi.h"
#include "test.h"

#define PAIR_BOTH (PSI_FIRST | PSI_SECOND)
#define PAIR_LISTS_MAX 4

/* One side: a session over `lists` lists of numbers. */
struct pair_side {
	struct chan *c;
	struct psi_conf conf;
	const uint64_t *v[PAIR_LISTS_MAX];
	uint32_t n[PAIR_LISTS_MAX], padded[PAIR_LISTS_MAX];
	uint64_t bucket[PAIR_LISTS_MAX];
	int lists;
	struct psi_result r[PAIR_LISTS_MAX];
	enum psi_protocol protocol;
	struct errmsg em;
	struct chan_stats stats;
	double progress;
	int rc;
};

/* The digest of number v: distinct for distinct v. */
static inline void pair_item(uint8_t out[PSI_ITEM_BYTES], uint64_t v)
{
	memset(out, 0xa5, PSI_ITEM_BYTES);
	memcpy(out + 3, &v, sizeof(v));
}

static inline void pair_progress(void *arg, double fraction, const char *stage)
{
	struct pair_side *s = arg;

	CHECK(stage && stage[0]);
	CHECK(fraction >= s->progress && fraction <= 1);
	s->progress = fraction;
}

static inline int pair_run_lists(struct pair_side *s)
{
	struct psi_session *ps;
	int rc = psi_session_new(&ps, s->c, &s->conf, &s->em);

	if (rc)
		return rc;
	s->protocol = psi_session_protocol(ps);
	for (int k = 0; rc == 0 && k < s->lists; k++) {
		uint8_t (*items)[PSI_ITEM_BYTES] = calloc((size_t)s->n[k] + 1, PSI_ITEM_BYTES);
		struct psi_list l = { (const void *)items, s->n[k], s->padded[k], s->bucket[k] };

		for (uint32_t i = 0; items && i < s->n[k]; i++)
			pair_item(items[i], s->v[k][i]);
		s->progress = 0;
		rc = items ? psi_session_run(ps, &l, &s->r[k], &s->em) : ERR_NOMEM;
		free(items);
	}
	psi_session_free(ps);
	return rc;
}

static inline void *pair_main(void *arg)
{
	struct pair_side *s = arg;

	s->rc = pair_run_lists(s);
	chan_stats(s->c, &s->stats);
	if (s->rc)
		chan_cancel(s->c);
	else
		s->rc = chan_close(s->c);
	chan_free(s->c);
	return NULL;
}

/* Fills in what every run needs; s[0] is the first. */
static inline void pair_prepare(struct pair_side *s, int first)
{
	s->conf.first = first;
	s->conf.progress = pair_progress;
	s->conf.arg = s;
	if (!s->conf.threads)
		s->conf.threads = 1;
	for (int k = 0; k < s->lists; k++)
		s->conf.expected += s->padded[k] ? s->padded[k] : s->n[k];
}

static inline void pair_run(struct pair_side s[2])
{
	pthread_t t;

	CHECK_INT(chan_mem_pair(&s[0].c, &s[1].c), 0);
	for (int i = 0; i < 2; i++)
		pair_prepare(&s[i], i == 0);
	CHECK_INT(pthread_create(&t, NULL, pair_main, &s[1]), 0);
	pair_main(&s[0]);
	pthread_join(t, NULL);
}

static inline int pair_by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* List k of `s` against that of the peer, in plaintext. */
static inline void pair_check_list(const struct pair_side *s, const struct pair_side *peer, int receives, int k)
{
	uint32_t n = s->n[k], m = peer->n[k], count = 0, wrong = 0;
	uint64_t *sorted = calloc((size_t)m + 1, sizeof(*sorted));

	CHECK_INT(s->r[k].peer_padded, peer->padded[k] ? peer->padded[k] : m);
	CHECK_INT(s->r[k].matched != NULL, receives);
	if (m)
		memcpy(sorted, peer->v[k], m * sizeof(*sorted));
	qsort(sorted, m, sizeof(*sorted), pair_by_value);
	for (uint32_t i = 0; receives && s->r[k].matched && i < n; i++) {
		int in = bsearch(&s->v[k][i], sorted, m, sizeof(*sorted), pair_by_value) != NULL;

		wrong += s->r[k].matched[i] != in;
		count += (uint32_t)in;
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(s->r[k].matches, receives ? count : 0);
	free(sorted);
}

/* Both sides succeeded with the right results; frees them. */
static inline void pair_check(struct pair_side s[2])
{
	for (int i = 0; i < 2; i++) {
		CHECK_INT(s[i].rc, 0);
		if (s[i].rc)
			printf("# side %d: %s: %s\n", i, s[i].em.code, s[i].em.local);
		for (int k = 0; s[i].rc == 0 && k < s[i].lists; k++) {
			pair_check_list(&s[i], &s[!i], (s[i].conf.receivers & (i ? PSI_SECOND : PSI_FIRST)) != 0, k);
			psi_result_free(&s[i].r[k]);
		}
	}
}

/* One list each, receivers and threads of both sides. */
static inline void pair_lists(struct pair_side s[2], const uint64_t *v, uint32_t n, const uint64_t *w, uint32_t m)
{
	s[0].lists = s[1].lists = 1;
	s[0].v[0] = v;
	s[0].n[0] = n;
	s[1].v[0] = w;
	s[1].n[0] = m;
}

static inline void pair_fill(uint64_t *v, uint32_t n, uint64_t start, uint64_t step)
{
	for (uint32_t i = 0; i < n; i++)
		v[i] = start + i * step;
}

#endif
