#define _GNU_SOURCE /* accept4 */
#include "net/dial.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"

/* How long a gateway may hold an attempt before it says "not yet": short, so that a restarted one is noticed. */
#define HOLD_MS 5000
/* A connection that says nothing for this long is dropped by the listening side of scheme tcp. */
#define OPENING_MS 3000
#define PENDING_MAX 64

struct pending {
	struct wire_id id;
	int fd;
};

struct dial {
	_Atomic int refs;
	int agent;
	char *address;
	/* tcp, listening side: a thread takes connections in and keeps them until their stream asks. */
	int listen_fd, stop_fd;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t cv;
	struct pending pending[PENDING_MAX];
	size_t count;
};

/* A newer connection for the same stream replaces an older one: its other end has given that up. */
static void keep(struct dial *d, const struct wire_id *id, int fd)
{
	size_t i;

	pthread_mutex_lock(&d->mu);
	for (i = 0; i < d->count && !wire_id_equal(&d->pending[i].id, id); i++)
		;
	if (i < d->count) {
		close(d->pending[i].fd);
	} else if (i < PENDING_MAX) {
		d->count++;
	} else {
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		d->pending[i] = (struct pending){ .id = *id, .fd = fd };
	pthread_cond_broadcast(&d->cv);
	pthread_mutex_unlock(&d->mu);
}

static void *listen_main(void *arg)
{
	struct dial *d = arg;

	while (io_wait(d->listen_fd, POLLIN, INT64_MAX, d->stop_fd) == 0) {
		uint8_t msg[WIRE_MSG_MAX];
		struct wire_route route;
		size_t len;
		int fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			continue;
		dial_tune(fd);
		if (io_read_msg(fd, WIRE_ROUTE, msg, &len, util_mono_ms() + OPENING_MS, d->stop_fd, NULL) == 0 &&
		    wire_get_route(msg + WIRE_HEAD, len - WIRE_HEAD, &route, NULL) == 0)
			keep(d, &route.id, fd);
		else
			close(fd);
	}
	return NULL;
}

static int listen_start(struct dial *d, struct errmsg *em)
{
	int rc = dial_listen(d->address, &d->listen_fd, em);

	if (rc)
		return rc;
	d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->stop_fd < 0 || pthread_create(&d->thread, NULL, listen_main, d) != 0) {
		close(d->listen_fd);
		d->listen_fd = -1;
		return errmsg_set(em, ERR_INTERNAL, "NO_THREAD", "cannot start the listening thread: %s", strerror(errno));
	}
	return 0;
}

int dial_new(const struct chan_conf *conf, struct dial **out, struct errmsg *em)
{
	struct dial *d;
	int rc = ERR_NOMEM, agent = strcmp(conf->scheme, "agent") == 0;

	if (!agent && strcmp(conf->scheme, "tcp") != 0)
		return errmsg_set(em, ERR_INPUT, "BAD_SCHEME", "scheme %s: expected agent or tcp", conf->scheme);
	d = calloc(1, sizeof(*d));
	if (!d)
		return ERR_NOMEM;
	atomic_init(&d->refs, 1);
	d->agent = agent;
	d->listen_fd = d->stop_fd = -1;
	pthread_mutex_init(&d->mu, NULL);
	pthread_cond_init(&d->cv, NULL);
	d->address = strdup(conf->address);
	if (!d->address)
		goto out;
	if (conf->listen && !agent)
		TRY(listen_start(d, em));
	*out = d;
	d = NULL;
	rc = 0;
out:
	if (d)
		dial_unref(d);
	return rc;
}

struct dial *dial_ref(struct dial *d)
{
	atomic_fetch_add(&d->refs, 1);
	return d;
}

void dial_unref(struct dial *d)
{
	if (atomic_fetch_sub(&d->refs, 1) != 1)
		return;
	if (d->listen_fd >= 0) {
		if (eventfd_write(d->stop_fd, 1) == 0)
			pthread_join(d->thread, NULL);
		close(d->listen_fd);
	}
	if (d->stop_fd >= 0)
		close(d->stop_fd);
	for (size_t i = 0; i < d->count; i++)
		close(d->pending[i].fd);
	pthread_cond_destroy(&d->cv);
	pthread_mutex_destroy(&d->mu);
	free(d->address);
	free(d);
}

/* The listening side: its "gateway" has the connection already, or not yet. */
static int take_pending(struct dial *d, const struct wire_id *id, int *fd)
{
	size_t i;

	pthread_mutex_lock(&d->mu);
	for (i = 0; i < d->count && !wire_id_mirrors(&d->pending[i].id, id); i++)
		;
	if (i < d->count) {
		*fd = d->pending[i].fd;
		d->pending[i] = d->pending[--d->count];
	} else {
		*fd = -1;
	}
	pthread_mutex_unlock(&d->mu);
	return *fd >= 0 ? 0 : ERR_NOTFOUND;
}

static int accept_side(struct dial *d, const struct wire_id *id, int64_t deadline, int wake,
		       int *fd, struct errmsg *em)
{
	uint8_t msg[WIRE_MSG_MAX];
	int64_t step = 1;
	int rc;

	while (take_pending(d, id, fd) != 0) {
		int64_t until = util_mono_ms() + step;

		if (until > deadline)
			return errmsg_set(em, ERR_TIMEOUT, "PEER_AWAY", "nobody has connected to %s", d->address);
		rc = io_wait(-1, 0, until, wake);
		if (rc == ERR_CANCELED)
			return rc;
		step = step < 20 ? step * 2 : 20;
	}
	rc = io_write(*fd, msg, wire_put_status(msg, WIRE_PAIRED, ""), deadline, wake);
	if (rc) {
		close(*fd);
		*fd = -1;
	}
	return rc;
}

static int read_status(int fd, int64_t deadline, int wake, struct errmsg *em)
{
	uint8_t msg[WIRE_MSG_MAX];
	struct wire_status st;
	size_t len;
	int rc = ERR_INTERNAL;

	TRY(io_read_msg(fd, WIRE_STATUS, msg, &len, deadline, wake, em));
	TRY(wire_get_status(msg + WIRE_HEAD, len - WIRE_HEAD, &st, em));
	if (st.state == WIRE_RETRY)
		rc = errmsg_set(em, ERR_BUSY, "PEER_AWAY", "%s", st.text);
	else if (st.state == WIRE_REFUSED)
		rc = errmsg_set(em, ERR_DENIED, "REFUSED", "%s", st.text);
out:
	return rc;
}

int dial_connect(struct dial *d, const struct wire_id *id, int64_t deadline, int wake,
		 int *fd, struct errmsg *em)
{
	struct wire_route route = { .id = *id, .wait_ms = HOLD_MS };
	uint8_t msg[WIRE_MSG_MAX];
	int64_t left = deadline - util_mono_ms();
	int rc = ERR_INTERNAL;

	*fd = -1;
	if (d->listen_fd >= 0)
		return accept_side(d, id, deadline, wake, fd, em);
	if (left < HOLD_MS)
		route.wait_ms = left > 0 ? (uint32_t)left : 0;
	rc = d->agent ? dial_unix(d->address, fd, em) : dial_tcp(d->address, deadline, wake, fd, em);
	if (rc)
		return rc;
	TRY(io_write(*fd, msg, wire_put_route(msg, &route), deadline, wake));
	/* The gateway answers within its hold; a dead one must not take the rest of the time. */
	TRY(read_status(*fd, util_mono_ms() + route.wait_ms + HOLD_MS, wake, em));
	rc = 0;
out:
	if (rc) {
		if (rc == ERR_PEER && em && !em->local[0])
			errmsg_set(em, rc, "GATEWAY_CLOSED", "the connection to %s was closed while it was being opened", d->address);
		close(*fd);
		*fd = -1;
	}
	return rc;
}
