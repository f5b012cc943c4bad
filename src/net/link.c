#include "net/link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"

/* Ends that have everything linger this long for the last frame to arrive, then call it a success. */
#define LINGER_MS 5000
#define HELLO_MS 10000

static const struct chan_ops link_ops;

void link_kick(struct link *l)
{
	if (atomic_exchange(&l->awake, 1))
		return;
	if (eventfd_write(l->wake, 1) != 0)
		log_error("eventfd: %s", strerror(errno));
}

/* HELLO and AUTH both ways. Nothing of the peer's HELLO is used before its AUTH has been verified, but for its version. */
static int say_hello(struct link *l, int64_t deadline, struct wire_hello *peer, struct errmsg *em)
{
	struct wire_hello own = { .id = l->conf.id, .received = l->received,
				  .credit = atomic_load(&l->rx.tail) + RING_SIZE };
	uint8_t mine[WIRE_MSG_MAX], theirs[WIRE_MSG_MAX], msg[WIRE_MSG_MAX];
	uint8_t mac[WIRE_MAC], claimed[WIRE_MAC];
	size_t mine_len, theirs_len, len;
	int rc = ERR_INTERNAL;

	util_random(own.nonce, sizeof(own.nonce));
	memcpy(own.session, l->session, sizeof(own.session));
	mine_len = wire_put_hello(mine, &own);
	TRY(io_write(l->fd, mine, mine_len, deadline, l->wake));
	TRY(io_read_msg(l->fd, WIRE_HELLO, theirs, &theirs_len, deadline, l->wake, em));
	TRY(wire_get_hello(theirs + WIRE_HEAD, theirs_len - WIRE_HEAD, peer, em));
	TRY(wire_mac(l->conf.key, mine, mine_len, theirs, theirs_len, mac));
	TRY(io_write(l->fd, msg, wire_put_auth(msg, mac), deadline, l->wake));
	TRY(io_read_msg(l->fd, WIRE_AUTH, msg, &len, deadline, l->wake, em));
	TRY(wire_get_auth(msg + WIRE_HEAD, len - WIRE_HEAD, claimed, em));
	TRY(wire_mac(l->conf.key, theirs, theirs_len, mine, mine_len, mac));
	rc = ERR_PEER;
	if (!wire_mac_equal(mac, claimed) || !wire_id_mirrors(&own.id, &peer->id)) {
		errmsg_set(em, rc, "BAD_KEY", "the other end did not prove the key of this attempt");
		goto out;
	}
	l->ack_sent = own.received;
	atomic_store(&l->credit_sent, own.credit);
	rc = 0;
out:
	return rc;
}

/* The offsets of an authenticated peer must still fit what this end knows. */
static int check_peer(struct link *l, const struct wire_hello *peer, struct errmsg *em)
{
	if (l->peer_known && memcmp(peer->session, l->peer_session, WIRE_SESSION) != 0)
		return errmsg_set(em, ERR_DENIED, "PEER_RESTARTED",
				  "the peer's process was started anew and cannot resume this channel");
	if (peer->received < atomic_load(&l->tx.tail) || peer->received > l->sent ||
	    peer->credit < peer->received || peer->credit - peer->received > RING_SIZE)
		return errmsg_set(em, ERR_DENIED, "BAD_RESUME", "the peer resumes at an offset that was never sent");
	memcpy(l->peer_session, peer->session, WIRE_SESSION);
	l->peer_known = 1;
	return 0;
}

static int connect_once(struct link *l, int64_t deadline, struct errmsg *em)
{
	struct wire_hello peer;
	int64_t hello;
	int rc = dial_connect(l->conf.dial, &l->conf.id, deadline, l->wake, &l->fd, em);

	if (rc)
		return rc;
	hello = util_mono_ms() + HELLO_MS;
	TRY(say_hello(l, hello < deadline ? hello : deadline, &peer, em));
	TRY(check_peer(l, &peer, em));
	link_restart(l, &peer);
	rc = 0;
out:
	if (rc) {
		close(l->fd);
		l->fd = -1;
		if (rc == ERR_PEER && !em->local[0])
			errmsg_set(em, rc, "PEER_AWAY", "the other end closed the connection before it was ready");
	}
	return rc;
}

/* What the wake-up was about; nonzero ends the thread. */
static int told_to_stop(struct link *l)
{
	eventfd_t n;

	(void)!eventfd_read(l->wake, &n);
	return atomic_load(&l->stop);
}

/* Tries until it works, the limit is over, or trying makes no sense. */
static int reconnect(struct link *l)
{
	int64_t limit = atomic_load(&l->up) ? l->conf.away_ms : l->conf.connect_ms, pause = 5;
	int64_t deadline = l->lost_ms + limit;
	struct errmsg em = { 0 };

	if (l->peer_closed && l->closing && deadline > l->lost_ms + LINGER_MS)
		deadline = l->lost_ms + LINGER_MS;
	for (;;) {
		struct errmsg now = { 0 };
		int rc;
		int64_t until;

		/* Awake: a flush must not disturb the attempt, only a stop may. */
		atomic_store(&l->awake, 1);
		if (told_to_stop(l))
			return ERR_CANCELED;
		rc = connect_once(l, deadline, &now);
		if (rc == 0)
			return 0;
		if (now.local[0])
			em = now;
		if (rc == ERR_DENIED || rc == ERR_NOMEM) {
			chan_fail(l->chan, rc == ERR_NOMEM ? rc : ERR_PEER, "channel to %s, stream %u: %s",
				  l->conf.id.to, l->conf.id.stream, em.local);
			return rc;
		}
		until = util_mono_ms() + pause;
		if (until >= deadline)
			break;
		if (rc != ERR_CANCELED && io_wait(-1, 0, until, l->wake) == ERR_TIMEOUT)
			pause = pause < 500 ? pause * 2 : 1000;
	}
	chan_fail(l->chan, ERR_PEER, "the peer %s %s within %lld ms (stream %u)%s%s", l->conf.id.to,
		  atomic_load(&l->up) ? "was lost and did not come back" : "did not come",
		  (long long)limit, l->conf.id.stream, em.local[0] ? "; last try: " : "", em.local);
	return ERR_PEER;
}

/* Both sides have everything: whatever happens to the connection now, the channel ended well. */
static int complete(const struct link *l)
{
	return atomic_load(&l->closing) && l->peer_closed &&
	       atomic_load(&l->tx.tail) == atomic_load(&l->tx.head);
}

static void finish(struct link *l)
{
	pthread_mutex_lock(&l->waiter.mu);
	atomic_store(&l->done, 1);
	pthread_cond_broadcast(&l->waiter.cv);
	pthread_mutex_unlock(&l->waiter.mu);
}

static void *link_main(void *arg)
{
	struct link *l = arg;
	int rc;

	l->lost_ms = util_mono_ms();
	do {
		rc = reconnect(l);
		if (rc)
			break;
		atomic_store(&l->up, 1);
		waiter_wake(&l->waiter);
		rc = link_pump(l);
		close(l->fd);
		l->fd = -1;
		l->lost_ms = util_mono_ms();
		if (rc == ERR_IO && !complete(l))
			log_info("channel to %s, stream %u: the connection was lost; resuming at %llu sent, %llu received",
				 l->conf.id.to, l->conf.id.stream, (unsigned long long)l->sent,
				 (unsigned long long)l->received);
	} while (rc == ERR_IO && !l->done_sent);
	if (rc == 0 || complete(l))
		finish(l);
	return NULL;
}

static void link_free_parts(struct link *l)
{
	if (l->wake >= 0)
		close(l->wake);
	if (l->conf.dial)
		dial_unref(l->conf.dial);
	ring_fini(&l->tx);
	ring_fini(&l->rx);
	waiter_fini(&l->waiter);
	pthread_mutex_destroy(&l->io);
	explicit_bzero(l->conf.key, sizeof(l->conf.key));
	free(l);
}

/* Operators' signal handlers must run in their own threads. */
static int start_thread(struct link *l)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&l->thread, NULL, link_main, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc ? ERR_INTERNAL : 0;
}

static int link_new(const struct link_conf *conf, struct chan *root, uint16_t stream, struct chan **out)
{
	struct link *l = calloc(1, sizeof(*l));
	struct chan *c = chan_new(root, stream);
	int rc = ERR_NOMEM;

	if (!l || !c || waiter_init(&l->waiter) != 0) {
		free(l);
		if (c)
			chan_drop(c);
		return ERR_NOMEM;
	}
	l->fd = -1;
	pthread_mutex_init(&l->io, NULL);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->conf = *conf;
	l->conf.id.stream = stream;
	dial_ref(l->conf.dial);
	util_random(l->session, sizeof(l->session));
	if (l->wake < 0)
		goto out;
	TRY(ring_init(&l->tx));
	TRY(ring_init(&l->rx));
	l->chan = c;
	c->ops = &link_ops;
	c->impl = l;
	c->tx = &l->tx;
	c->rx = &l->rx;
	c->waiter = &l->waiter;
	TRY(start_thread(l));
	if (root && (rc = chan_adopt(c)) != 0) {
		chan_free(c);
		return rc;
	}
	*out = c;
	return 0;
out:
	chan_drop(c);
	link_free_parts(l);
	return rc;
}

static void link_published(struct chan *c)
{
	if (!link_send_now(c->impl))
		link_kick(c->impl);
}

/* New credit is worth a frame once a quarter of the window is free again. */
static void link_consumed(struct chan *c)
{
	struct link *l = c->impl;

	if (c->rpos + RING_SIZE - atomic_load(&l->credit_sent) >= RING_SIZE / 4)
		link_kick(l);
}

static int link_sub(struct chan *parent, uint16_t stream, struct chan **out)
{
	struct link *l = parent->impl;

	return link_new(&l->conf, parent, stream, out);
}

static int link_close(struct chan *c)
{
	struct link *l = c->impl;
	struct waiter *w = &l->waiter;

	atomic_store(&l->closing, 1);
	link_kick(l);
	pthread_mutex_lock(&w->mu);
	atomic_store(&w->waiting, 1);
	while (!atomic_load(&c->rc) && !atomic_load(&l->done))
		pthread_cond_wait(&w->cv, &w->mu);
	atomic_store(&w->waiting, 0);
	pthread_mutex_unlock(&w->mu);
	return atomic_load(&l->done) ? 0 : atomic_load(&c->rc);
}

static void link_stop(struct link *l, int reason)
{
	int none = 0;

	atomic_compare_exchange_strong(&l->stop, &none, reason);
	/* Unconditional: the thread may be asleep in a connection attempt. */
	(void)!eventfd_write(l->wake, 1);
}

static void link_cancel(struct chan *c)
{
	link_stop(c->impl, WIRE_CANCELED);
}

static void link_free(struct chan *c, int closed)
{
	struct link *l = c->impl;

	if (!closed)
		link_stop(l, WIRE_ENDED);
	pthread_join(l->thread, NULL);
	link_free_parts(l);
}

static const struct chan_ops link_ops = {
	.published = link_published,
	.consumed = link_consumed,
	.sub = link_sub,
	.close = link_close,
	.cancel = link_cancel,
	.free = link_free,
};

static int check_conf(const struct chan_conf *conf, struct errmsg *em)
{
	if (!conf->scheme || !conf->address || !conf->self || !conf->peer || !conf->job || !conf->key)
		return errmsg_set(em, ERR_INPUT, "BAD_CHANNEL", "a channel needs scheme, address, self, peer, job and key");
	if (party_name_ok(conf->self) != 0 || party_name_ok(conf->peer) != 0 ||
	    strcmp(conf->self, conf->peer) == 0)
		return errmsg_set(em, ERR_INPUT, "BAD_CHANNEL", "channel from %s to %s: expected two different party names",
				  conf->self, conf->peer);
	if (strlen(conf->job) >= sizeof(((struct wire_id *)0)->job))
		return errmsg_set(em, ERR_INPUT, "BAD_CHANNEL", "the job id has more than 63 bytes");
	return 0;
}

static void fill_conf(const struct chan_conf *conf, struct link_conf *out)
{
	struct wire_id *id = &out->id;

	memset(out, 0, sizeof(*out));
	memcpy(id->from, conf->self, strlen(conf->self) + 1);
	memcpy(id->to, conf->peer, strlen(conf->peer) + 1);
	memcpy(id->job, conf->job, strlen(conf->job) + 1);
	id->epoch = conf->epoch;
	id->group = conf->group;
	id->attempt = conf->attempt;
	id->shard = conf->shard;
	memcpy(out->key, conf->key, sizeof(out->key));
	out->connect_ms = conf->connect_ms ? conf->connect_ms : 30000;
	out->away_ms = conf->away_ms ? conf->away_ms : 60000;
}

/* Waits for the first connection, so that a wrong address or key is told here. */
static int wait_up(struct chan *c)
{
	struct link *l = c->impl;
	struct waiter *w = &l->waiter;

	pthread_mutex_lock(&w->mu);
	atomic_store(&w->waiting, 1);
	while (!atomic_load(&c->rc) && !atomic_load(&l->up))
		pthread_cond_wait(&w->cv, &w->mu);
	atomic_store(&w->waiting, 0);
	pthread_mutex_unlock(&w->mu);
	return atomic_load(&c->rc);
}

int chan_open(const struct chan_conf *conf, struct chan **out, struct errmsg *em)
{
	struct link_conf lc;
	int rc = check_conf(conf, em);

	*out = NULL;
	if (rc)
		return rc;
	fill_conf(conf, &lc);
	TRY(dial_new(conf, &lc.dial, em));
	rc = link_new(&lc, NULL, 0, out);
	dial_unref(lc.dial);
	if (rc) {
		errmsg_set(em, rc, "NO_CHANNEL", "cannot set up the channel to %s: out of memory, threads or files", conf->peer);
		goto out;
	}
	rc = wait_up(*out);
	if (rc) {
		errmsg_set(em, rc, "NO_CHANNEL", "%s", chan_error(*out));
		chan_free(*out);
		*out = NULL;
	}
out:
	explicit_bzero(lc.key, sizeof(lc.key));
	return rc;
}
