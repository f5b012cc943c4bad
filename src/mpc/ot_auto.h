/*
 * Which back end OT_AUTO takes: the one whose time is the least for the expected
 * number of COTs over the link as measured, by figures of docs/benchmarks.md.
 * SoftSpoken with 4 bits where the link carries its 4 bytes per COT about as fast as
 * Ferret computes (from some 0.85 Gbit/s per thread), SoftSpoken with 8 bits for
 * some 10^5 COTs over slow links, Ferret for many.
 */
#ifndef PET_MPC_OT_AUTO_H
#define PET_MPC_OT_AUTO_H

#include "mpc/ot.h"

struct ot_auto {
	uint64_t threads;	/* of the party that has fewer */
	uint64_t delay_us;	/* for a message to come over */
	uint64_t rate;		/* bytes per second, one direction */
	uint64_t expect[2];	/* COTs of this party as sender and as receiver; the smaller figure of both parties */
};

/* The same answer for the same figures, anywhere: integers only. n of UINT64_MAX: many. */
enum ot_kind ot_auto_choice(const struct ot_auto *a, uint64_t n);

/*
 * In: threads and expect of this party. Out: the same figures at both parties. Five exchanges and 128 KiB in each direction. A peer's figures decide about speed alone.
 */
int ot_auto_measure(struct ot_auto *a, struct chan *c) PET_MUST_USE;

#endif
