/*
 * The two-party half of pet-bench: both parties are processes of their own that
 * talk over a plain TCP channel on loopback, forked before anything of OpenMP
 * runs. A verb gives the three phases of a party; only `run` is timed.
 *
 * Options that every such verb understands:
 *	--threads T		threads per party (default: the verb's, else 1)
 *	--runs N		repeat everything N times and report the run of median wall time
 *	--link RATE,DELAY	tests/net/slowlink stands between the parties: 100mbit,10ms or 1gbit,200us;
 *				the delay is one-way, so a round trip costs twice that; 0 as rate: unlimited
 *
 * Seconds are those of the slower party, bytes and memory those of the larger.
 */
#ifndef PET_TESTS_BENCH_TWO_H
#define PET_TESTS_BENCH_TWO_H

#include <jansson.h>

#include "base/err.h"
#include "net/chan.h"

#define BENCH_VALUES 8
#define BENCH_TWO_USAGE "[--threads T] [--runs N] [--link RATE,DELAY]"

/* What one party measured; travels from its process to pet-bench. */
struct bench_report {
	int rc;
	char error[512];
	double seconds, cpu;		/* wall and processor time of `run` */
	uint64_t sent, received, rounds;	/* of `run` alone */
	uint64_t rss;			/* peak of the whole process */
	double value[BENCH_VALUES];	/* the verb's own figures */
};

/* One party while it runs. */
struct bench_side {
	int first;			/* 1: party a */
	int threads;
	struct chan *chan;		/* open during run and check; borrowed */
	const void *arg;		/* the verb's, the same at both */
	void *state;			/* the party's own, from prepare to fini */
	double *value;			/* report.value */
};

struct bench_two {
	const char *name;
	uint64_t n;			/* what per_second counts */
	const void *arg;
	int (*prepare)(struct bench_side *s, struct errmsg *em);	/* inputs; the channel is open; may be NULL */
	int (*run)(struct bench_side *s, struct errmsg *em);
	int (*check)(struct bench_side *s, struct errmsg *em);		/* after the timed part; may talk; may be NULL */
	void (*fini)(struct bench_side *s);				/* may be NULL */
	int threads;			/* the default of --threads, 0: 1; then filled from it */
	struct bench_report report[2];	/* filled: the median run's, party a first */
};

/* Runs it as often as the options ask and fills `out` with the common keys. */
int bench_two(struct bench_two *t, int argc, char **argv, json_t *out, struct errmsg *em) PET_MUST_USE;
/* Both parties wait for each other. */
int bench_barrier(struct bench_side *s) PET_MUST_USE;
/* Seconds of CLOCK_MONOTONIC and of CLOCK_PROCESS_CPUTIME_ID. */
double bench_wall(void);
double bench_cpu(void);

#endif
