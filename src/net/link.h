/*
 * The resumable end of one stream: a helper thread that owns the connection,
 * always reads, sends what was published, and makes a new connection when one
 * is lost. Both ends keep what the other has not acknowledged (tx ring), and
 * never send more than the other has room for (rx ring), so reading never has
 * to wait for the channel's user, and acknowledgements never wait for data.
 */
#ifndef PET_NET_LINK_H
#define PET_NET_LINK_H

#include <stdatomic.h>

#include "net/chan_int.h"
#include "net/dial.h"
#include "net/wire.h"

/* Names, key and limits of a channel: shared by its streams. */
struct link_conf {
	struct wire_id id;		/* stream of the root: 0 */
	uint8_t key[32];
	int64_t connect_ms, away_ms;
	struct dial *dial;
};

struct link {
	struct chan *chan;
	struct link_conf conf;		/* holds a reference of dial */
	struct ring tx, rx;
	struct waiter waiter;
	pthread_t thread;
	int wake;			/* eventfd: the channel's user has something to say */
	_Atomic int awake;		/* 0 while the helper thread may sleep */
	_Atomic int closing, stop;	/* stop: enum wire_reason */
	_Atomic int up;			/* was connected at least once */
	_Atomic int done;		/* both ends have everything and have closed */

	/*
	 * Who holds io may write: the helper thread, except while it sleeps in
	 * poll; then the channel's user sends small things by itself, which
	 * saves a thread switch per round. The rest below is the helper's own.
	 */
	pthread_mutex_t io;
	int live;			/* under io: there is a connection */
	int fd;
	uint8_t session[WIRE_SESSION], peer_session[WIRE_SESSION];
	int peer_known;
	int64_t heard_ms, pinged_ms, lost_ms;
	/* out */
	uint64_t sent, peer_credit;
	uint8_t head[4 * WIRE_FRAME];	/* control frames and the header of a data frame, then its bytes of the tx ring */
	size_t head_at, head_len;
	uint64_t data_at, data_end;
	int close_sent, done_sent, ping_due;
	/* in */
	uint8_t in[4096];
	size_t in_len;
	uint64_t received, need;	/* need: bytes still missing of the current data frame */
	uint64_t ack_sent;
	_Atomic uint64_t credit_sent;	/* the channel's user reads it to know when a kick is worth it */
	int ack_due, peer_closed, peer_done;
};

/* link_io.c: frames over one connection until it is lost, finished or broken. 0: finished. ERR_IO: lost. Others: for good. */
int link_pump(struct link *l) PET_MUST_USE;
/* A new connection is authenticated; forget the old one's half-sent frames and start at the peer's offset. */
void link_restart(struct link *l, const struct wire_hello *peer);
void link_kick(struct link *l);
/* By the channel's user: 1 when everything published is out; 0: the helper thread has to do it. */
int link_send_now(struct link *l) PET_MUST_USE;

#endif
