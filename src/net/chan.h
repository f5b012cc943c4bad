/*
 * A channel: ordered bytes between the two sides of a two-party protocol.
 *
 * This is all that protocols see. Behind it stand an in-memory pair (tests),
 * or a resumable connection through the gateways (chan_open). Sends are
 * buffered and coalesced and never block on the peer's reading as long as the
 * peer's credit lasts; both sides may send bulk at once without deadlock,
 * since a helper thread always reads. One thread uses a channel at a time; a
 * thread that talks by itself takes a sub-channel.
 *
 * Errors: ERR_PEER (closed, broke the framing, stayed away longer than the
 * limit), ERR_CANCELED (chan_cancel), ERR_NOMEM. After an error every further
 * call returns the same error; chan_error says it in a sentence.
 */
#ifndef PET_NET_CHAN_H
#define PET_NET_CHAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct chan;

struct chan_stats {
	uint64_t bytes_sent;		/* payload bytes given to chan_send */
	uint64_t bytes_received;	/* payload bytes returned by chan_recv */
	uint64_t rounds;		/* times the direction turned from sending to receiving */
};

/* Buffers `len` bytes; they go out when the buffer is full, at chan_flush, or before a chan_recv that has to wait. */
int chan_send(struct chan *c, const void *data, size_t len) PET_MUST_USE;
/* Exactly `len` bytes. */
int chan_recv(struct chan *c, void *data, size_t len) PET_MUST_USE;
int chan_flush(struct chan *c) PET_MUST_USE;
/* Both sides call it: sends and receives at once, any sizes, no deadlock, one round. */
int chan_exchange(struct chan *c, const void *out, size_t out_len,
		  void *in, size_t in_len) PET_MUST_USE;

/* Little-endian integers and length-prefixed blobs; a length over `max` is ERR_PEER before anything is allocated. */
int chan_send_u64(struct chan *c, uint64_t v) PET_MUST_USE;
int chan_recv_u64(struct chan *c, uint64_t *v) PET_MUST_USE;
int chan_send_blob(struct chan *c, const void *data, size_t len) PET_MUST_USE;
int chan_recv_blob(struct chan *c, void **data, size_t *len, size_t max) PET_MUST_USE;

/*
 * A sub-channel: bytes and errors of its own, counters added to its parent's.
 * Both sides open the same `stream` (1 … 65535); the parent is stream 0.
 * chan_free(sub) before chan_free(parent).
 */
int chan_sub(struct chan *parent, uint16_t stream, struct chan **out) PET_MUST_USE;

/* Totals over the channel and its sub-channels; any thread may ask at any time. */
void chan_stats(const struct chan *c, struct chan_stats *out);
/* The sentence of the last error; "" when there was none. Borrowed. */
const char *chan_error(const struct chan *c);
/* Makes every waiting and later call on it and its sub-channels return ERR_CANCELED; any thread, any time. */
void chan_cancel(struct chan *c);
/* Orderly end: everything sent has been received by the peer's endpoint, and the peer has closed too. */
int chan_close(struct chan *c) PET_MUST_USE;
/* Legal with NULL; without chan_close before it, the peer sees an error. */
void chan_free(struct chan *c);

/* Two ends in one process: for tests and for single-process benches. */
int chan_mem_pair(struct chan **a, struct chan **b) PET_MUST_USE;

/* How to reach the peer; every string is borrowed for the call. */
struct chan_conf {
	const char *scheme;	/* "agent": through the gateway at `address`; "tcp": plain, for pet run and benches on loopback */
	const char *address;	/* agent: path of the gateway's unix socket; tcp: host:port (listen side: port to bind) */
	int listen;		/* tcp only: 1 listens, 0 connects */
	const char *self, *peer;	/* party names */
	const char *job;	/* job id */
	uint32_t epoch, group, attempt, shard;
	const uint8_t *key;	/* 32 bytes both schedulers agreed on: binds both ends to this attempt */
	uint32_t connect_ms;	/* how long the peer may take to come at first; 0 = 30 s */
	uint32_t away_ms;	/* how long it may stay away later; 0 = 60 s */
};

int chan_open(const struct chan_conf *conf, struct chan **out, struct errmsg *em) PET_MUST_USE;

#endif
