/*
 * pet-bench gateway: bytes from one party's process to the other's through two
 * gateways, or, with --peer nginx, the same channel and bytes through two nginx
 * stream proxies that speak TLS 1.3 to each other with client certificates.
 * --raw sends plain bytes without the channel, to see the proxies alone.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <pthread.h>
#include <unistd.h>

#include "base/util.h"
#include "bench.h"
#include "fixture.h"
#include "net/dial.h"

#define STREAMS_MAX 256
#define CHUNK ((size_t)1 << 20)

struct side {
	int rc;
	char error[256];
	int64_t start_us, end_us;
	struct chan_stats stats;
	long rss;
	double cpu;
};

struct run {
	struct fixture fix;
	struct side *side;		/* shared between the processes */
	struct chan_conf conf[2];
	char address[2][108];
	uint64_t bytes;
	unsigned streams;
	int nginx, raw;
	pid_t proxy[2];
	int front, back;		/* nginx: where a connects, where b listens */
};

struct job {
	pthread_t thread;
	struct chan *c;
	uint64_t bytes;
	int side, rc;
};

/* Side 0 sends, side 1 receives and answers one byte. */
static int transfer(struct chan *c, uint64_t bytes, int side)
{
	unsigned char *b = malloc(CHUNK), end = 1;
	int rc = ERR_NOMEM;

	if (!b)
		return rc;
	memset(b, 0x5a, CHUNK);
	for (uint64_t left = bytes; left; ) {
		size_t n = left < CHUNK ? (size_t)left : CHUNK;

		TRY(side ? chan_recv(c, b, n) : chan_send(c, b, n));
		left -= n;
	}
	TRY(side ? chan_send(c, &end, 1) : chan_recv(c, &end, 1));
	TRY(chan_close(c));
	rc = 0;
out:
	free(b);
	return rc;
}

static void *job_main(void *arg)
{
	struct job *j = arg;

	j->rc = transfer(j->c, j->bytes, j->side);
	return NULL;
}

static int transfer_all(struct chan *root, uint64_t bytes, unsigned streams, int side)
{
	struct job *j = calloc(streams, sizeof(*j));
	int rc = j ? 0 : ERR_NOMEM;

	for (unsigned i = 0; !rc && i < streams; i++) {
		j[i] = (struct job){ .bytes = bytes / streams, .side = side };
		rc = chan_sub(root, (uint16_t)(i + 1), &j[i].c);
		if (!rc && pthread_create(&j[i].thread, NULL, job_main, &j[i]) != 0)
			rc = ERR_INTERNAL;
	}
	for (unsigned i = 0; j && i < streams && j[i].c; i++) {
		pthread_join(j[i].thread, NULL);
		rc = rc ? rc : j[i].rc;
		chan_free(j[i].c);
	}
	free(j);
	return rc;
}

static void run_channel(struct run *r, int side)
{
	struct side *s = &r->side[side];
	struct errmsg em = { 0 };
	struct chan *c;
	unsigned char b = 0;

	s->rc = chan_open(&r->conf[side], &c, &em);
	if (s->rc) {
		snprintf(s->error, sizeof(s->error), "%.255s", em.local);
		return;
	}
	/* Both are up: from here the clock runs. */
	s->rc = chan_exchange(c, &b, 1, &b, 1);
	s->start_us = util_wall_us();
	if (!s->rc && r->streams > 1)
		s->rc = transfer_all(c, r->bytes, r->streams, side);
	else if (!s->rc)
		s->rc = transfer(c, r->bytes, side);
	s->end_us = util_wall_us();
	if (s->rc)
		snprintf(s->error, sizeof(s->error), "%.255s", chan_error(c));
	chan_stats(c, &s->stats);
	chan_free(c);
}

/* Plain bytes on a plain socket, blocking. */
static int raw_bytes(int fd, uint64_t bytes, int side)
{
	unsigned char *b = malloc(CHUNK);
	int64_t deadline = util_mono_ms() + 600000;
	int rc = ERR_NOMEM;

	if (!b)
		return rc;
	memset(b, 0x5a, CHUNK);
	rc = 0;
	for (uint64_t left = bytes; left && !rc; ) {
		size_t n = left < CHUNK ? (size_t)left : CHUNK;
		ssize_t got;

		if (!side) {
			rc = io_write(fd, b, n, deadline, -1);
			left -= n;
			continue;
		}
		got = recv(fd, b, CHUNK, 0);
		if (got > 0)
			left -= (uint64_t)got;
		else if (got == 0)
			rc = ERR_PEER;
		else if (errno == EAGAIN)
			rc = io_wait(fd, POLLIN, deadline, -1);
		else
			rc = ERR_IO;
	}
	if (!rc)
		rc = side ? io_write(fd, b, 1, deadline, -1) : io_read(fd, b, 1, deadline, -1);
	free(b);
	return rc;
}

static void run_raw(struct run *r, int side)
{
	struct side *s = &r->side[side];
	int64_t deadline = util_mono_ms() + 20000;
	struct errmsg em = { 0 };
	char address[64];
	int fd = -1, listener;

	snprintf(address, sizeof(address), "127.0.0.1:%d", side ? r->back : r->front);
	if (side) {
		s->rc = dial_listen(address, &listener, &em);
		if (!s->rc)
			s->rc = io_wait(listener, POLLIN, deadline, -1);
		if (!s->rc) {
			fd = accept(listener, NULL, NULL);
			s->rc = fd < 0 ? ERR_IO : 0;
		}
	} else {
		usleep(300000);	/* the other process listens by then; nothing is measured yet */
		do
			s->rc = dial_tcp(address, deadline, -1, &fd, &em);
		while (s->rc && util_mono_ms() < deadline && usleep(10000) == 0);
	}
	s->start_us = util_wall_us();
	if (!s->rc)
		s->rc = raw_bytes(fd, r->bytes, side);
	s->end_us = util_wall_us();
	s->stats.bytes_sent = side ? 1 : r->bytes;
	s->stats.bytes_received = side ? r->bytes : 1;
	snprintf(s->error, sizeof(s->error), "%.200s", em.local);
}

static void child(struct run *r, int side)
{
	struct rusage ru;

	if (r->raw)
		run_raw(r, side);
	else
		run_channel(r, side);
	getrusage(RUSAGE_SELF, &ru);
	r->side[side].rss = ru.ru_maxrss * 1024;
	r->side[side].cpu = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
			    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

/* --- nginx ---------------------------------------------------------------------------------- */

static const char nginx_conf[] =
	"daemon off; master_process off; worker_processes 1; pid %1$s/nginx%2$d.pid; error_log %1$s/nginx.log;\n"
	"load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n"
	"events { worker_connections 1024; }\n"
	"stream {\n"
	"  server { listen 127.0.0.1:%3$d%4$s; proxy_pass 127.0.0.1:%5$d; %6$s }\n"
	"}\n";

static int nginx_start(struct run *r, int side, int mid)
{
	const char *d = r->fix.dir;
	char text[2048], tls[1024], path[128], arg[160];

	if (side)
		snprintf(tls, sizeof(tls), "ssl_protocols TLSv1.3; ssl_certificate %s/party_b.crt; ssl_certificate_key %s/party_b.key; "
			 "ssl_verify_client on; ssl_client_certificate %s/party_a.crt; ssl_session_tickets off;", d, d, d);
	else
		snprintf(tls, sizeof(tls), "proxy_ssl on; proxy_ssl_protocols TLSv1.3; proxy_ssl_certificate %s/party_a.crt; "
			 "proxy_ssl_certificate_key %s/party_a.key; proxy_ssl_verify on; proxy_ssl_name party_b; "
			 "proxy_ssl_trusted_certificate %s/party_b.crt;", d, d, d);
	snprintf(text, sizeof(text), nginx_conf, d, side, side ? mid : r->front, side ? " ssl" : "",
		 side ? r->back : mid, tls);
	snprintf(path, sizeof(path), "%s/nginx%d.conf", d, side);
	if (util_write_file(path, text, strlen(text), 0600) != 0)
		return ERR_IO;
	snprintf(arg, sizeof(arg), "%s/", d);
	r->proxy[side] = fixture_spawn(&r->fix, (const char *const[]){ "/usr/sbin/nginx", "-e", "stderr", "-p", arg,
								       "-c", path, NULL },
				       (const char *const[]){ NULL });
	return r->proxy[side] > 0 ? 0 : ERR_INTERNAL;
}

static int until_listening(int port)
{
	int64_t end = util_mono_ms() + 10000;
	char address[32];
	int fd;

	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	while (util_mono_ms() < end) {
		if (dial_tcp(address, end, -1, &fd, NULL) == 0) {
			close(fd);
			return 0;
		}
		usleep(10000);
	}
	return ERR_TIMEOUT;
}

static int start_nginx(struct run *r, struct errmsg *em)
{
	int mid = fixture_port(), rc = ERR_INTERNAL;

	r->front = fixture_port();
	r->back = fixture_port();
	TRY(nginx_start(r, 1, mid));
	TRY(nginx_start(r, 0, mid));
	/* Not the front: that would make a connection all the way to the receiver. */
	TRY(until_listening(mid));
	for (int i = 0; i < 2; i++) {
		fixture_conf(&r->fix, i, r->address[i], &r->conf[i]);
		r->conf[i].scheme = "tcp";
		r->conf[i].listen = i;
		snprintf(r->address[i], sizeof(r->address[i]), "127.0.0.1:%d", i ? r->back : r->front);
	}
	rc = 0;
out:
	return rc ? errmsg_set(em, rc, "NO_NGINX", "cannot start nginx with its stream module: Debian's nginx-core and "
			       "libnginx-mod-stream are needed (log in %s)", r->fix.dir) : 0;
}

static int start_gateways(struct run *r, struct errmsg *em)
{
	for (int i = 0; i < 2; i++) {
		if (fixture_start(&r->fix, i, NULL) != 0)
			return errmsg_set(em, ERR_INTERNAL, "NO_GATEWAY", "cannot start pet-netd (log in %s)", r->fix.dir);
		fixture_conf(&r->fix, i, r->address[i], &r->conf[i]);
		r->proxy[i] = r->fix.pid[i];
	}
	return 0;
}

/* --- the verb ------------------------------------------------------------------------------- */

static int both_sides(struct run *r, struct errmsg *em)
{
	pid_t pid[2];
	int rc = 0;

	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			child(r, i);
			_exit(0);
		}
	}
	for (int i = 0; i < 2; i++)
		waitpid(pid[i], NULL, 0);
	for (int i = 0; i < 2 && !rc; i++)
		if (r->side[i].rc)
			rc = errmsg_set(em, r->side[i].rc, "TRANSFER", "%s: %s", r->conf[i].self ? r->conf[i].self : "raw",
					r->side[i].error);
	return rc;
}

static void report(const struct run *r, json_t *out)
{
	double seconds = (double)(r->side[0].end_us - r->side[0].start_us) / 1e6;
	long gateway = 0;

	for (int i = 0; i < 2; i++)
		if (fixture_rss(r->proxy[i]) > gateway)
			gateway = fixture_rss(r->proxy[i]);
	bench_fill(out, r->nginx ? "gateway-nginx" : "gateway", r->bytes, (int)r->streams, seconds,
		   r->side[0].stats.bytes_sent, r->side[0].stats.bytes_received, r->side[0].stats.rounds,
		   (uint64_t)(r->side[0].rss > r->side[1].rss ? r->side[0].rss : r->side[1].rss));
	json_object_set_new(out, "gbit_per_second", json_real((double)r->bytes * 8 / seconds / 1e9));
	json_object_set_new(out, "gateway_rss_bytes", json_integer(gateway));
	/* What the two proxies cost, whatever else runs on the machine. */
	json_object_set_new(out, "proxy_cpu_seconds", json_real(fixture_cpu(r->proxy[0]) + fixture_cpu(r->proxy[1])));
	json_object_set_new(out, "party_cpu_seconds", json_real(r->side[0].cpu + r->side[1].cpu));
	json_object_set_new(out, "raw", json_boolean(r->raw));
}

static int options(struct run *r, int argc, char **argv, struct errmsg *em)
{
	const char *peer = bench_opt(argc, argv, "peer", "pet-netd");
	uint64_t streams;
	int rc = ERR_INTERNAL;

	TRY(bench_opt_u64(argc, argv, "bytes", (uint64_t)4 << 30, &r->bytes, em));
	TRY(bench_opt_u64(argc, argv, "streams", 1, &streams, em));
	r->nginx = strcmp(peer, "nginx") == 0;
	r->raw = strcmp(bench_opt(argc, argv, "raw", "no"), "yes") == 0;
	rc = ERR_INPUT;
	if (!r->nginx && strcmp(peer, "pet-netd") != 0)
		errmsg_set(em, rc, "BAD_OPTION", "--peer %s: expected pet-netd or nginx", peer);
	else if (streams < 1 || streams > STREAMS_MAX || r->bytes < streams)
		errmsg_set(em, rc, "BAD_OPTION", "--streams: expected 1 to %d, and a byte for each", STREAMS_MAX);
	else if (r->raw && (!r->nginx || streams != 1))
		errmsg_set(em, rc, "BAD_OPTION", "--raw yes goes with --peer nginx and one stream");
	else
		rc = 0;
	r->streams = (unsigned)streams;
out:
	return rc;
}

int bench_gateway(int argc, char **argv, json_t *out, struct errmsg *em)
{
	struct run r;
	int rc = ERR_INTERNAL;

	memset(&r, 0, sizeof(r));
	rc = options(&r, argc, argv, em);
	if (rc)
		return rc;
	r.side = mmap(NULL, 2 * sizeof(*r.side), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r.side == MAP_FAILED)
		return ERR_NOMEM;
	TRY(fixture_init(&r.fix));
	TRY(r.nginx ? start_nginx(&r, em) : start_gateways(&r, em));
	TRY(both_sides(&r, em));
	report(&r, out);
	rc = 0;
out:
	for (int i = 0; r.nginx && i < 2; i++) {
		if (r.proxy[i] <= 0)
			continue;
		kill(r.proxy[i], SIGTERM);
		waitpid(r.proxy[i], NULL, 0);
	}
	fixture_fini(&r.fix);
	munmap(r.side, 2 * sizeof(*r.side));
	return rc;
}
