/*
 * slowlink: a TCP proxy that makes a bad link: delay, a bandwidth limit, cuts.
 *
 *	slowlink --listen PORT --connect PORT [--delay-ms N | --delay-us N] [--rate BYTES/S] [--cut-after BYTES]
 *
 * Loopback only. The delay is one-way. --cut-after resets every connection once
 * that many bytes have passed through it in all, again and again. SIGUSR1 resets all connections
 * now; SIGUSR2 lets nothing pass any more on the connections there are, without
 * closing them (a half-dead link), while new ones work; SIGHUP refuses new connections until the next SIGHUP.
 * Kernels without tc netem have no other way to test a slow link.
 */
#define _GNU_SOURCE /* accept4, ppoll */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 128
#define CHUNK 65536
#define QUEUE 1024	/* chunks in flight per direction */
#define IN_FLIGHT ((size_t)16 << 20)	/* bytes in flight per direction: more than 1 Gbit/s times 100 ms */

struct chunk {
	int64_t due;		/* when it may leave, us */
	size_t len, at;
	unsigned char *data;
};

struct direction {
	struct chunk queue[QUEUE];
	size_t first, count, bytes;
	int64_t next_ns;	/* the rate limit: when the link is free again */
	int ended;
};

struct pair {
	int fd[2];		/* -1: unused */
	struct direction dir[2];	/* dir[i]: bytes read from fd[i] */
	uint64_t passed;
	int frozen;
};

static struct pair pairs[PAIRS];
static int64_t delay_us;
static uint64_t rate, cut_after;
static volatile sig_atomic_t cut_now, freeze_now, closed;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		cut_now = 1;
	else if (sig == SIGUSR2)
		freeze_now = 1;
	else
		closed = !closed;
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int has_room(const struct direction *d)
{
	return d->count < QUEUE && d->bytes < IN_FLIGHT && !d->ended;
}

static void pop(struct direction *d)
{
	d->bytes -= d->queue[d->first].len;
	free(d->queue[d->first].data);
	d->first = (d->first + 1) % QUEUE;
	d->count--;
}

/* A reset, not an orderly end: what is on the way is lost. */
static void cut(struct pair *p)
{
	const struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	for (int i = 0; i < 2; i++) {
		if (p->fd[i] >= 0) {
			(void)setsockopt(p->fd[i], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
			close(p->fd[i]);
		}
		p->fd[i] = -1;
		while (p->dir[i].count)
			pop(&p->dir[i]);
		memset(&p->dir[i], 0, sizeof(p->dir[i]));
	}
	p->passed = 0;
	p->frozen = 0;
}

static int loopback(int port, int listening)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (listening ? bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && listen(fd, 64) == 0
		      : connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void take_connection(int listener, int to)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), i;

	if (fd < 0)
		return;
	for (i = 0; i < PAIRS && pairs[i].fd[0] >= 0; i++)
		;
	if (i == PAIRS || closed || (pairs[i].fd[1] = loopback(to, 0)) < 0) {
		close(fd);
		return;
	}
	pairs[i].fd[0] = fd;
}

/* -1: the pair is over. */
static int take_bytes(struct pair *p, int side)
{
	struct direction *d = &p->dir[side];
	struct chunk *c = &d->queue[(d->first + d->count) % QUEUE];
	static unsigned char buf[CHUNK];
	int64_t now = now_us();
	ssize_t n = recv(p->fd[side], buf, CHUNK, MSG_DONTWAIT);

	if (n <= 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		d->ended = 1;
		return n < 0 ? -1 : 0;
	}
	c->data = malloc((size_t)n);
	if (!c->data)
		return -1;
	memcpy(c->data, buf, (size_t)n);
	c->len = (size_t)n;
	c->at = 0;
	if (d->next_ns < now * 1000)
		d->next_ns = now * 1000;
	if (rate)
		d->next_ns += (int64_t)((uint64_t)n * 1000000000 / rate);
	c->due = d->next_ns / 1000 + delay_us;
	d->count++;
	d->bytes += c->len;
	p->passed += (uint64_t)n;
	return cut_after && p->passed >= cut_after ? -1 : 0;
}

static int give_bytes(struct pair *p, int side)
{
	struct direction *d = &p->dir[side];

	while (d->count && d->queue[d->first].due <= now_us()) {
		struct chunk *c = &d->queue[d->first];
		ssize_t n = send(p->fd[!side], c->data + c->at, c->len - c->at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		c->at += (size_t)n;
		if (c->at == c->len)
			pop(d);
	}
	/* An end is passed on once everything before it is. */
	return d->ended && !d->count ? -1 : 0;
}

static int add_polls(struct pollfd *p, int64_t *timeout)
{
	int n = 1;
	int64_t now = now_us();

	for (int i = 0; i < PAIRS; i++) {
		for (int s = 0; s < 2 && pairs[i].fd[0] >= 0 && !pairs[i].frozen; s++) {
			struct direction *d = &pairs[i].dir[s], *back = &pairs[i].dir[!s];
			short events = 0;

			if (has_room(d))
				events |= POLLIN;
			if (back->count && back->queue[back->first].due <= now)
				events |= POLLOUT;
			if (d->count && d->queue[d->first].due > now && d->queue[d->first].due - now < *timeout)
				*timeout = d->queue[d->first].due - now;
			p[n++] = (struct pollfd){ .fd = events ? pairs[i].fd[s] : -1, .events = events };
		}
	}
	return n;
}

static void work(void)
{
	for (int i = 0; i < PAIRS; i++) {
		struct pair *p = &pairs[i];

		for (int s = 0; s < 2 && p->fd[0] >= 0; s++)
			if (!p->frozen && ((has_room(&p->dir[s]) && take_bytes(p, s) != 0) ||
					give_bytes(p, s) != 0))
				cut(p);
		if (cut_now && p->fd[0] >= 0)
			cut(p);
		if (freeze_now && p->fd[0] >= 0)
			p->frozen = 1;
	}
	cut_now = freeze_now = 0;
}

static long option(int argc, char **argv, const char *name, long fallback)
{
	for (int i = 1; i + 1 < argc; i += 2)
		if (strcmp(argv[i], name) == 0)
			return atol(argv[i + 1]);
	return fallback;
}

int main(int argc, char **argv)
{
	const struct sigaction sa = { .sa_handler = on_signal };	/* no SA_RESTART: poll must wake */
	static struct pollfd p[1 + 2 * PAIRS];
	int from = (int)option(argc, argv, "--listen", 0), to = (int)option(argc, argv, "--connect", 0);
	int listener;

	delay_us = option(argc, argv, "--delay-us", 1000 * option(argc, argv, "--delay-ms", 0));
	rate = (uint64_t)option(argc, argv, "--rate", 0);
	cut_after = (uint64_t)option(argc, argv, "--cut-after", 0);
	for (int i = 0; i < PAIRS; i++)
		pairs[i].fd[0] = pairs[i].fd[1] = -1;
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	listener = from > 0 && to > 0 ? loopback(from, 1) : -1;
	if (listener < 0) {
		fprintf(stderr, "usage: slowlink --listen PORT --connect PORT [--delay-ms N | --delay-us N] [--rate BYTES/S] [--cut-after BYTES]\n");
		return 64;
	}
	for (;;) {
		int64_t timeout = 1000000;
		int n = add_polls(p, &timeout);
		struct timespec until = { .tv_sec = timeout / 1000000, .tv_nsec = timeout % 1000000 * 1000 };

		p[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
		if (ppoll(p, (nfds_t)n, &until, NULL) > 0 && p[0].revents)
			take_connection(listener, to);
		work();
	}
}
