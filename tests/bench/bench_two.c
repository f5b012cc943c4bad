#include "bench_two.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "bench.h"

#define RUNS_MAX 100

/* A link's options as slowlink takes them; used 0: none. */
struct slow {
	int used;
	uint64_t rate;			/* bytes per second; 0: unlimited */
	uint64_t delay_us;
};

/* One run: how both parties find each other. */
struct meeting {
	int port, seen_port;		/* where party a listens, and where party b looks for it */
	pid_t slowlink;
	uint8_t key[32];
};

static double clock_seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double bench_wall(void)
{
	return clock_seconds(CLOCK_MONOTONIC);
}

double bench_cpu(void)
{
	return clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

int bench_barrier(struct bench_side *s)
{
	uint8_t out = 0, in;

	return chan_exchange(s->chan, &out, 1, &in, 1);
}

static int open_chan(const struct meeting *m, int first, struct chan **c, struct errmsg *em)
{
	char address[32];
	struct chan_conf conf = {
		.scheme = "tcp", .address = address, .listen = first,
		.self = first ? "a" : "b", .peer = first ? "b" : "a",
		.job = "j_bench_two_000000000000", .key = m->key,
	};

	snprintf(address, sizeof(address), "127.0.0.1:%d", first ? m->port : m->seen_port);
	return chan_open(&conf, c, em);
}

static int timed_run(const struct bench_two *t, struct bench_side *s, struct bench_report *r, struct errmsg *em)
{
	struct chan_stats before, after;
	double wall, cpu;
	int rc = bench_barrier(s);

	if (rc)
		return rc;
	chan_stats(s->chan, &before);
	wall = bench_wall();
	cpu = bench_cpu();
	rc = t->run(s, em);
	r->seconds = bench_wall() - wall;
	r->cpu = bench_cpu() - cpu;
	chan_stats(s->chan, &after);
	r->sent = after.bytes_sent - before.bytes_sent;
	r->received = after.bytes_received - before.bytes_received;
	r->rounds = after.rounds - before.rounds;
	return rc;
}

static void party_main(const struct bench_two *t, const struct meeting *m, int first, struct bench_report *r)
{
	struct bench_side s = { .first = first, .threads = t->threads, .arg = t->arg, .value = r->value };
	struct errmsg em = { 0 };
	struct rusage ru;
	int rc = ERR_INTERNAL;

	TRY(open_chan(m, first, &s.chan, &em));
	if (t->prepare)
		TRY(t->prepare(&s, &em));
	TRY(timed_run(t, &s, r, &em));
	if (getrusage(RUSAGE_SELF, &ru) == 0)
		r->rss = (uint64_t)ru.ru_maxrss * 1024;
	TRY(bench_barrier(&s));
	if (t->check)
		TRY(t->check(&s, &em));
	TRY(bench_barrier(&s));
	TRY(chan_close(s.chan));
out:
	r->rc = rc;
	snprintf(r->error, sizeof(r->error), "%s", em.local[0] ? em.local :
		 s.chan && chan_error(s.chan)[0] ? chan_error(s.chan) : err_name(rc));
	if (t->fini)
		t->fini(&s);
	chan_free(s.chan);
}

static int free_port(int *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = ERR_IO;

	if (fd < 0)
		return ERR_IO;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && getsockname(fd, (struct sockaddr *)&sa, &len) == 0) {
		*port = ntohs(sa.sin_port);
		rc = 0;
	}
	close(fd);
	return rc;
}

/* The channel tries again until the proxy listens, so nobody waits for it here. */
static int start_slowlink(struct meeting *m, const struct slow *slow)
{
	char from[12], to[12], rate[24], delay[24];
	int rc = free_port(&m->seen_port);

	if (rc)
		return rc;
	snprintf(from, sizeof(from), "%d", m->seen_port);
	snprintf(to, sizeof(to), "%d", m->port);
	snprintf(rate, sizeof(rate), "%llu", (unsigned long long)slow->rate);
	snprintf(delay, sizeof(delay), "%llu", (unsigned long long)slow->delay_us);
	m->slowlink = fork();
	if (m->slowlink < 0)
		return ERR_IO;
	if (m->slowlink == 0) {
		execl(PET_BUILD_DIR "/tests/net/slowlink", "slowlink", "--listen", from, "--connect", to,
		      "--rate", rate, "--delay-us", delay, (char *)NULL);
		fprintf(stderr, "pet-bench: cannot start %s/tests/net/slowlink\n", PET_BUILD_DIR);
		_exit(127);
	}
	return 0;
}

static int meet(struct meeting *m, const struct slow *slow)
{
	int rc = free_port(&m->port);

	if (rc)
		return rc;
	m->slowlink = -1;
	m->seen_port = m->port;
	util_random(m->key, sizeof(m->key));
	return slow->used ? start_slowlink(m, slow) : 0;
}

static void part(struct meeting *m)
{
	if (m->slowlink <= 0)
		return;
	kill(m->slowlink, SIGTERM);
	waitpid(m->slowlink, NULL, 0);
}

/* The party's process; its report comes through *fd. */
static pid_t start_party(const struct bench_two *t, const struct meeting *m, int first, int *fd)
{
	struct bench_report r = { 0 };
	int p[2];
	pid_t child;

	if (pipe(p) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		close(p[0]);
		party_main(t, m, first, &r);
		_exit(util_write_all(p[1], &r, sizeof(r)) == 0 ? 0 : 1);
	}
	close(p[1]);
	if (child < 0)
		close(p[0]);
	*fd = p[0];
	return child;
}

static int run_once(const struct bench_two *t, const struct slow *slow, struct bench_report r[2], struct errmsg *em)
{
	struct meeting m;
	pid_t pid[2] = { -1, -1 };
	int fd[2], rc = meet(&m, slow);

	for (int i = 0; i < 2 && rc == 0; i++) {
		pid[i] = start_party(t, &m, i == 0, &fd[i]);
		if (pid[i] < 0)
			rc = errmsg_set(em, ERR_IO, "INTERNAL", "party %c: cannot start its process", 'a' + i);
	}
	for (int i = 0; i < 2 && pid[i] > 0; i++) {
		ssize_t got = read(fd[i], &r[i], sizeof(r[i]));

		close(fd[i]);
		waitpid(pid[i], NULL, 0);
		if (got != (ssize_t)sizeof(r[i]) && rc == 0)
			rc = errmsg_set(em, ERR_INTERNAL, "INTERNAL", "party %c died", 'a' + i);
		else if (rc == 0 && r[i].rc)
			rc = errmsg_set(em, r[i].rc, "BENCH", "party %c: %s", 'a' + i, r[i].error);
	}
	part(&m);
	return rc;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

static uint64_t larger_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct run {
	struct bench_report r[2];
	double seconds;
};

static int by_seconds(const void *a, const void *b)
{
	double x = ((const struct run *)a)->seconds, y = ((const struct run *)b)->seconds;

	return x < y ? -1 : x > y;
}

/* "100mbit", "12.5mbyte" or plain bytes per second; "10ms", "200us", "1s". The unit decides; none fits: ERR_INPUT. */
static int parse_unit(const char *s, const char *const *units, const double *factors, uint64_t *out)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || !(v >= 0) || v > 1e12)
		return ERR_INPUT;
	for (; *units; units++, factors++) {
		if (strcmp(end, *units) == 0) {
			*out = (uint64_t)(v * *factors + 0.5);
			return 0;
		}
	}
	return ERR_INPUT;
}

static int parse_link(const char *s, struct slow *out, struct errmsg *em)
{
	static const char *const rates[] = { "kbit", "mbit", "gbit", "", NULL };
	static const char *const times[] = { "us", "ms", "s", NULL };
	static const double rate_factor[] = { 125, 125e3, 125e6, 1 }, time_factor[] = { 1, 1e3, 1e6 };
	char rate[32];
	const char *comma;

	if (!s)
		return 0;
	comma = strchr(s, ',');
	snprintf(rate, sizeof(rate), "%.*s", comma ? (int)(comma - s) : 0, s);
	if (!comma || parse_unit(rate, rates, rate_factor, &out->rate) != 0 ||
	    parse_unit(comma + 1, times, time_factor, &out->delay_us) != 0)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--link %s: expected RATE,DELAY, for example 100mbit,10ms", s);
	out->used = 1;
	return 0;
}

static void fill(const struct bench_two *t, const struct run *runs, uint64_t count, const char *link, json_t *out)
{
	const struct run *mid = &runs[count / 2];
	const struct bench_report *a = &mid->r[0], *b = &mid->r[1];

	bench_fill(out, t->name, t->n, t->threads, mid->seconds, larger_u64(a->sent, b->sent),
		   larger_u64(a->received, b->received), larger_u64(a->rounds, b->rounds), larger_u64(a->rss, b->rss));
	json_object_set_new(out, "cpu_seconds", json_real(a->cpu + b->cpu));
	json_object_set_new(out, "runs", json_integer((json_int_t)count));
	json_object_set_new(out, "fastest_seconds", json_real(runs[0].seconds));
	if (link)
		json_object_set_new(out, "link", json_string(link));
}

int bench_two(struct bench_two *t, int argc, char **argv, json_t *out, struct errmsg *em)
{
	const char *link = bench_opt(argc, argv, "link", NULL);
	struct slow slow = { 0 };
	struct run *runs = NULL;
	uint64_t count, threads;
	int rc = ERR_INTERNAL;

	TRY(bench_opt_u64(argc, argv, "runs", 1, &count, em));
	TRY(bench_opt_u64(argc, argv, "threads", t->threads ? (uint64_t)t->threads : 1, &threads, em));
	if (count < 1 || count > RUNS_MAX || threads < 1 || threads > 1024)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--runs is from 1 to %d, --threads from 1 to 1024", RUNS_MAX);
	TRY(parse_link(link, &slow, em));
	t->threads = (int)threads;
	runs = calloc(count, sizeof(*runs));
	if (!runs)
		return ERR_NOMEM;
	for (uint64_t i = 0; i < count; i++) {
		TRY(run_once(t, &slow, runs[i].r, em));
		runs[i].seconds = larger(runs[i].r[0].seconds, runs[i].r[1].seconds);
	}
	qsort(runs, count, sizeof(*runs), by_seconds);
	memcpy(t->report, runs[count / 2].r, sizeof(t->report));
	fill(t, runs, count, link, out);
	rc = 0;
out:
	free(runs);
	return rc;
}
