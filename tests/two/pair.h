/* Two parties in one process: both run the same function, each in a thread with its own lane. */
#ifndef PET_TESTS_TWO_PAIR_H
#define PET_TESTS_TWO_PAIR_H

#include <pthread.h>
#include <stdlib.h>

#include "mpc/mpc.h"
#include "net/chan.h"

struct pair_side {
	struct chan *c;
	struct mpc_conf conf;
	struct errmsg em;
	struct chan_stats stats;	/* of run alone */
	int (*run)(struct mpc *m, void *arg);
	void *arg;
	int rc;
};

static void pair_costs(struct pair_side *s, const struct chan_stats *before)
{
	struct chan_stats after;

	chan_stats(s->c, &after);
	s->stats.bytes_sent = after.bytes_sent - before->bytes_sent;
	s->stats.bytes_received = after.bytes_received - before->bytes_received;
	s->stats.rounds = after.rounds - before->rounds;
}

static void *pair_side_main(void *arg)
{
	struct pair_side *s = arg;
	struct chan_stats before;
	struct mpc *m = NULL;

	s->rc = mpc_new(&m, &s->conf, &s->em);
	if (s->rc == 0) {
		chan_stats(s->c, &before);
		s->rc = s->run(m, s->arg);
		pair_costs(s, &before);
		if (s->rc && !s->em.code[0])
			errmsg_set(&s->em, s->rc, "STEP", "%s", mpc_error(m));
	}
	if (s->rc)
		chan_cancel(s->c);
	mpc_free(m);
	if (s->rc == 0)
		s->rc = chan_close(s->c);
	chan_free(s->c);
	return NULL;
}

/* conf of both sides is set but for chan and party; run and arg too. */
static inline void pair_run(struct pair_side s[2])
{
	pthread_t t;

	if (chan_mem_pair(&s[0].c, &s[1].c) != 0)
		abort();
	for (int i = 0; i < 2; i++) {
		s[i].conf.chan = s[i].c;
		s[i].conf.party = i;
		if (s[i].conf.threads == 0)
			s[i].conf.threads = 1;
	}
	if (pthread_create(&t, NULL, pair_side_main, &s[1]) != 0)
		abort();
	pair_side_main(&s[0]);
	pthread_join(t, NULL);
}

#endif
