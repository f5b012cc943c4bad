/*
 * Two ends in one process. Both look at the same two rings: what one side
 * writes into its tx ring is the other side's rx ring, so there is no thread
 * and no copy between them.
 */
#include <stdlib.h>

#include "net/chan_int.h"

struct mem_pipe {
	struct mem_pipe *next;
	uint16_t stream;
	int refs, taken[2];
	struct ring ring[2];		/* ring[side] is written by that side */
	struct waiter waiter[2];
};

/* What the two parents share: the pipes of all streams. */
struct mem_hub {
	pthread_mutex_t mu;
	int refs;
	struct mem_pipe *pipes;
};

struct mem_end {
	struct mem_hub *hub;
	struct mem_pipe *pipe;
	int side;
};

static const struct chan_ops mem_ops;

static void pipe_free(struct mem_pipe *p)
{
	for (int i = 0; i < 2; i++) {
		ring_fini(&p->ring[i]);
		waiter_fini(&p->waiter[i]);
	}
	free(p);
}

static struct mem_pipe *pipe_new(uint16_t stream)
{
	struct mem_pipe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->stream = stream;
	if (waiter_init(&p->waiter[0]) == 0) {
		if (waiter_init(&p->waiter[1]) == 0) {
			if (ring_init(&p->ring[0]) == 0 && ring_init(&p->ring[1]) == 0)
				return p;
			waiter_fini(&p->waiter[1]);
		}
		waiter_fini(&p->waiter[0]);
	}
	ring_fini(&p->ring[0]);
	free(p);
	return NULL;
}

/* The pipe of this stream whose `side` is free, made if need be. */
static int hub_take(struct mem_hub *hub, uint16_t stream, int side, struct mem_pipe **out)
{
	struct mem_pipe *p;

	pthread_mutex_lock(&hub->mu);
	for (p = hub->pipes; p; p = p->next)
		if (p->stream == stream && !p->taken[side])
			break;
	if (!p) {
		p = pipe_new(stream);
		if (p) {
			p->next = hub->pipes;
			hub->pipes = p;
		}
	}
	if (p) {
		p->taken[side] = 1;
		p->refs++;
		hub->refs++;
	}
	pthread_mutex_unlock(&hub->mu);
	*out = p;
	return p ? 0 : ERR_NOMEM;
}

static void hub_unref(struct mem_hub *hub)
{
	struct mem_pipe *p;
	int last;

	pthread_mutex_lock(&hub->mu);
	last = --hub->refs == 0;
	pthread_mutex_unlock(&hub->mu);
	if (!last)
		return;
	while ((p = hub->pipes)) {
		hub->pipes = p->next;
		pipe_free(p);
	}
	pthread_mutex_destroy(&hub->mu);
	free(hub);
}

/* A pipe stays until both sides had it and left it, or the hub ends. */
static void hub_release(struct mem_hub *hub, struct mem_pipe *p)
{
	struct mem_pipe **at = &hub->pipes;

	pthread_mutex_lock(&hub->mu);
	if (--p->refs == 0 && p->taken[0] && p->taken[1]) {
		while (*at != p)
			at = &(*at)->next;
		*at = p->next;
		pipe_free(p);
	}
	pthread_mutex_unlock(&hub->mu);
	hub_unref(hub);
}

static int mem_end_new(struct mem_hub *hub, struct chan *root, uint16_t stream, int side,
		       struct chan **out)
{
	struct mem_end *e = calloc(1, sizeof(*e));
	struct chan *c = chan_new(root, stream);
	int rc = ERR_NOMEM;

	if (!e || !c)
		goto out;
	e->hub = hub;
	e->side = side;
	TRY(hub_take(hub, stream, side, &e->pipe));
	c->ops = &mem_ops;
	c->impl = e;
	c->tx = &e->pipe->ring[side];
	c->rx = &e->pipe->ring[!side];
	c->waiter = &e->pipe->waiter[side];
	if (root && (rc = chan_adopt(c)) != 0) {
		hub_release(hub, e->pipe);
		goto out;
	}
	*out = c;
	c = NULL;
	e = NULL;
	rc = 0;
out:
	if (c)
		chan_drop(c);
	free(e);
	return rc;
}

static void mem_wake_peer(struct chan *c)
{
	struct mem_end *e = c->impl;

	waiter_wake(&e->pipe->waiter[!e->side]);
}

static int mem_sub(struct chan *parent, uint16_t stream, struct chan **out)
{
	struct mem_end *e = parent->impl;

	return mem_end_new(e->hub, parent, stream, e->side, out);
}

static int mem_close(struct chan *c)
{
	struct waiter *w = c->waiter;

	atomic_store(&c->tx->end, c->wpos);
	mem_wake_peer(c);
	pthread_mutex_lock(&w->mu);
	atomic_store(&w->waiting, 1);
	while (!atomic_load(&c->rc) && atomic_load(&c->rx->end) == RING_OPEN)
		pthread_cond_wait(&w->cv, &w->mu);
	atomic_store(&w->waiting, 0);
	pthread_mutex_unlock(&w->mu);
	if (atomic_load(&c->rx->broken))
		chan_fail(c, ERR_PEER, "the peer ended without closing the channel");
	return atomic_load(&c->rc);
}

static void mem_cancel(struct chan *c)
{
	(void)c;	/* nothing waits but the channel's own user */
}

static void mem_free(struct chan *c, int closed)
{
	struct mem_end *e = c->impl;

	if (!closed) {
		atomic_store(&c->tx->broken, 1);
		atomic_store(&c->tx->end, atomic_load(&c->tx->head));
		mem_wake_peer(c);
	}
	hub_release(e->hub, e->pipe);
	free(e);
}

static const struct chan_ops mem_ops = {
	.published = mem_wake_peer,
	.consumed = mem_wake_peer,
	.sub = mem_sub,
	.close = mem_close,
	.cancel = mem_cancel,
	.free = mem_free,
};

int chan_mem_pair(struct chan **a, struct chan **b)
{
	struct mem_hub *hub = calloc(1, sizeof(*hub));
	int rc;

	*a = *b = NULL;
	if (!hub || pthread_mutex_init(&hub->mu, NULL) != 0) {
		free(hub);
		return ERR_NOMEM;
	}
	/* One reference of its own until both ends hold one. */
	hub->refs = 1;
	rc = mem_end_new(hub, NULL, 0, 0, a);
	if (!rc)
		rc = mem_end_new(hub, NULL, 0, 1, b);
	if (rc) {
		chan_free(*a);
		*a = NULL;
	}
	hub_unref(hub);
	return rc;
}
