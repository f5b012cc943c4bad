/*
 * pet-bench psi: two processes over loopback intersect two lists of n keys,
 * half of them in common. Before and after it, together the same number of
 * scalar multiplications alone, by the same number of threads of the same two
 * processes: the quotient is what everything else costs. On a machine that does
 * other work meanwhile, look at the quotient of CPU times.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <omp.h>
#include <sodium.h>
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
#include "mpc/ecdh_psi.h"
#include "net/chan.h"

struct report {
	int rc;
	char error[512];
	double seconds, cpu, mult_seconds, mult_cpu;
	uint64_t sent, received, rounds, rss;
};

struct party {
	uint32_t n;
	int threads, first;
	char address[32];
	uint8_t key[32];
};

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int barrier(struct chan *c)
{
	uint8_t out = 0, in;

	return chan_exchange(c, &out, 1, &in, 1);
}

static int open_chan(const struct party *p, struct chan **c, struct errmsg *em)
{
	struct chan_conf conf = {
		.scheme = "tcp", .address = p->address, .listen = p->first,
		.self = p->first ? "a" : "b", .peer = p->first ? "b" : "a",
		.job = "j_bench_psi_000000000000", .key = p->key,
	};

	return chan_open(&conf, c, em);
}

/* Item i of party a is i, of b is n/2 + i: as digests of no structure, since hashing treats all alike. */
static void fill(uint8_t (*items)[GROUP_HASH_BYTES], const struct party *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		uint64_t v = (p->first ? 0 : p->n / 2) + (uint64_t)i;

		crypto_generichash(items[i], GROUP_HASH_BYTES, (const uint8_t *)&v, sizeof(v), NULL, 0);
	}
}

static int run_psi(const struct party *p, struct chan *c, const uint8_t (*items)[GROUP_HASH_BYTES],
		   struct report *r, struct errmsg *em)
{
	struct ecdh_psi e = {
		.items = items, .count = p->n, .first = p->first, .shape = 1, .threads = p->threads,
		.receivers = ECDH_PSI_FIRST | ECDH_PSI_SECOND,
	};
	struct ecdh_psi_result res;
	double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	int rc = ecdh_psi_run(c, &e, &res, em);

	r->seconds = seconds(CLOCK_MONOTONIC) - wall;
	r->cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	if (rc)
		return rc;
	if (res.matches != p->n - p->n / 2)
		rc = errmsg_set(em, ERR_INTERNAL, "INTERNAL", "%u matches instead of %u", res.matches, p->n - p->n / 2);
	ecdh_psi_result_free(&res);
	return rc;
}

/* n multiplications of changing points, half of what the protocol does for n own and n foreign items. */
static int run_mult(const struct party *p, struct report *r, struct errmsg *em)
{
	double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	int bad = 0;

#pragma omp parallel num_threads(p->threads) reduction(| : bad)
	{
		uint8_t scalar[32], in[32] = { 9 }, out[32];

		util_random(scalar, sizeof(scalar));
		in[1] = (uint8_t)omp_get_thread_num();
#pragma omp for schedule(dynamic, 64)
		for (uint64_t i = 0; i < p->n; i++) {
			bad |= crypto_scalarmult_curve25519(out, scalar, in);
			memcpy(in, out, sizeof(in));
		}
	}
	r->mult_seconds += seconds(CLOCK_MONOTONIC) - wall;
	r->mult_cpu += seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	return bad ? errmsg_set(em, ERR_INTERNAL, "INTERNAL", "a multiplication failed") : 0;
}

static void party_main(const struct party *p, struct report *r)
{
	uint8_t (*items)[GROUP_HASH_BYTES] = calloc((size_t)p->n + 1, GROUP_HASH_BYTES);
	struct errmsg em = { 0 };
	struct chan *c = NULL;
	struct chan_stats st = { 0 };
	struct rusage ru;
	int rc = ERR_NOMEM;

	if (!items)
		goto out;
	TRY(group_init());
	fill(items, p);
	TRY(open_chan(p, &c, &em));
	TRY(barrier(c));
	TRY(run_mult(p, r, &em));
	TRY(barrier(c));
	TRY(run_psi(p, c, (const uint8_t (*)[GROUP_HASH_BYTES])items, r, &em));
	chan_stats(c, &st);
	if (getrusage(RUSAGE_SELF, &ru) == 0)
		r->rss = (uint64_t)ru.ru_maxrss * 1024;
	TRY(barrier(c));
	TRY(run_mult(p, r, &em));
	TRY(barrier(c));
	TRY(chan_close(c));
out:
	r->sent = st.bytes_sent;
	r->received = st.bytes_received;
	r->rounds = st.rounds;
	r->rc = rc;
	snprintf(r->error, sizeof(r->error), "%s", em.local[0] ? em.local : c ? chan_error(c) : err_name(rc));
	chan_free(c);
	free(items);
}

static int free_port(char *address, size_t size)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = ERR_IO;

	if (fd < 0)
		return ERR_IO;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && getsockname(fd, (struct sockaddr *)&sa, &len) == 0) {
		snprintf(address, size, "127.0.0.1:%u", ntohs(sa.sin_port));
		rc = 0;
	}
	close(fd);
	return rc;
}

/* Forks before anything of OpenMP runs: party b in the child, its report through a pipe. */
static int both(const struct party *p, struct report r[2], struct errmsg *em)
{
	struct party other = *p;
	int fd[2], status, rc = 0;
	ssize_t got;
	pid_t child;

	if (pipe(fd) != 0)
		return ERR_IO;
	child = fork();
	if (child < 0) {
		close(fd[0]);
		close(fd[1]);
		return ERR_IO;
	}
	if (child == 0) {
		other.first = 0;
		party_main(&other, &r[1]);
		_exit(util_write_all(fd[1], &r[1], sizeof(r[1])) == 0 ? 0 : 1);
	}
	close(fd[1]);
	party_main(p, &r[0]);
	got = read(fd[0], &r[1], sizeof(r[1]));
	close(fd[0]);
	waitpid(child, &status, 0);
	if (got != (ssize_t)sizeof(r[1]))
		return errmsg_set(em, ERR_INTERNAL, "INTERNAL", "the second party died");
	for (int i = 0; rc == 0 && i < 2; i++) {
		if (r[i].rc)
			rc = errmsg_set(em, r[i].rc, "BENCH", "party %c: %s", 'a' + i, r[i].error);
	}
	return rc;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

int bench_psi(int argc, char **argv, json_t *out, struct errmsg *em)
{
	struct party p = { .first = 1 };
	struct report r[2] = { 0 };
	uint64_t n, threads, sent, received;
	double wall, mult;
	int rc;

	TRY(bench_opt_u64(argc, argv, "n", 1 << 16, &n, em));
	TRY(bench_opt_u64(argc, argv, "threads", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), &threads, em));
	if (n > ECDH_PSI_ITEMS_MAX || threads < 1 || threads > 1024)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--n is at most %u, --threads from 1 to 1024", ECDH_PSI_ITEMS_MAX);
	if (strcmp(bench_opt(argc, argv, "protocol", "ecdh"), "ecdh") != 0)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--protocol %s is not offered: expected ecdh",
				  bench_opt(argc, argv, "protocol", ""));
	p.n = (uint32_t)n;
	p.threads = (int)threads;
	util_random(p.key, sizeof(p.key));
	TRY(free_port(p.address, sizeof(p.address)));
	TRY(both(&p, r, em));
	wall = larger(r[0].seconds, r[1].seconds);
	mult = larger(r[0].mult_seconds, r[1].mult_seconds);
	sent = r[0].sent > r[1].sent ? r[0].sent : r[1].sent;
	received = r[0].received > r[1].received ? r[0].received : r[1].received;
	bench_fill(out, "psi", n, p.threads, wall, sent, received, r[0].rounds,
		   r[0].rss > r[1].rss ? r[0].rss : r[1].rss);
	json_object_set_new(out, "protocol", json_string("ecdh"));
	json_object_set_new(out, "scalar_mult_per_second", json_real(mult > 0 ? 4 * (double)n / mult : 0));
	json_object_set_new(out, "ratio", json_real(mult > 0 ? wall / mult : 0));
	json_object_set_new(out, "cpu_ratio", json_real(n ? (r[0].cpu + r[1].cpu) / (r[0].mult_cpu + r[1].mult_cpu) : 0));
out:
	return rc;
}
