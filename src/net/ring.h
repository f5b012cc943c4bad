/*
 * A bounded byte queue between one writing and one reading thread.
 *
 * Positions are absolute byte offsets of the stream, so that the same numbers
 * serve as acknowledgement and credit on the wire. Neither side takes a lock;
 * who waits, and on what, is the business of struct waiter.
 */
#ifndef PET_NET_RING_H
#define PET_NET_RING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

/* Power of two. Bounds what one direction of one stream holds: the replay window and the credit. */
#define RING_SIZE ((size_t)4 << 20)
#define RING_OPEN UINT64_MAX

struct ring {
	unsigned char *data;		/* RING_SIZE bytes; pages are touched only as they are used */
	_Atomic uint64_t head;		/* bytes before it may be read */
	_Atomic uint64_t tail;		/* bytes before it may be overwritten */
	_Atomic uint64_t end;		/* where the writer closed the stream; RING_OPEN until then */
	_Atomic int broken;		/* the writer went without closing */
};

/* At most one thread waits; anyone wakes. */
struct waiter {
	pthread_mutex_t mu;
	pthread_cond_t cv;
	_Atomic int waiting;
};

int ring_init(struct ring *r) PET_MUST_USE;
void ring_fini(struct ring *r);
/* Copies in at / out from an absolute offset; the caller knows that the range is free / filled. */
void ring_put(struct ring *r, uint64_t at, const void *data, size_t len);
void ring_get(const struct ring *r, uint64_t at, void *data, size_t len);
/* The one or two pieces of memory behind [at, at+len); returns how many. */
int ring_iov(const struct ring *r, uint64_t at, size_t len, struct iovec iov[2]);

int waiter_init(struct waiter *w) PET_MUST_USE;
void waiter_fini(struct waiter *w);
/* Cheap when nobody waits. Change what is waited for before the call. */
void waiter_wake(struct waiter *w);

#endif
