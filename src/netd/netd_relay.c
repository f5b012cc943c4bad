/* Bytes both ways between an operator and a TLS connection: at most one batch per direction is ever held. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/util.h"
#include "netd/netd.h"

/* How long the last bytes may take once the other side has ended. */
#define FLUSH_MS 2000

struct relay {
	struct tls *tls;
	int local;
	unsigned char *up, *down;	/* operator -> peer, peer -> operator */
	size_t down_at, down_len;
	int local_ready, tls_ready;	/* may have bytes: as poll said, or the last read filled its buffer */
	int local_end, tls_end, broken;
	int64_t ending;
};

static void up(struct relay *r)
{
	ssize_t n;

	if (!tls_pending(r->tls) && r->local_ready && !r->local_end) {
		n = recv(r->local, r->up, TLS_BATCH, 0);
		r->local_ready = n == (ssize_t)TLS_BATCH || (n < 0 && errno == EINTR);
		if (n > 0)
			r->broken |= tls_write(r->tls, r->up, (size_t)n) != 0;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			r->local_end = 1;
	}
	if (tls_pending(r->tls) && tls_flush(r->tls) < 0)
		r->broken = 1;
}

static void down(struct relay *r)
{
	ssize_t n;

	if (r->down_at == r->down_len && r->tls_ready && !r->tls_end) {
		n = tls_read(r->tls, r->down, TLS_BATCH);
		r->tls_ready = n == (ssize_t)TLS_BATCH;
		r->down_at = 0;
		r->down_len = n > 0 ? (size_t)n : 0;
		if (n < 0)
			r->tls_end = 1;
	}
	while (r->down_at < r->down_len) {
		n = send(r->local, r->down + r->down_at, r->down_len - r->down_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			r->broken = 1;
			return;
		}
		r->down_at += (size_t)n;
	}
}

/* Nonzero: it is over. What one side sent before its end still goes out to the other. */
static int over(struct relay *r, int stopping)
{
	int pending = tls_pending(r->tls) || r->down_at < r->down_len;

	if (r->broken)
		return 1;
	if (!r->local_end && !r->tls_end && !stopping)
		return 0;
	if (!r->ending)
		r->ending = util_mono_ms();
	if (r->local_end && r->tls_end)
		return 1;
	return !pending || util_mono_ms() - r->ending > FLUSH_MS;
}

static int wait_for(struct relay *r, int stop, int *stopping)
{
	struct pollfd p[3] = { { .fd = r->local }, { .fd = tls_fd(r->tls) }, { .fd = *stopping ? -1 : stop, .events = POLLIN } };
	int up_full = tls_pending(r->tls), down_full = r->down_at < r->down_len, n;

	if ((r->local_ready && !up_full) || (r->tls_ready && !down_full))
		return 0;	/* there is more to read already */
	if (!r->local_end)
		p[0].events |= up_full ? 0 : POLLIN;
	if (down_full)
		p[0].events |= POLLOUT;
	if (!r->tls_end)
		p[1].events |= down_full ? 0 : POLLIN;
	if (up_full)
		p[1].events |= POLLOUT;
	/* A side that has ended and takes nothing would only report its hang-up again and again. */
	if (!p[0].events && r->local_end)
		p[0].fd = -1;
	if (!p[1].events && r->tls_end)
		p[1].fd = -1;
	n = poll(p, 3, r->ending ? 200 : -1);
	if (n < 0)
		return errno == EINTR ? 0 : ERR_IO;
	r->local_ready |= (p[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
	r->tls_ready |= (p[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
	*stopping |= p[2].revents != 0;
	return 0;
}

void relay_run(struct tls *tls, int local, int stop)
{
	struct relay r = { .tls = tls, .local = local, .local_ready = 1, .tls_ready = 1 };
	int stopping = 0;

	/* malloc gives pages that are touched only as far as batches fill them. */
	r.up = malloc(TLS_BATCH);
	r.down = malloc(TLS_BATCH);
	while (r.up && r.down) {
		up(&r);
		down(&r);
		if (over(&r, stopping) || wait_for(&r, stop, &stopping) != 0)
			break;
	}
	free(r.up);
	free(r.down);
}
