#include "net/chan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/chan_int.h"

/* Bytes that collect before the transport is told: large enough that a system call costs little per byte. */
#define COALESCE ((uint64_t)128 << 10)

struct chan *chan_new(struct chan *root, uint16_t stream)
{
	struct chan *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	if (pthread_mutex_init(&c->mu, NULL) != 0) {
		free(c);
		return NULL;
	}
	c->root = root ? root : c;
	c->stream = stream;
	return c;
}

int chan_adopt(struct chan *c)
{
	struct chan *root = c->root, *s;

	pthread_mutex_lock(&root->mu);
	for (s = root->subs; s && s->stream != c->stream; s = s->next)
		;
	if (!s) {
		c->next = root->subs;
		root->subs = c;
	}
	pthread_mutex_unlock(&root->mu);
	if (!s && atomic_load(&root->rc) == ERR_CANCELED)
		chan_fail(c, ERR_CANCELED, "the channel was canceled");
	return s ? ERR_CONFLICT : 0;
}

static void unadopt(struct chan *c)
{
	struct chan **at = &c->root->subs;

	pthread_mutex_lock(&c->root->mu);
	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	pthread_mutex_unlock(&c->root->mu);
}

void chan_drop(struct chan *c)
{
	pthread_mutex_destroy(&c->mu);
	free(c);
}

void chan_fail(struct chan *c, int rc, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&c->mu);
	if (!atomic_load(&c->rc)) {
		va_start(ap, fmt);
		vsnprintf(c->error, sizeof(c->error), fmt, ap);
		va_end(ap);
		atomic_store(&c->rc, rc);
	}
	pthread_mutex_unlock(&c->mu);
	waiter_wake(c->waiter);
}

static size_t room_in(const struct chan *c)
{
	return RING_SIZE - (size_t)(c->wpos - atomic_load(&c->tx->tail));
}

static size_t bytes_in(const struct chan *c)
{
	return (size_t)(atomic_load(&c->rx->head) - c->rpos);
}

/* What a peer that has closed did not take yet, it never will. */
static int peer_closed(const struct chan *c)
{
	return atomic_load(&c->rx->end) != RING_OPEN;
}

static int at_end(const struct chan *c)
{
	return c->rpos == atomic_load(&c->rx->end);
}

void chan_wait(struct chan *c, int room, int bytes)
{
	struct waiter *w = c->waiter;

	pthread_mutex_lock(&w->mu);
	atomic_store(&w->waiting, 1);
	while (!atomic_load(&c->rc) && !(room && (room_in(c) || peer_closed(c))) &&
	       !(bytes && (bytes_in(c) || at_end(c))))
		pthread_cond_wait(&w->cv, &w->mu);
	atomic_store(&w->waiting, 0);
	pthread_mutex_unlock(&w->mu);
}

static void publish(struct chan *c)
{
	if (atomic_load_explicit(&c->tx->head, memory_order_relaxed) == c->wpos)
		return;
	atomic_store(&c->tx->head, c->wpos);
	c->ops->published(c);
}

static void count(_Atomic uint64_t *own, _Atomic uint64_t *root, uint64_t n)
{
	atomic_fetch_add_explicit(own, n, memory_order_relaxed);
	if (root != own)
		atomic_fetch_add_explicit(root, n, memory_order_relaxed);
}

/* As much as fits now. */
static size_t push(struct chan *c, const void *data, size_t len)
{
	size_t n = room_in(c);

	if (n > len)
		n = len;
	if (!n)
		return 0;
	/* A long send goes out in pieces, so that the transport works while the rest is copied. */
	if (n > COALESCE)
		n = COALESCE;
	ring_put(c->tx, c->wpos, data, n);
	c->wpos += n;
	if (c->wpos - atomic_load_explicit(&c->tx->head, memory_order_relaxed) >= COALESCE)
		publish(c);
	return n;
}

/* As much as is there now. */
static size_t pull(struct chan *c, void *data, size_t len)
{
	size_t n = bytes_in(c);

	if (n > len)
		n = len;
	if (n > COALESCE)
		n = COALESCE;
	if (!n)
		return 0;
	ring_get(c->rx, c->rpos, data, n);
	c->rpos += n;
	atomic_store(&c->rx->tail, c->rpos);
	c->ops->consumed(c);
	return n;
}

static int ended(struct chan *c)
{
	if (atomic_load(&c->rx->broken))
		chan_fail(c, ERR_PEER, "the peer ended without closing the channel");
	else
		chan_fail(c, ERR_PEER, "the peer closed the channel before everything was exchanged");
	return atomic_load(&c->rc);
}

int chan_send(struct chan *c, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t left = len;
	int rc = atomic_load(&c->rc);

	if (rc)
		return rc;
	if (len)
		c->sending = 1;
	while (left) {
		size_t n = push(c, p, left);

		p += n;
		left -= n;
		if (n)
			continue;
		publish(c);
		chan_wait(c, 1, 0);
		rc = atomic_load(&c->rc);
		if (rc)
			return rc;
		if (!room_in(c) && peer_closed(c))
			return ended(c);
	}
	count(&c->sent, &c->root->sent, len);
	return 0;
}

/* Rounds as papers count them: a receive after a send closes one. */
static void turn(struct chan *c, size_t len)
{
	if (!c->sending || !len)
		return;
	c->sending = 0;
	count(&c->rounds, &c->root->rounds, 1);
}

/*
 * A canceled channel gives nothing more; after another error, what had arrived
 * before it can still be read.
 */
int chan_recv(struct chan *c, void *data, size_t len)
{
	unsigned char *p = data;
	size_t left = len;
	int rc = atomic_load(&c->rc);

	if (rc == ERR_CANCELED)
		return rc;
	turn(c, len);
	while (left) {
		size_t n = pull(c, p, left);

		p += n;
		left -= n;
		if (n)
			continue;
		publish(c);
		rc = atomic_load(&c->rc);
		if (rc && !bytes_in(c))
			return rc;
		if (at_end(c))
			return ended(c);
		chan_wait(c, 0, 1);
		if (atomic_load(&c->rc) == ERR_CANCELED)
			return ERR_CANCELED;
	}
	count(&c->received, &c->root->received, len);
	return 0;
}

int chan_flush(struct chan *c)
{
	int rc = atomic_load(&c->rc);

	if (!rc)
		publish(c);
	return rc;
}

int chan_exchange(struct chan *c, const void *out, size_t out_len, void *in, size_t in_len)
{
	const unsigned char *from = out;
	unsigned char *to = in;
	size_t to_send = out_len, to_get = in_len;
	int rc = atomic_load(&c->rc);

	if (rc)
		return rc;
	if (out_len)
		c->sending = 1;
	while (to_send || to_get) {
		size_t sent = to_send ? push(c, from, to_send) : 0;
		size_t got = to_get ? pull(c, to, to_get) : 0;

		from += sent;
		to_send -= sent;
		to += got;
		to_get -= got;
		if (!to_send)
			publish(c);
		if (sent || got)
			continue;
		publish(c);
		rc = atomic_load(&c->rc);
		if (rc && (rc == ERR_CANCELED || to_send || !bytes_in(c)))
			return rc;
		if ((to_get && at_end(c)) || (to_send && !room_in(c) && peer_closed(c)))
			return ended(c);
		chan_wait(c, to_send != 0, to_get != 0);
	}
	turn(c, in_len);
	count(&c->sent, &c->root->sent, out_len);
	count(&c->received, &c->root->received, in_len);
	return 0;
}

int chan_send_u64(struct chan *c, uint64_t v)
{
	unsigned char b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (unsigned char)(v >> (8 * i));
	return chan_send(c, b, sizeof(b));
}

int chan_recv_u64(struct chan *c, uint64_t *v)
{
	unsigned char b[8];
	int rc = chan_recv(c, b, sizeof(b));

	if (rc)
		return rc;
	*v = 0;
	for (int i = 7; i >= 0; i--)
		*v = *v << 8 | b[i];
	return 0;
}

int chan_send_blob(struct chan *c, const void *data, size_t len)
{
	int rc = chan_send_u64(c, len);

	return rc ? rc : chan_send(c, data, len);
}

int chan_recv_blob(struct chan *c, void **data, size_t *len, size_t max)
{
	uint64_t n;
	void *p = NULL;
	int rc = ERR_INTERNAL;

	TRY(chan_recv_u64(c, &n));
	if (n > max) {
		chan_fail(c, ERR_PEER, "the peer announced %llu bytes where at most %zu are allowed",
			  (unsigned long long)n, max);
		rc = ERR_PEER;
		goto out;
	}
	p = malloc(n ? (size_t)n : 1);
	if (!p) {
		rc = ERR_NOMEM;
		goto out;
	}
	TRY(chan_recv(c, p, (size_t)n));
	*data = p;
	*len = (size_t)n;
	p = NULL;
	rc = 0;
out:
	free(p);
	return rc;
}

int chan_sub(struct chan *parent, uint16_t stream, struct chan **out)
{
	int rc = atomic_load(&parent->rc);

	*out = NULL;
	if (rc)
		return rc;
	if (stream == 0 || parent->root != parent)
		return ERR_INPUT;
	return parent->ops->sub(parent, stream, out);
}

void chan_stats(const struct chan *c, struct chan_stats *out)
{
	out->bytes_sent = atomic_load(&c->sent);
	out->bytes_received = atomic_load(&c->received);
	out->rounds = atomic_load(&c->rounds);
}

const char *chan_error(const struct chan *c)
{
	return atomic_load(&c->rc) ? c->error : "";
}

static void cancel_one(struct chan *c)
{
	chan_fail(c, ERR_CANCELED, "the channel was canceled");
	c->ops->cancel(c);
}

void chan_cancel(struct chan *c)
{
	cancel_one(c);
	if (c->root != c)
		return;
	pthread_mutex_lock(&c->mu);
	for (struct chan *s = c->subs; s; s = s->next)
		cancel_one(s);
	pthread_mutex_unlock(&c->mu);
}

int chan_close(struct chan *c)
{
	int rc = atomic_load(&c->rc);

	if (rc || c->closed)
		return rc;
	publish(c);
	rc = c->ops->close(c);
	c->closed = rc == 0;
	return rc;
}

void chan_free(struct chan *c)
{
	if (!c)
		return;
	/* Out of the parent's list first: a cancel from another thread must not find what is being freed. */
	unadopt(c);
	c->ops->free(c, c->closed);
	chan_drop(c);
}
