/*
 * Private set intersection by commutative masking: Meadows, A more efficient
 * cryptographic matchmaking protocol, S&P 1986; Huberman, Franklin, Hogg,
 * Enhancing privacy and trust in electronic communities, EC 1999.
 * Semi-honest, under DDH on Curve25519 and random oracles. With a, b fresh keys:
 *
 *	A                                             B
 *	own items in secret random order   a·H(x_i) ->
 *	                                <- b·H(y_j)   own items in secret random order
 *	tag(a·(b·H(y_j)))            both compute     tag(b·(a·H(x_i)))
 *	                     <- tag(ba·H(x_i)) in the order received   (if A receives)
 *	(if B receives)   tag(ab·H(y_j)) in the order received ->
 *
 * A receiver compares the tags of its own items, returned, with those that it
 * computed from the other's. What each side sees beyond the result: the number
 * of the other's items, dummies included. A receiver's matches are marked in its own order; where
 * they stand in the other's list it learns only in the other's random order.
 *
 * Costs with n own and m peer items: n + m multiplications at each side, 32 n
 * bytes sent and, when the peer receives, tag_len·m more; two one-way messages
 * of latency over the streaming. Memory: 32 n (the caller's items), 4 n for the
 * order, and at a receiver tag_len·(n + m) + 8 m and n for the result.
 */
#ifndef PET_MPC_ECDH_PSI_H
#define PET_MPC_ECDH_PSI_H

#include <stdint.h>

#include "base/err.h"
#include "mpc/group.h"
#include "net/chan.h"

#define ECDH_PSI_FIRST 1u	/* receivers, as bits */
#define ECDH_PSI_SECOND 2u
#define ECDH_PSI_ITEMS_MAX UINT32_C(0x7fffffff)
#define ECDH_PSI_BATCH 4096	/* part of the wire format: see docs/operators/psi.md */

struct ecdh_psi {
	const uint8_t (*items)[GROUP_HASH_BYTES];	/* digests, distinct; borrowed */
	uint32_t count;
	uint32_t padded;	/* at least count: random dummies fill up, so that the other side sees this number alone; 0 = count */
	int first;		/* the two sides must differ */
	unsigned receivers;	/* the same at both sides, like `shape` */
	uint32_t shape;		/* any number that must agree: the count of key columns */
	int threads;
	void (*progress)(void *arg, double fraction);	/* may be NULL */
	void *arg;
};

struct ecdh_psi_result {
	uint8_t *matched;	/* owned: count bytes, 1 for an item that both have; NULL at a side that does not receive */
	uint32_t matches;	/* 0 at a side that does not receive */
	uint32_t peer_count;	/* the peer's padded count */
};

/*
 * Both sides call it after group_init. ERR_INPUT when the two sides disagree
 * on receivers or shape, ERR_PEER when the other one sends what no honest
 * party sends, and the channel's errors.
 */
int ecdh_psi_run(struct chan *c, const struct ecdh_psi *p, struct ecdh_psi_result *out,
		 struct errmsg *em) PET_MUST_USE;
void ecdh_psi_result_free(struct ecdh_psi_result *r);

/*
 * Bytes of a tag for lists of n and m items: 40 + log2(n·m) bits, at least 8
 * bytes, so that over all n·m pairs unequal items meet with probability at most 2^-40.
 */
unsigned ecdh_psi_tag_len(uint64_t n, uint64_t m);

#endif
