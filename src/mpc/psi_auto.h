/*
 * Which protocol a session takes when it may choose. VOLE needs some 25 ms of
 * base OTs, a megabyte for its start and more flights; ECDH needs 50 us and 42
 * bytes for each item. So ECDH is for few items, and the more the slower the link.
 */
#ifndef PET_MPC_PSI_AUTO_H
#define PET_MPC_PSI_AUTO_H

#include "mpc/psi.h"

struct psi_auto {
	uint64_t n, m;		/* padded items, over all lists, of the side that would encode and of the other */
	uint64_t threads;	/* of the side that has fewer */
	uint64_t delay_us;	/* for a message to come over */
	uint64_t rate;		/* bytes per second, one direction */
};

/* The same answer for the same figures, anywhere: integers only. Not PSI_AUTO. */
enum psi_protocol psi_auto_choice(const struct psi_auto *a);

/*
 * Fills threads, delay_us and rate by three exchanges and 16 KiB in each direction, the
 * same at both sides: the worse of what they saw. Nothing is sent, and the link taken
 * for a fast one, where n and m settle the choice. The figures decide about speed alone.
 */
int psi_auto_measure(struct psi_auto *a, struct chan *c, int threads) PET_MUST_USE;

#endif
