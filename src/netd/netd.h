/*
 * pet-netd, the gateway: pairs an operator's connection on the local socket
 * with the other party's connection for the same stream, and relays bytes.
 * It knows nothing of what it relays and keeps nothing worth saving.
 *
 * One thread per connection that is being opened, and one per pair: a pair
 * costs its thread's stack and two batches of bytes, whatever is sent.
 */
#ifndef PET_NETD_NETD_H
#define PET_NETD_NETD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/party.h"
#include "net/tls.h"
#include "net/wire.h"

#define NETD_OPENING_MS 10000	/* a connection that has not said what it wants by then is closed */
#define NETD_HOLD_MS 10000	/* the longest that one waits for its other end, whatever it asks for */

/* What a reload replaces; connections keep the one they started with. */
struct site {
	_Atomic int refs;
	struct party_file *pf;
	struct tls_ctx *tls;
	const char *cert, *key;
};

/* --task: one channel only; all strings borrowed from argv. */
struct netd_task {
	int on, accept_only;
	struct wire_id id;		/* from = this party; stream is not compared */
	const char *listen, *connect, *socket, *lease;
	int64_t lease_ms, idle_ms;
	int life_fd;			/* ends with the last process that holds its other end; -1: none */
};

struct slot;

struct netd {
	char self[PARTY_NAME_MAX];
	const char *party_path, *cert, *key;	/* borrowed from the configuration */
	char listen[280], socket[108];
	int64_t max_streams, max_opening;
	struct netd_task task;
	struct site *site;		/* under mu */
	int tcp, local, stop;		/* stop: an eventfd that every thread watches */
	_Atomic int conns, opening, relays;
	_Atomic uint64_t served;	/* pairs so far */
	pthread_mutex_t mu;		/* site, slots */
	pthread_cond_t changed;		/* of slots */
	struct slot *slots;
};

/* netd_conf.c */
int netd_configure(struct netd *nd, int argc, char **argv, struct errmsg *em) PET_MUST_USE;
int netd_load_site(struct netd *nd, struct errmsg *em) PET_MUST_USE;	/* replaces nd->site */
struct site *netd_site(struct netd *nd);
void site_unref(struct site *s);

/*
 * netd_pair.c: which streams are open here. A slot belongs to the thread of the
 * operator's connection; the thread of a TLS connection hands that over and ends.
 */
struct slot {
	struct slot *next;
	struct wire_id id;		/* as the operator here says it */
	int relaying;
	int tcp;			/* for a take-over: shutdown(2) ends the relay; -1 while there is none */
	int handed;			/* eventfd: tls was set */
	struct tls *tls;
};

/* ERR_BUSY: that stream is open here already. */
int slot_open(struct netd *nd, const struct wire_id *id, struct slot **out) PET_MUST_USE;
void slot_close(struct netd *nd, struct slot *s);
/* The operator's thread has (or has found) its peer. */
void slot_relaying(struct netd *nd, struct slot *s, int tcp);
/* Gives tls to the operator that waits for it, or waits for that until the deadline; a stale relay of the stream is ended. */
int slot_hand(struct netd *nd, const struct wire_id *remote, struct tls *tls, int64_t deadline) PET_MUST_USE;

/* netd_peer.c: connects to one of the other party's gateways, in an order that depends on the channel. */
int peer_dial(struct netd *nd, struct site *site, const struct wire_route *route, int64_t deadline,
	      int wake, struct tls **out, struct errmsg *em) PET_MUST_USE;
int netd_send_status(struct tls *t, enum wire_state state, const char *text, int64_t deadline, int wake) PET_MUST_USE;
int netd_read_msg(struct tls *t, enum wire_msg want, uint8_t *raw, size_t *len, int64_t deadline,
		  int wake, struct errmsg *em) PET_MUST_USE;
void peer_order(const struct party *p, const struct wire_id *id, size_t order[PARTY_NET_MAX]);

/* netd_conn.c: threads for what the listening sockets accept. Each takes the fd over. */
void conn_local(struct netd *nd, int fd);
void conn_remote(struct netd *nd, int fd);

/* netd_relay.c: until one side ends or `stop` becomes readable. Closes neither. */
void relay_run(struct tls *tls, int local, int stop);

#endif
