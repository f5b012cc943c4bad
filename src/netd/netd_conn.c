#define _GNU_SOURCE /* accept4 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "net/dial.h"
#include "netd/netd.h"

struct conn {
	struct netd *nd;
	struct site *site;
	int fd;
};

static void refuse_local(int fd, enum wire_state state, const char *text)
{
	uint8_t msg[WIRE_MSG_MAX];

	(void)!io_write(fd, msg, wire_put_status(msg, state, text), util_mono_ms() + 1000, -1);
}

/* Does a ROUTE ask for what this gateway serves? `mine` is the party here, `peer` the one there. */
static int check_id(struct netd *nd, const struct site *site, const struct wire_id *id, int local,
		    struct errmsg *em)
{
	const char *mine = local ? id->from : id->to, *peer = local ? id->to : id->from;
	const struct wire_id *t = &nd->task.id;

	if (strcmp(mine, nd->self) != 0)
		return errmsg_set(em, ERR_DENIED, "WRONG_PARTY", "this is the gateway of %s, not of %s", nd->self, mine);
	if (!party_find(site->pf, peer))
		return errmsg_set(em, ERR_DENIED, "UNKNOWN_PARTY", "%s is not in the party file", peer);
	if (!nd->task.on)
		return 0;
	if (strcmp(peer, t->to) != 0 || strcmp(id->job, t->job) != 0 || id->epoch != t->epoch ||
	    id->group != t->group || id->attempt != t->attempt)
		return errmsg_set(em, ERR_DENIED, "OTHER_TASK", "this gateway serves another task's channel only");
	return 0;
}

/* Both sides must dial in one direction only: the party whose name sorts first, or as --task says. */
static int we_dial(const struct netd *nd, const struct wire_id *id)
{
	if (nd->task.on)
		return nd->task.connect != NULL;
	return strcmp(id->from, id->to) < 0;
}

/* The accepting side's operator: waits until a TLS connection is handed over, it hangs up, or its time is over. */
static int wait_handed(struct netd *nd, struct slot *s, int fd, int64_t deadline, struct tls **out)
{
	for (;;) {
		struct pollfd p[3] = { { .fd = s->handed, .events = POLLIN }, { .fd = fd, .events = POLLIN },
				       { .fd = nd->stop, .events = POLLIN } };
		int64_t left = deadline - util_mono_ms();
		int n = poll(p, 3, left > 0 ? (int)left : 0);

		if (n < 0)
			continue;
		if (p[0].revents) {
			pthread_mutex_lock(&nd->mu);
			*out = s->tls;
			pthread_mutex_unlock(&nd->mu);
			return 0;
		}
		if (p[1].revents || p[2].revents)
			return ERR_CANCELED;
		if (left <= 0)
			return ERR_TIMEOUT;
	}
}

/* The slot keeps what was handed to it and closes it; a dialled connection is handed by this thread itself. */
static int find_peer(struct conn *c, struct slot *s, const struct wire_route *route, struct errmsg *em)
{
	uint32_t wait_ms = route->wait_ms < NETD_HOLD_MS ? route->wait_ms : NETD_HOLD_MS;
	int64_t deadline = util_mono_ms() + wait_ms;
	struct tls *tls = NULL;
	int rc;

	if (we_dial(c->nd, &s->id)) {
		rc = peer_dial(c->nd, c->site, route, deadline, c->fd, &tls, em);
		s->tls = tls;
		return rc;
	}
	rc = wait_handed(c->nd, s, c->fd, deadline, &tls);
	if (rc == ERR_TIMEOUT)
		return errmsg_set(em, rc, "PEER_AWAY", "%s has not connected for this channel yet", s->id.to);
	if (rc == 0)
		rc = netd_send_status(tls, WIRE_PAIRED, "", deadline + NETD_OPENING_MS, c->nd->stop);
	return rc;
}

static void serve_local(struct conn *c, const struct wire_route *route, struct slot *s)
{
	struct errmsg em = { 0 };
	uint8_t msg[WIRE_MSG_MAX];
	int rc = find_peer(c, s, route, &em);

	if (rc) {
		if (rc != ERR_CANCELED)
			refuse_local(c->fd, rc == ERR_DENIED ? WIRE_REFUSED : WIRE_RETRY,
				     em.local[0] ? em.local : "the peer's gateway closed the connection");
		if (rc == ERR_DENIED || rc == ERR_PEER)
			log_warning("job %s, stream %u to %s: %s", s->id.job, s->id.stream, s->id.to, em.local);
		return;
	}
	slot_relaying(c->nd, s, tls_fd(s->tls));
	rc = io_write(c->fd, msg, wire_put_status(msg, WIRE_PAIRED, ""), util_mono_ms() + NETD_OPENING_MS, -1);
	if (rc)
		return;
	atomic_fetch_add(&c->nd->relays, 1);
	atomic_fetch_add(&c->nd->served, 1);
	log_debug("job %s, stream %u: relaying with %s", s->id.job, s->id.stream, s->id.to);
	relay_run(s->tls, c->fd, c->nd->stop);
	atomic_fetch_sub(&c->nd->relays, 1);
	/* Its fd is about to be closed: nobody may shut down a number that is someone else's by then. */
	slot_relaying(c->nd, s, -1);
}

static void local_opened(struct conn *c)
{
	int64_t deadline = util_mono_ms() + NETD_OPENING_MS;
	uint8_t msg[WIRE_MSG_MAX];
	struct wire_route route;
	struct errmsg em = { 0 };
	struct slot *s;
	size_t len;
	int rc = ERR_INTERNAL;

	TRY(io_read_msg(c->fd, WIRE_ROUTE, msg, &len, deadline, c->nd->stop, &em));
	TRY(wire_get_route(msg + WIRE_HEAD, len - WIRE_HEAD, &route, &em));
	TRY(check_id(c->nd, c->site, &route.id, 1, &em));
out:
	atomic_fetch_sub(&c->nd->opening, 1);
	if (rc) {
		/* Silence or a hang-up is a health probe; the rest deserves an answer. */
		if (em.local[0])
			refuse_local(c->fd, WIRE_REFUSED, em.local);
		return;
	}
	rc = slot_open(c->nd, &route.id, &s);
	if (rc) {
		refuse_local(c->fd, WIRE_RETRY, "this channel is open here already");
		return;
	}
	serve_local(c, &route, s);
	slot_close(c->nd, s);
}

/* NULL: it was refused, or is in the hands of the operator's thread. */
static struct tls *remote_opened(struct conn *c, struct tls *tls, const struct wire_route *route)
{
	uint32_t wait_ms = route->wait_ms < NETD_HOLD_MS ? route->wait_ms : NETD_HOLD_MS;
	int rc = slot_hand(c->nd, &route->id, tls, util_mono_ms() + wait_ms);

	if (rc == 0)
		return NULL;
	(void)!netd_send_status(tls, WIRE_RETRY, "the operator of this channel is not there yet",
				util_mono_ms() + NETD_OPENING_MS, c->nd->stop);
	return tls;
}

static void remote_accepted(struct conn *c)
{
	int64_t deadline = util_mono_ms() + NETD_OPENING_MS;
	uint8_t msg[WIRE_MSG_MAX];
	unsigned int silent = 30000;
	struct wire_route route;
	struct errmsg em = { 0 };
	struct tls *tls = NULL;
	size_t len;
	int rc = ERR_INTERNAL, fd = c->fd;

	dial_tune(fd);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent, sizeof(silent));
	c->fd = -1;
	TRY(tls_open(c->site->tls, fd, NULL, deadline, c->nd->stop, &tls, &em));
	TRY(netd_read_msg(tls, WIRE_ROUTE, msg, &len, deadline, c->nd->stop, &em));
	TRY(wire_get_route(msg + WIRE_HEAD, len - WIRE_HEAD, &route, &em));
	if (strcmp(route.id.from, tls_peer(tls)) != 0)
		TRY(errmsg_set(&em, ERR_DENIED, "WRONG_PARTY", "the certificate is %s's, the channel claims %s",
			       tls_peer(tls), route.id.from));
	TRY(check_id(c->nd, c->site, &route.id, 0, &em));
out:
	atomic_fetch_sub(&c->nd->opening, 1);
	if (rc) {
		if (em.local[0])
			log_warning("a connection%s%s was refused: %s", tls ? " of " : "", tls ? tls_peer(tls) : "", em.local);
		if (tls && em.local[0])
			(void)!netd_send_status(tls, WIRE_REFUSED, em.local, util_mono_ms() + 1000, c->nd->stop);
	} else {
		tls = remote_opened(c, tls, &route);
	}
	tls_close(tls);
}

static void conn_end(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	site_unref(c->site);
	atomic_fetch_sub(&c->nd->conns, 1);
	free(c);
}

static void *local_main(void *arg)
{
	local_opened(arg);
	conn_end(arg);
	return NULL;
}

static void *remote_main(void *arg)
{
	remote_accepted(arg);
	conn_end(arg);
	return NULL;
}

static void start(struct netd *nd, int fd, void *(*run)(void *))
{
	struct conn *c = calloc(1, sizeof(*c));
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	atomic_fetch_add(&nd->conns, 1);
	if (!c || atomic_load(&nd->conns) > nd->max_streams || atomic_load(&nd->opening) >= nd->max_opening) {
		log_warning("a connection was refused: %d are open, %d of them not yet introduced (limits %lld and %lld)",
			    atomic_load(&nd->conns) - 1, atomic_load(&nd->opening),
			    (long long)nd->max_streams, (long long)nd->max_opening);
		close(fd);
		free(c);
		atomic_fetch_sub(&nd->conns, 1);
		return;
	}
	*c = (struct conn){ .nd = nd, .site = netd_site(nd), .fd = fd };
	atomic_fetch_add(&nd->opening, 1);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 512 << 10);
	rc = pthread_create(&thread, &attr, run, c);
	pthread_attr_destroy(&attr);
	if (rc) {
		log_error("cannot start a thread: %s", strerror(rc));
		atomic_fetch_sub(&nd->opening, 1);
		conn_end(c);
	}
}

void conn_local(struct netd *nd, int fd)
{
	start(nd, fd, local_main);
}

void conn_remote(struct netd *nd, int fd)
{
	start(nd, fd, remote_main);
}
