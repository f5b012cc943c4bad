/*
 * The two-party engine: one lane of a secure computation on shared vectors
 * (share.h). A lane is a channel, oblivious transfer in both directions, a
 * hash and scratch memory. The operations stand in mul.h, bool.h, cmp.h, …;
 * each takes the lane first, then outputs, inputs, numbers, works on whole
 * vectors and opens nothing unless its name says so. docs/engine.md begins here.
 *
 * Both parties call the same operations in the same order with the same
 * shapes. Each operation begins with mpc_op, whose 8 bytes the other party
 * compares before it reads anything of that operation: parties that run
 * different steps get ERR_PEER, never a hang or a wrong result.
 *
 * Semi-honest; 128-bit computational, 40-bit statistical security. Errors:
 * ERR_PEER and the channel's, ERR_NOMEM, ERR_INPUT for shapes that do not fit;
 * mpc_error has the sentence.
 */
#ifndef PET_MPC_MPC_H
#define PET_MPC_MPC_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mpc/arena.h"
#include "mpc/hash.h"
#include "mpc/ot.h"
#include "mpc/prg.h"
#include "net/chan.h"

#define MPC_THREADS_MAX 64

struct mpc;

struct mpc_conf {
	struct chan *chan;	/* borrowed */
	int party;		/* 0 or 1; the two sides differ */
	enum ot_kind kind;	/* the same at both, like threads and chunk */
	int threads;		/* lanes that mpc_split uses; 1 is plain */
	size_t chunk;		/* elements per step of an operation; 0: by the link's round trip */
};

/* Compares the two sides' settings, measures the link, sets up OT. About 20 ms per lane. */
int mpc_new(struct mpc **out, const struct mpc_conf *conf, struct errmsg *em) PET_MUST_USE;
void mpc_free(struct mpc *m);

int mpc_party(const struct mpc *m);
struct chan *mpc_chan(struct mpc *m);
/* Borrowed; "" when nothing is wrong. */
const char *mpc_error(const struct mpc *m);
/* Elements that an operation takes in one step: a multiple of 64. */
size_t mpc_chunk(const struct mpc *m);

/*
 * Runs fn over [0, n) in slices that begin at multiples of `align`, one lane
 * each; a single lane, or few elements, is a plain call. All lanes run even
 * when one fails; the first error comes back. fn must not use the parent.
 */
typedef int mpc_fn(struct mpc *lane, size_t begin, size_t end, void *arg);
int mpc_split(struct mpc *m, size_t n, size_t align, mpc_fn *fn, void *arg) PET_MUST_USE;

/* --- for operations -------------------------------------------------------- */

enum mpc_opcode {
	MPC_OP_SHARE = 1, MPC_OP_REVEAL, MPC_OP_MUL, MPC_OP_TRUNC, MPC_OP_EXTEND, MPC_OP_AND, MPC_OP_B2A,
	MPC_OP_MILL, MPC_OP_EQ, MPC_OP_MUX, MPC_OP_LUT, MPC_OP_HIST, MPC_OP_PERM, MPC_OP_SORT, MPC_OP_PSI,
	MPC_OP_SCAN, MPC_OP_COMPACT,
};

/* shape: bits, scales, owners, whatever must agree. */
int mpc_op(struct mpc *m, enum mpc_opcode op, uint64_t n, uint64_t shape) PET_MUST_USE;
int mpc_send(struct mpc *m, const void *data, size_t len) PET_MUST_USE;
/* Compares the tags that are due, then reads. */
int mpc_recv(struct mpc *m, void *data, size_t len) PET_MUST_USE;
/* Integers of `width` bits without gaps; in and out may not overlap the arena's next take. */
int mpc_send_bits(struct mpc *m, const uint64_t *in, size_t n, unsigned width) PET_MUST_USE;
int mpc_recv_bits(struct mpc *m, uint64_t *out, size_t n, unsigned width) PET_MUST_USE;

/*
 * Before a step that uses so many transfers in the two directions; the other
 * party reserves the same, mirrored. Where mpc_reserved says 0, mpc_reserve
 * talks: nothing of the caller's may be under way in either direction then.
 */
int mpc_reserved(const struct mpc *m, size_t send, size_t recv);
int mpc_reserve(struct mpc *m, size_t send, size_t recv) PET_MUST_USE;
/* COTs of the direction in which this party sends or receives: m = q ^ c*Delta, c in the lowest bit. */
int mpc_cot_send(struct mpc *m, struct block *q, size_t n) PET_MUST_USE;
int mpc_cot_recv(struct mpc *m, struct block *q, size_t n) PET_MUST_USE;
struct block mpc_delta(const struct mpc *m);
/* Hash indices for n calls on COTs of the direction in which `sender` sends: never given out twice. */
uint64_t mpc_index(struct mpc *m, int sender, uint64_t n);
const struct hash *mpc_hash(const struct mpc *m);
struct arena *mpc_arena(struct mpc *m);
/* The generator that masks the inputs of `owner`: both parties hold it at the same place. */
struct prg *mpc_masks(struct mpc *m, int owner);

#endif
