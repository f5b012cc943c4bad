/* Sockets: connect, listen, and reads and writes with a deadline. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"
#include "net/dial.h"

int io_wait(int fd, short events, int64_t deadline, int wake)
{
	struct pollfd p[2] = { { .fd = fd, .events = events }, { .fd = wake, .events = POLLIN } };

	for (;;) {
		int64_t left = deadline - util_mono_ms();
		int n;

		if (left <= 0)
			return ERR_TIMEOUT;
		n = poll(p, 2, left > 60000 ? 60000 : (int)left);
		if (n < 0 && errno != EINTR)
			return ERR_IO;
		if (n <= 0)
			continue;
		if (p[1].revents)
			return ERR_CANCELED;
		return 0;
	}
}

int io_read(int fd, void *data, size_t len, int64_t deadline, int wake)
{
	char *p = data;

	while (len) {
		ssize_t n = recv(fd, p, len, 0);
		int rc;

		if (n == 0)
			return ERR_PEER;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return ERR_IO;
		rc = io_wait(fd, POLLIN, deadline, wake);
		if (rc)
			return rc;
	}
	return 0;
}

int io_write(int fd, const void *data, size_t len, int64_t deadline, int wake)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
		int rc;

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return ERR_IO;
		rc = io_wait(fd, POLLOUT, deadline, wake);
		if (rc)
			return rc;
	}
	return 0;
}

int io_read_msg(int fd, enum wire_msg want, uint8_t *raw, size_t *len, int64_t deadline,
		int wake, struct errmsg *em)
{
	size_t body;
	int rc = io_read(fd, raw, WIRE_HEAD, deadline, wake);

	if (rc)
		return rc;
	rc = wire_get_head(raw, want, &body, em);
	if (rc)
		return rc;
	*len = WIRE_HEAD + body;
	return io_read(fd, raw + WIRE_HEAD, body, deadline, wake);
}

static int cannot(struct errmsg *em, const char *what, const char *address)
{
	return errmsg_set(em, ERR_IO, "NO_CONNECTION", "cannot %s %s: %s", what, address, strerror(errno));
}

int dial_unix(const char *path, int *fd, struct errmsg *em)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int size = 1 << 20;

	if (strlen(path) >= sizeof(sa.sun_path))
		return errmsg_set(em, ERR_DENIED, "BAD_ADDRESS", "%s: a unix socket's path has at most %zu bytes",
				  path, sizeof(sa.sun_path) - 1);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return cannot(em, "make a socket for", path);
	if (connect(*fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		cannot(em, "reach the gateway at", path);
		close(*fd);
		*fd = -1;
		return ERR_IO;
	}
	/* Best effort: fewer switches between this process and the gateway. */
	(void)setsockopt(*fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

/* "host:port", "[v6]:port"; an empty host is the loopback. */
static int resolve(const char *address, int passive, struct addrinfo **out, struct errmsg *em)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0) };
	const char *colon = strrchr(address, ':'), *from = address;
	char host[256];
	size_t n = colon ? (size_t)(colon - address) : 0;
	int rc;

	if (!colon || n >= sizeof(host) || colon[1] == '\0')
		return errmsg_set(em, ERR_DENIED, "BAD_ADDRESS", "%s: expected host:port", address);
	if (n >= 2 && address[0] == '[' && colon[-1] == ']') {
		from++;
		n -= 2;
	}
	memcpy(host, from, n);
	host[n] = '\0';
	rc = getaddrinfo(n ? host : "127.0.0.1", colon + 1, &hints, out);
	if (rc)
		return errmsg_set(em, rc == EAI_AGAIN ? ERR_IO : ERR_DENIED, "BAD_ADDRESS", "%s: %s",
				  address, gai_strerror(rc));
	return 0;
}

void dial_tune(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
}

static int connect_one(const struct addrinfo *ai, int64_t deadline, int wake, int *out)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = ERR_IO, err = 0;
	socklen_t n = sizeof(err);

	if (fd < 0)
		return ERR_IO;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
		if (errno != EINPROGRESS)
			goto out;
		rc = io_wait(fd, POLLOUT, deadline, wake);
		if (rc) {
			errno = rc == ERR_TIMEOUT ? ETIMEDOUT : ECANCELED;
			goto out;
		}
		rc = ERR_IO;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0)
			goto out;
		if (err) {
			errno = err;
			goto out;
		}
	}
	dial_tune(fd);
	*out = fd;
	return 0;
out:
	err = errno;
	close(fd);
	errno = err;
	return rc;
}

int dial_tcp(const char *address, int64_t deadline, int wake, int *fd, struct errmsg *em)
{
	struct addrinfo *list;
	int rc = resolve(address, 0, &list, em);

	if (rc)
		return rc;
	rc = ERR_IO;
	for (struct addrinfo *ai = list; ai && rc && rc != ERR_CANCELED; ai = ai->ai_next)
		rc = connect_one(ai, deadline, wake, fd);
	if (rc)
		cannot(em, "connect to", address);
	freeaddrinfo(list);
	return rc;
}

int dial_listen(const char *address, int *fd, struct errmsg *em)
{
	struct addrinfo *list;
	int one = 1, rc = resolve(address, 1, &list, em);

	if (rc)
		return rc;
	rc = ERR_IO;
	*fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(*fd, list->ai_addr, list->ai_addrlen) != 0 || listen(*fd, 128) != 0) {
		cannot(em, "listen on", address);
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		goto out;
	}
	rc = 0;
out:
	freeaddrinfo(list);
	return rc;
}
