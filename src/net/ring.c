#include "net/ring.h"

#include <stdlib.h>
#include <string.h>

int ring_init(struct ring *r)
{
	r->data = malloc(RING_SIZE);
	if (!r->data)
		return ERR_NOMEM;
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	atomic_init(&r->end, RING_OPEN);
	atomic_init(&r->broken, 0);
	return 0;
}

void ring_fini(struct ring *r)
{
	free(r->data);
	r->data = NULL;
}

int ring_iov(const struct ring *r, uint64_t at, size_t len, struct iovec iov[2])
{
	size_t start = (size_t)(at & (RING_SIZE - 1));
	size_t first = RING_SIZE - start < len ? RING_SIZE - start : len;

	iov[0].iov_base = r->data + start;
	iov[0].iov_len = first;
	iov[1].iov_base = r->data;
	iov[1].iov_len = len - first;
	return len > first ? 2 : 1;
}

void ring_put(struct ring *r, uint64_t at, const void *data, size_t len)
{
	struct iovec iov[2];
	const unsigned char *p = data;

	if (!len)
		return;
	ring_iov(r, at, len, iov);
	memcpy(iov[0].iov_base, p, iov[0].iov_len);
	memcpy(iov[1].iov_base, p + iov[0].iov_len, iov[1].iov_len);
}

void ring_get(const struct ring *r, uint64_t at, void *data, size_t len)
{
	struct iovec iov[2];
	unsigned char *p = data;

	if (!len)
		return;
	ring_iov(r, at, len, iov);
	memcpy(p, iov[0].iov_base, iov[0].iov_len);
	memcpy(p + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
}

int waiter_init(struct waiter *w)
{
	atomic_init(&w->waiting, 0);
	if (pthread_mutex_init(&w->mu, NULL) != 0)
		return ERR_NOMEM;
	if (pthread_cond_init(&w->cv, NULL) != 0) {
		pthread_mutex_destroy(&w->mu);
		return ERR_NOMEM;
	}
	return 0;
}

void waiter_fini(struct waiter *w)
{
	pthread_cond_destroy(&w->cv);
	pthread_mutex_destroy(&w->mu);
}

void waiter_wake(struct waiter *w)
{
	if (!atomic_load(&w->waiting))
		return;
	pthread_mutex_lock(&w->mu);
	pthread_cond_broadcast(&w->cv);
	pthread_mutex_unlock(&w->mu);
}
