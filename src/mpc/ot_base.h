/*
 * 128 base OTs of random 128-bit keys over ristretto255 (RFC 9496): the
 * semi-honest variant of Chou and Orlandi, "The Simplest Protocol for Oblivious
 * Transfer" (LATINCRYPT 2015, figure 1), whose keys are hashes of the whole
 * context, so that none is good for another place:
 *
 *	S -> R	A = a G;  D = 2 A
 *	R -> S	R_i = 2 r_i G + c_i D			i = 0 … 127
 *	S	k0_i = H(i, A, R_i, 2a R_i), k1_i = H(i, A, R_i, 2a (R_i - D))
 *	R	k_i  = H(i, A, R_i, 4 r_i A)		= k0_i or k1_i by c_i
 *	both	session = H'(A, R_0 … R_127)
 *
 * The factors 2, invertible in the group, let all points be encoded with few
 * inversions and no roots (ristretto.h). S multiplies 128 points, R works from
 * tables of G and A: 7.9 and 4.6 ms
 * of one Zen 3 core; R's second half runs while S computes.
 * H, H' are BLAKE2b with a domain string each. 32 and 4096 bytes, two flights.
 * Encodings that are not
 * canonical, and the neutral element, are refused with ERR_PEER. Constant time
 * in scalars and choices.
 */
#ifndef PET_MPC_OT_BASE_H
#define PET_MPC_OT_BASE_H

#include "mpc/block.h"
#include "net/chan.h"

#define OT_BASE 128
#define OT_BASE_POINT 32

struct ot_base_send {
	uint8_t scalar[32];
	uint8_t point[OT_BASE_POINT];		/* A */
};

/* Sends A; the caller flushes. */
int ot_base_send_start(struct ot_base_send *b, struct chan *c) PET_MUST_USE;
/* Receives the points; fills keys and session, on that many threads. Wipes b whatever it returns. */
int ot_base_send_finish(struct ot_base_send *b, struct chan *c, int threads, struct block (*keys)[2],
			struct block *session, struct errmsg *em) PET_MUST_USE;
/* Receives A, sends the points and flushes, then computes the keys. choice: bit i is c_i. */
int ot_base_recv(struct chan *c, int threads, struct block choice, struct block *keys, struct block *session,
		 struct errmsg *em) PET_MUST_USE;

#endif
