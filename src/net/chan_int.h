/* What stands behind a channel. Only src/net includes this. */
#ifndef PET_NET_CHAN_INT_H
#define PET_NET_CHAN_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/chan.h"
#include "net/ring.h"

struct chan;

/* A transport moves bytes between this side's two rings and the peer's. */
struct chan_ops {
	/* New bytes are published in tx. */
	void (*published)(struct chan *c);
	/* The reader has moved rx->tail. */
	void (*consumed)(struct chan *c);
	int (*sub)(struct chan *parent, uint16_t stream, struct chan **out);
	/* Everything is published; waits for the peer's end. */
	int (*close)(struct chan *c);
	/* Wakes what waits inside the transport; c->rc is set already. */
	void (*cancel)(struct chan *c);
	/* Ends and frees the transport's own state; `closed` says whether chan_close succeeded. */
	void (*free)(struct chan *c, int closed);
};

struct chan {
	const struct chan_ops *ops;
	void *impl;			/* the transport's own */
	struct chan *root;		/* itself, unless a sub-channel */
	uint16_t stream;
	struct ring *tx, *rx;		/* borrowed from the transport */
	struct waiter *waiter;		/* of the thread that uses this channel; borrowed as well */
	uint64_t wpos, rpos;		/* next byte to write and to read */
	int sending;			/* direction of the last call: counts rounds */
	int closed;
	_Atomic uint64_t sent, received, rounds;
	_Atomic int rc;			/* first error; 0 while all is well */
	char error[320];		/* written once, before rc */
	pthread_mutex_t mu;		/* error, subs */
	struct chan *subs, *next;
};

/* Allocates the common part; the transport then sets ops, impl, tx, rx and waiter. */
struct chan *chan_new(struct chan *root, uint16_t stream);
/* The last step of a sub-channel's set-up: its parent knows it from now on. ERR_CONFLICT: that stream is open already. */
int chan_adopt(struct chan *c) PET_MUST_USE;
/* Frees the common part alone, for a transport whose own set-up failed. */
void chan_drop(struct chan *c);
/* The first error wins; wakes the user of the channel. Any thread. */
void chan_fail(struct chan *c, int rc, const char *fmt, ...) PET_PRINTF(3, 4);
/* Waits until there is room in tx, bytes in rx, the peer's close, or an error. Nonzero flags choose. */
void chan_wait(struct chan *c, int room, int bytes);

#endif
