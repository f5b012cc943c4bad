/*
 * Two parties of an OT test in two threads over an in-memory channel. With a
 * seed, each party's randomness is reproducible and what it sends is digested:
 * the test program is linked with --wrap for util_random and chan_send.
 */
#ifndef PET_TESTS_OT_PAIR_H
#define PET_TESTS_OT_PAIR_H

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>

#include "base/util.h"
#include "mpc/ot.h"
#include "mpc/prg.h"
#include "test.h"

struct ot_side {
	int first;			/* 1: party a */
	struct chan *chan;
	void (*run)(struct ot_side *s);
	void *arg;
	int rc;
	char error[512];
	uint64_t seed;			/* 0: real randomness */
	char digest[2 * 16 + 1];	/* of the bytes sent, with a seed */
};

static _Thread_local struct {
	int on;
	struct prg prg;
	crypto_generichash_state sent;
} pair_fixed;

void __real_util_random(void *out, size_t len);
void __wrap_util_random(void *out, size_t len);
int __real_chan_send(struct chan *c, const void *data, size_t len);
int __wrap_chan_send(struct chan *c, const void *data, size_t len);

void __wrap_util_random(void *out, size_t len)
{
	if (pair_fixed.on)
		prg_fill(&pair_fixed.prg, out, len);
	else
		__real_util_random(out, len);
}

int __wrap_chan_send(struct chan *c, const void *data, size_t len)
{
	if (pair_fixed.on)
		crypto_generichash_update(&pair_fixed.sent, data, len);
	return __real_chan_send(c, data, len);
}

static void pair_begin(const struct ot_side *s)
{
	pair_fixed.on = s->seed != 0;
	if (!s->seed)
		return;
	prg_init(&pair_fixed.prg, block_set(s->seed, (uint64_t)s->first));
	crypto_generichash_init(&pair_fixed.sent, NULL, 0, 16);
}

static void pair_end(struct ot_side *s)
{
	uint8_t d[16];

	if (!pair_fixed.on)
		return;
	pair_fixed.on = 0;
	crypto_generichash_final(&pair_fixed.sent, d, sizeof(d));
	util_hex(s->digest, d, sizeof(d));
}

static void *pair_main(void *arg)
{
	struct ot_side *s = arg;

	pair_begin(s);
	s->run(s);
	pair_end(s);
	if (s->rc)
		chan_cancel(s->chan);
	else
		s->rc = chan_close(s->chan);
	chan_free(s->chan);
	return NULL;
}

/* Runs both; a side whose rc is not 0 is canceled, so the other ends too. */
static void pair_run(struct ot_side s[2])
{
	pthread_t t;

	s[0].first = 1;
	s[1].first = 0;
	CHECK_INT(chan_mem_pair(&s[0].chan, &s[1].chan), 0);
	CHECK_INT(pthread_create(&t, NULL, pair_main, &s[1]), 0);
	pair_main(&s[0]);
	pthread_join(t, NULL);
}

/* Keeps the first error of a side and its sentence. */
static __attribute__((unused)) int pair_try(struct ot_side *s, const struct ot *o, int rc)
{
	if (rc && !s->rc) {
		s->rc = rc;
		snprintf(s->error, sizeof(s->error), "%s", o ? ot_error(o) : "");
	}
	return s->rc;
}

#endif
