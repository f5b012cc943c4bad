/*
 * pet-bench psi: two processes over loopback intersect two lists of n keys,
 * half of them in common. Before and after it, together the same number of
 * scalar multiplications alone, by the same number of threads of the same two
 * processes: the quotient is what everything else costs. On a machine that does
 * other work meanwhile, look at the quotient of CPU times.
 */
#include <omp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "bench.h"
#include "bench_two.h"
#include "mpc/ecdh_psi.h"

enum { MULT_SECONDS, MULT_CPU };	/* of struct bench_report's value[] */

/* Item i of party a is i, of b is n/2 + i: as digests of no structure, since hashing treats all alike. */
static void fill(uint8_t (*items)[GROUP_HASH_BYTES], uint32_t n, int first)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = (first ? 0 : n / 2) + (uint64_t)i;

		crypto_generichash(items[i], GROUP_HASH_BYTES, (const uint8_t *)&v, sizeof(v), NULL, 0);
	}
}

/* n multiplications of changing points, half of what the protocol does for n own and n foreign items. */
static int run_mult(struct bench_side *s, uint32_t n, struct errmsg *em)
{
	double wall = bench_wall(), cpu = bench_cpu();
	int bad = 0;

#pragma omp parallel num_threads(s->threads) reduction(| : bad)
	{
		uint8_t scalar[32], in[32] = { 9 }, out[32];

		util_random(scalar, sizeof(scalar));
		in[1] = (uint8_t)omp_get_thread_num();
#pragma omp for schedule(dynamic, 64)
		for (uint64_t i = 0; i < n; i++) {
			bad |= crypto_scalarmult_curve25519(out, scalar, in);
			memcpy(in, out, sizeof(in));
		}
	}
	s->value[MULT_SECONDS] += bench_wall() - wall;
	s->value[MULT_CPU] += bench_cpu() - cpu;
	return bad ? errmsg_set(em, ERR_INTERNAL, "INTERNAL", "a multiplication failed") : 0;
}

static int prepare(struct bench_side *s, struct errmsg *em)
{
	uint32_t n = *(const uint32_t *)s->arg;
	int rc = group_init();

	if (rc)
		return rc;
	s->state = calloc((size_t)n + 1, GROUP_HASH_BYTES);
	if (!s->state)
		return ERR_NOMEM;
	fill(s->state, n, s->first);
	rc = bench_barrier(s);
	return rc ? rc : run_mult(s, n, em);
}

static int run(struct bench_side *s, struct errmsg *em)
{
	uint32_t n = *(const uint32_t *)s->arg;
	struct ecdh_psi e = {
		.items = s->state, .count = n, .first = s->first, .shape = 1, .threads = s->threads,
		.receivers = ECDH_PSI_FIRST | ECDH_PSI_SECOND,
	};
	struct ecdh_psi_result res;
	int rc = ecdh_psi_run(s->chan, &e, &res, em);

	if (rc)
		return rc;
	if (res.matches != n - n / 2)
		rc = errmsg_set(em, ERR_INTERNAL, "INTERNAL", "%u matches instead of %u", res.matches, n - n / 2);
	ecdh_psi_result_free(&res);
	return rc;
}

static int mult_again(struct bench_side *s, struct errmsg *em)
{
	return run_mult(s, *(const uint32_t *)s->arg, em);
}

static void fini(struct bench_side *s)
{
	free(s->state);
}

int bench_psi(int argc, char **argv, json_t *out, struct errmsg *em)
{
	uint32_t count;
	struct bench_two t = {
		.name = "psi", .arg = &count, .threads = (int)sysconf(_SC_NPROCESSORS_ONLN),
		.prepare = prepare, .run = run, .check = mult_again, .fini = fini,
	};
	const struct bench_report *a = &t.report[0], *b = &t.report[1];
	double mult;
	int rc = bench_opt_u64(argc, argv, "n", 1 << 16, &t.n, em);

	if (rc)
		return rc;
	if (t.n > ECDH_PSI_ITEMS_MAX)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--n is at most %u", ECDH_PSI_ITEMS_MAX);
	if (strcmp(bench_opt(argc, argv, "protocol", "ecdh"), "ecdh") != 0)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--protocol %s is not offered: expected ecdh",
				  bench_opt(argc, argv, "protocol", ""));
	count = (uint32_t)t.n;
	rc = bench_two(&t, argc, argv, out, em);
	if (rc)
		return rc;
	mult = a->value[MULT_SECONDS] > b->value[MULT_SECONDS] ? a->value[MULT_SECONDS] : b->value[MULT_SECONDS];
	json_object_set_new(out, "protocol", json_string("ecdh"));
	json_object_set_new(out, "scalar_mult_per_second", json_real(mult > 0 ? 4 * (double)t.n / mult : 0));
	json_object_set_new(out, "ratio", json_real(mult > 0 ?
		(a->seconds > b->seconds ? a->seconds : b->seconds) / mult : 0));
	json_object_set_new(out, "cpu_ratio", json_real(t.n ? (a->cpu + b->cpu) /
		(a->value[MULT_CPU] + b->value[MULT_CPU]) : 0));
	return 0;
}
