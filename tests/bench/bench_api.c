/*
 * pet-bench api: /job/status of one finished job through nginx, by keep-alive
 * connections that each ask again as soon as they are answered. The same client
 * then asks the peers that --peers names, on the same database and nginx.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "bench.h"

#define CONNECTIONS_MAX 256
#define ANSWER_MAX 16384
#define WARM_UP_US 500000

/* --- the servers, as api_bench.sh starts them ---------------------------- */

struct servers {
	pid_t pid;
	int out;		/* closing it ends them */
	FILE *in;
	int port;
	char target[128];
	char pids[3][256];	/* nginx, worker, database; comma-separated */
};

static pid_t start_script(const char *kind, const char *workers, const char *threads, int in, int out)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	dup2(in, 0);
	dup2(out, 1);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	setenv("abs_top_srcdir", PET_SOURCE_DIR, 1);
	setenv("abs_top_builddir", PET_BUILD_DIR, 1);
	execlp("bash", "bash", PET_SOURCE_DIR "/tests/bench/api_bench.sh", kind, workers, threads, (char *)NULL);
	_exit(127);
}

static int servers_start(struct servers *s, const char *kind, const char *workers, const char *threads,
			 struct errmsg *em)
{
	int to[2], from[2];

	memset(s, 0, sizeof(*s));
	if (pipe(to) != 0 || pipe(from) != 0)
		return errmsg_set(em, ERR_IO, "BENCH", "pipe: %s", strerror(errno));
	s->pid = start_script(kind, workers, threads, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	s->out = to[1];
	s->in = fdopen(from[0], "r");
	if (s->pid < 0 || !s->in || fscanf(s->in, "%d %127s %255s %255s %255s", &s->port, s->target, s->pids[0],
					   s->pids[1], s->pids[2]) != 5)
		return errmsg_set(em, ERR_IO, "BENCH", "the servers of '%s' did not start", kind);
	return 0;
}

static void servers_stop(struct servers *s)
{
	if (s->out > 0)
		close(s->out);
	if (s->in)
		fclose(s->in);
	if (s->pid > 0)
		waitpid(s->pid, NULL, 0);
}

/* CPU microseconds that these processes have used so far. */
static double cpu_us(const char *pids)
{
	char list[256], path[64], line[1024], *save = NULL;
	double ticks = 0;

	snprintf(list, sizeof(list), "%s", pids);
	for (char *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		unsigned long user = 0, sys = 0;
		const char *end;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", p);
		f = fopen(path, "r");
		if (!f)
			continue;
		end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
		if (end && sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) == 2)
			ticks += (double)(user + sys);
		fclose(f);
	}
	return ticks * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* --- the client ---------------------------------------------------------- */

struct conn {
	int fd;
	int64_t sent_us;
	size_t got, want;	/* want: whole answer's length, 0 while its head is not complete */
	char buf[ANSWER_MAX];
};

struct load {
	const struct servers *servers;
	char request[512];
	size_t request_len;
	int epoll;
	struct conn *conn;
	size_t connections;
	uint32_t *us;		/* one latency per answer */
	size_t count, cap;
	int64_t from_us, until_us;
	size_t failed;		/* answers other than 200 */
	uint64_t received;
};

static int conn_open(struct load *l, struct conn *c)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)l->servers->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
		return ERR_IO;
	return 0;
}

static int conn_ask(struct load *l, struct conn *c)
{
	c->got = c->want = 0;
	c->sent_us = util_wall_us();
	return util_write_all(c->fd, l->request, l->request_len);
}

static int note(struct load *l, struct conn *c)
{
	int64_t now = util_wall_us();

	if (memcmp(c->buf, "HTTP/1.1 200", 12) != 0)
		l->failed++;
	if (now < l->from_us || l->count == l->cap)
		return 0;
	l->us[l->count++] = (uint32_t)(now - c->sent_us);
	l->received += c->got;
	return 0;
}

static int head_complete(struct conn *c)
{
	const char *end, *length;

	c->buf[c->got] = '\0';
	end = strstr(c->buf, "\r\n\r\n");
	if (!end)
		return 0;
	length = strstr(c->buf, "Content-Length: ");
	if (!length || length > end)
		return ERR_INPUT;
	c->want = (size_t)(end + 4 - c->buf) + strtoul(length + 16, NULL, 10);
	return c->want < sizeof(c->buf) ? 0 : ERR_INPUT;
}

static int conn_read(struct load *l, struct conn *c)
{
	ssize_t n = read(c->fd, c->buf + c->got, sizeof(c->buf) - 1 - c->got);
	int rc;

	if (n <= 0)
		return ERR_IO;
	c->got += (size_t)n;
	if (!c->want)
		TRY(head_complete(c));
	if (!c->want || c->got < c->want)
		return 0;
	TRY(note(l, c));
	TRY(conn_ask(l, c));
	rc = 0;
out:
	return rc;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int load_run(struct load *l)
{
	struct epoll_event ev[64];
	int rc = ERR_IO;

	for (size_t i = 0; i < l->connections; i++) {
		TRY(conn_open(l, &l->conn[i]));
		TRY(conn_ask(l, &l->conn[i]));
	}
	while (util_wall_us() < l->until_us) {
		int n = epoll_wait(l->epoll, ev, 64, 1000);

		for (int i = 0; i < n; i++)
			TRY(conn_read(l, ev[i].data.ptr));
	}
	qsort(l->us, l->count, sizeof(*l->us), by_value);
	rc = l->count ? 0 : ERR_TIMEOUT;
out:
	return rc;
}

static void load_fini(struct load *l)
{
	for (size_t i = 0; l->conn && i < l->connections; i++)
		if (l->conn[i].fd > 0)
			close(l->conn[i].fd);
	if (l->epoll >= 0)
		close(l->epoll);
	free(l->conn);
	free(l->us);
}

static int load_init(struct load *l, const struct servers *s, uint64_t connections, uint64_t seconds)
{
	memset(l, 0, sizeof(*l));
	l->servers = s;
	l->connections = (size_t)connections;
	l->cap = (size_t)seconds * 200000;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->conn = calloc(l->connections, sizeof(*l->conn));
	l->us = malloc(l->cap * sizeof(*l->us));
	l->request_len = (size_t)snprintf(l->request, sizeof(l->request),
					  "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n", s->target);
	l->from_us = util_wall_us() + WARM_UP_US;
	l->until_us = l->from_us + (int64_t)seconds * 1000000;
	return l->epoll >= 0 && l->conn && l->us ? 0 : ERR_NOMEM;
}

/* --- the verb ------------------------------------------------------------ */

struct setting {
	uint64_t connections, seconds;
	const char *workers, *threads;
};

static void report(json_t *to, const struct load *l, uint64_t seconds, const double cpu[3])
{
	static const char *const names[3] = { "cpu_us_nginx", "cpu_us_worker", "cpu_us_database" };
	/* Of all answers since the start, warm-up included: that is what the CPU times cover. */
	double all = (double)l->count * (double)(seconds * 1000000 + WARM_UP_US) / (double)(seconds * 1000000);

	json_object_set_new(to, "requests_per_second", json_real((double)l->count / (double)seconds));
	json_object_set_new(to, "p50_ms", json_real(l->us[l->count / 2] / 1000.0));
	json_object_set_new(to, "p99_ms", json_real(l->us[l->count * 99 / 100] / 1000.0));
	json_object_set_new(to, "max_ms", json_real(l->us[l->count - 1] / 1000.0));
	json_object_set_new(to, "failed", json_integer((json_int_t)l->failed));
	for (int i = 0; i < 3; i++)
		json_object_set_new(to, names[i], json_real(cpu[i] / all));
}

static int measure(const char *kind, const struct setting *set, json_t *to, struct load *l, struct errmsg *em)
{
	struct servers s;
	double cpu[3];
	int rc;

	TRY(servers_start(&s, kind, set->workers, set->threads, em));
	for (int i = 0; i < 3; i++)
		cpu[i] = -cpu_us(s.pids[i]);
	TRY(load_init(l, &s, set->connections, set->seconds));
	rc = load_run(l);
	if (rc) {
		errmsg_set(em, rc, "BENCH", "'%s': a connection broke, or nothing was answered", kind);
		goto out;
	}
	for (int i = 0; i < 3; i++)
		cpu[i] += cpu_us(s.pids[i]);
	report(to, l, set->seconds, cpu);
	rc = 0;
out:
	servers_stop(&s);
	return rc;
}

static int measure_peers(const char *names, const struct setting *set, json_t *out, struct errmsg *em)
{
	char list[128], *save = NULL;
	int rc = 0;

	snprintf(list, sizeof(list), "%s", names);
	for (char *p = strtok_r(list, ",", &save); p && rc == 0; p = strtok_r(NULL, ",", &save)) {
		struct load l = { .epoll = -1 };
		json_t *one = json_object();
		char key[64];

		if (strcmp(p, "fcgi") != 0 && strcmp(p, "flask") != 0)
			rc = errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--peers %s: expected fcgi or flask", p);
		if (rc == 0)
			rc = measure(p, set, one, &l, em);
		load_fini(&l);
		snprintf(key, sizeof(key), "peer_%s", p);
		json_object_set_new(out, key, one);
	}
	return rc;
}

int bench_api(int argc, char **argv, json_t *out, struct errmsg *em)
{
	struct setting set = { .workers = bench_opt(argc, argv, "workers", "1"),
			       .threads = bench_opt(argc, argv, "threads", "8") };
	struct load l = { .epoll = -1 };
	int rc;

	signal(SIGPIPE, SIG_IGN);
	TRY(bench_opt_u64(argc, argv, "connections", 16, &set.connections, em));
	TRY(bench_opt_u64(argc, argv, "seconds", 5, &set.seconds, em));
	if (set.connections < 1 || set.connections > CONNECTIONS_MAX || set.seconds < 1 || set.seconds > 600) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_OPTION", "expected 1 to %d connections and 1 to 600 seconds", CONNECTIONS_MAX);
		goto out;
	}
	json_object_set_new(out, "name", json_string("api"));
	TRY(measure("api", &set, out, &l, em));
	bench_fill(out, "api", l.count, atoi(set.threads), (double)set.seconds, l.count * l.request_len, l.received, l.count, 0);
	json_object_set_new(out, "workers", json_integer(atoi(set.workers)));
	json_object_set_new(out, "connections", json_integer((json_int_t)set.connections));
	TRY(measure_peers(bench_opt(argc, argv, "peers", ""), &set, out, em));
	rc = 0;
out:
	load_fini(&l);
	return rc;
}
