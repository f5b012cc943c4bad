/*
 * Oblivious transfer: correlated random OT under one global Delta.
 *
 * An object is one direction over a channel: this party is its sender (knows
 * Delta and q) or its receiver (knows the random choice bits c and m):
 *
 *	m[i] = q[i] ^ c[i] * Delta,  LSB(Delta) = 1,  LSB(q[i]) = 0,  c[i] = LSB(m[i])
 *
 * Two objects over the same channel give both directions. Both parties make the
 * same calls with the same counts in the same order; a correlation is consumed
 * by the call that returns it and is never handed out twice. Semi-honest
 * security, kappa = 128. Kinds:
 *
 *	OT_SOFTSPOKEN2/4/8	eprint 2022/192; 63, 31, 15 bits per COT, one flight; assumes AES only
 *	OT_FERRET		eprint 2020/924, trees of 2022/1431; 1.2 bits per COT, one flight; assumes LPN
 *	OT_AUTO			chosen at set-up by the link's measured speed, agreed by both parties
 *
 * Set-up (128 base OTs, some 12 KB, 4 flights; Ferret: 180 KB, 6 flights) happens at the first use.
 *
 * Errors: what the channel says; ERR_PEER when the peer's messages are not what
 * the protocol demands; ot_error has the sentence. After an error the object
 * only repeats it. The outputs are secrets of the caller, who wipes them.
 * One thread at a time uses the objects of a channel.
 */
#ifndef PET_MPC_OT_H
#define PET_MPC_OT_H

#include "mpc/block.h"
#include "net/chan.h"

enum ot_kind { OT_AUTO, OT_SOFTSPOKEN2, OT_SOFTSPOKEN4, OT_SOFTSPOKEN8, OT_FERRET };
enum ot_role { OT_SENDER, OT_RECEIVER };

struct ot;

/* c is borrowed. ERR_INPUT: a kind that this build does not have. */
int ot_new(struct ot **out, struct chan *c, enum ot_role role, enum ot_kind kind) PET_MUST_USE;
/* Legal with NULL; wipes everything. */
void ot_free(struct ot *o);
/* Before set-up: threads of the loops (default 1; results do not depend on it), and how many COTs will be
 * asked for, about (default: many): OT_AUTO and LPN sizes go by the smaller of both parties' figures. */
void ot_threads(struct ot *o, int threads);
void ot_expect(struct ot *o, uint64_t n);

/* A second call does nothing. */
int ot_setup(struct ot *o) PET_MUST_USE;
/* The same without curve arithmetic: the base OTs are 128 transfers of `from`, this party's object of the other role,
 * over its own channel; `from` is set up where it is not yet. The other party's call has the mirrored objects. */
int ot_setup_from(struct ot *o, struct ot *from) PET_MUST_USE;
/* Both directions of a channel; one party's s is the other's r, and s_first is 1 at one of them: the direction that is
 * set up first. With SoftSpoken the second one is set up from it: 4 flights in all. */
int ot_setup_both(struct ot *s, struct ot *r, int s_first) PET_MUST_USE;

/* n correlations; one flight from receiver to sender (Ferret: from sender to receiver). n may be 0. */
int ot_cot_send(struct ot *o, struct block *q, size_t n) PET_MUST_USE;
int ot_cot_recv(struct ot *o, struct block *m, size_t n) PET_MUST_USE;
/* Both directions abreast, any counts: s is this party's sender, r its receiver; one party's s is the other's r. */
int ot_cot_both(struct ot *s, struct block *q, size_t nq, struct ot *r, struct block *m, size_t nm) PET_MUST_USE;

/* After set-up. The sender's Delta. */
struct block ot_delta(const struct ot *o);
/* A block that both parties know and that is fresh for this object: keys hashes of its correlations. */
struct block ot_session(const struct ot *o);
/* How many correlations were handed out: the number of the next one, for hashing. */
uint64_t ot_used(const struct ot *o);
/* What OT_AUTO became. */
enum ot_kind ot_kind(const struct ot *o);
const char *ot_kind_name(enum ot_kind kind);
enum ot_role ot_role(const struct ot *o);
struct chan *ot_chan(const struct ot *o);
int ot_thread_count(const struct ot *o);
/* How many correlations are made at once: calls for multiples of it fill the caller's memory directly. */
size_t ot_batch(const struct ot *o);
/* The sentence of the last error; "" when there was none. Borrowed. */
const char *ot_error(const struct ot *o);

#endif
