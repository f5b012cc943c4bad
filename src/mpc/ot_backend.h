/*
 * What makes correlations behind ot.h. Only src/mpc/ot*.c include this.
 *
 * A back end is one direction. Its messages are cut into steps, so that ot.c
 * can run both directions over one channel abreast without a deadlock: a step
 * first receives what the peer's previous step of this direction sent, then
 * sends its own; one step sends at most OT_STEP_BYTES. ot.c flushes after each.
 *
 * Set-up has `phases` steps, even ones at the receiver, odd ones at the sender:
 *	receiver: setup(0), setup(2), …		sender: setup(1), setup(3), …
 * Correlations come in batches of a fixed number, `count` batches at a time:
 *	receiver: recv_start	sends; may fill m already
 *	sender:   send_serve	receives, fills q, may send
 *	receiver: recv_finish	receives what send_serve sent; m is full then
 * m of both calls is the same. Errors of the peer go through ot_peer_broke.
 */
#ifndef PET_MPC_OT_BACKEND_H
#define PET_MPC_OT_BACKEND_H

#include "mpc/ot.h"

#define OT_STEP_BYTES ((size_t)1 << 20)	/* a quarter of the channel's window */

struct ot_conf {
	struct chan *chan;
	enum ot_role role;
	int threads;
	uint64_t expect;	/* the same at both parties; UINT64_MAX: many */
	struct ot *from;	/* not NULL: base OTs are transfers of this object, of the other role (ot_seed.h) */
	struct errmsg *em;	/* where a sentence goes; lives as long as the back end */
};

/* After the last phase. */
struct ot_facts {
	struct block delta;	/* sender; zero at the receiver */
	struct block session;
	size_t batch;		/* correlations in a batch, a multiple of 64 */
	size_t at_once;		/* batches per call, at most */
};

struct ot_backend {
	const char *name;
	unsigned phases;
	int (*open)(void **impl, const struct ot_conf *conf);	/* no messages yet */
	int (*setup)(void *impl, unsigned phase);
	void (*facts)(const void *impl, struct ot_facts *out);
	int (*recv_start)(void *impl, struct block *m, size_t count);
	int (*send_serve)(void *impl, struct block *q, size_t count);
	int (*recv_finish)(void *impl, struct block *m, size_t count);
	void (*free)(void *impl);	/* legal with NULL */
};

extern const struct ot_backend ot_softspoken2, ot_softspoken4, ot_softspoken8, ot_ferret;

/* ERR_PEER with its sentence. */
int ot_peer_broke(struct errmsg *em, const char *what);

#endif
