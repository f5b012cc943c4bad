/*
 * pet-bench psi: two processes over loopback intersect two lists of n keys, half
 * of them in common: from the first message to the results, set-up included.
 * --stages yes says what took how long at each party.
 *
 * With --protocol ecdh, before and after it, together the same number of scalar
 * multiplications alone, by the same number of threads of the same two processes:
 * the quotient is what everything else costs. On a machine that does other work
 * meanwhile, look at the quotient of CPU times.
 */
#include <omp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "bench.h"
#include "bench_two.h"
#include "mpc/group.h"
#include "mpc/psi.h"

#define RAN (BENCH_VALUES - 1)	/* of value[]: which protocol it was */
_Static_assert(PSI_STAGES_MAX <= RAN, "a report holds all stages");

/* Of struct bench_report's value[]: the one protocol's figures, or the other's stages. */
enum { MULT_SECONDS, MULT_CPU };

struct setting {
	uint32_t n;
	enum psi_protocol protocol;
	unsigned receivers;
};

/* Item i of party a is i, of b is n/2 + i: as digests of no structure, since hashing treats all alike. */
static void fill(uint8_t (*items)[PSI_ITEM_BYTES], uint32_t n, int first)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = (first ? 0 : n / 2) + (uint64_t)i;

		crypto_generichash(items[i], PSI_ITEM_BYTES, (const uint8_t *)&v, sizeof(v), NULL, 0);
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
	const struct setting *set = s->arg;
	int rc = group_init();

	if (rc)
		return rc;
	s->state = calloc((size_t)set->n + 1, PSI_ITEM_BYTES);
	if (!s->state)
		return ERR_NOMEM;
	fill(s->state, set->n, s->first);
	rc = bench_barrier(s);
	return rc || set->protocol != PSI_ECDH ? rc : run_mult(s, set->n, em);
}

static int wrong(const struct setting *set, const struct psi_result *r, int first, struct errmsg *em)
{
	uint32_t want = set->receivers & (first ? PSI_FIRST : PSI_SECOND) ? set->n - set->n / 2 : 0;

	if (r->matches == want)
		return 0;
	return errmsg_set(em, ERR_INTERNAL, "INTERNAL", "%u matches instead of %u", r->matches, want);
}

static int run(struct bench_side *s, struct errmsg *em)
{
	const struct setting *set = s->arg;
	struct psi_conf conf = {
		.protocol = set->protocol, .first = s->first, .receivers = set->receivers, .expected = set->n,
		.threads = s->threads,
	};
	struct psi_list l = { .items = s->state, .count = set->n };
	struct psi_session *ps;
	struct psi_result res;
	int rc = psi_session_new(&ps, s->chan, &conf, em);

	if (rc)
		return rc;
	s->value[RAN] = psi_session_protocol(ps);
	rc = psi_session_run(ps, &l, &res, em);
	if (rc == 0)
		rc = wrong(set, &res, s->first, em);
	if (set->protocol != PSI_ECDH)
		psi_session_stages(ps, s->value);
	psi_session_free(ps);
	psi_result_free(&res);
	return rc;
}

static int check(struct bench_side *s, struct errmsg *em)
{
	const struct setting *set = s->arg;

	return set->protocol == PSI_ECDH ? run_mult(s, set->n, em) : 0;
}

static void fini(struct bench_side *s)
{
	free(s->state);
}

static int options(struct setting *set, struct bench_two *t, int argc, char **argv, struct errmsg *em)
{
	const char *protocol = bench_opt(argc, argv, "protocol", "vole");
	const char *receiver = bench_opt(argc, argv, "receiver", "both");
	int p = psi_protocol_by_name(protocol), rc = bench_opt_u64(argc, argv, "n", 1 << 16, &t->n, em);

	if (rc)
		return rc;
	if (p < 0)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--protocol %s is not offered: expected vole, ecdh or auto", protocol);
	if (t->n > psi_items_max((enum psi_protocol)p))
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--n is at most %u", psi_items_max((enum psi_protocol)p));
	set->n = (uint32_t)t->n;
	set->protocol = (enum psi_protocol)p;
	if (strcmp(receiver, "both") == 0)
		set->receivers = PSI_FIRST | PSI_SECOND;
	else if (strcmp(receiver, "party_a") == 0)
		set->receivers = PSI_FIRST;
	else if (strcmp(receiver, "party_b") == 0)
		set->receivers = PSI_SECOND;
	else
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--receiver %s: expected both, party_a or party_b", receiver);
	t->threads = p == PSI_ECDH ? (int)sysconf(_SC_NPROCESSORS_ONLN) : 1;
	return 0;
}

static void add_ratio(json_t *out, const struct bench_two *t)
{
	const struct bench_report *a = &t->report[0], *b = &t->report[1];
	double mult = a->value[MULT_SECONDS] > b->value[MULT_SECONDS] ? a->value[MULT_SECONDS] : b->value[MULT_SECONDS];

	json_object_set_new(out, "scalar_mult_per_second", json_real(mult > 0 ? 4 * (double)t->n / mult : 0));
	json_object_set_new(out, "ratio", json_real(mult > 0 ?
		(a->seconds > b->seconds ? a->seconds : b->seconds) / mult : 0));
	json_object_set_new(out, "cpu_ratio", json_real(t->n ? (a->cpu + b->cpu) /
		(a->value[MULT_CPU] + b->value[MULT_CPU]) : 0));
}

static void add_stages(json_t *out, const struct bench_two *t)
{
	static const char *const key[2] = { "stages_a", "stages_b" };

	for (int i = 0; i < 2; i++) {
		json_t *o = json_object();

		for (int k = 0; o && psi_stage_name(k); k++)
			json_object_set_new(o, psi_stage_name(k), json_real(t->report[i].value[k]));
		json_object_set_new(out, key[i], o);
	}
	json_object_set_new(out, "cpu_a", json_real(t->report[0].cpu));
	json_object_set_new(out, "cpu_b", json_real(t->report[1].cpu));
}

int bench_psi(int argc, char **argv, json_t *out, struct errmsg *em)
{
	struct setting set;
	struct bench_two t = { .name = "psi", .arg = &set, .prepare = prepare, .run = run, .check = check, .fini = fini };
	int rc = options(&set, &t, argc, argv, em);

	if (rc == 0)
		rc = bench_two(&t, argc, argv, out, em);
	if (rc)
		return rc;
	json_object_set_new(out, "protocol", json_string(psi_protocol_name((enum psi_protocol)t.report[0].value[RAN])));
	json_object_set_new(out, "bytes_total", json_integer((json_int_t)(t.report[0].sent + t.report[1].sent)));
	json_object_set_new(out, "receiver", json_string(bench_opt(argc, argv, "receiver", "both")));
	if (set.protocol == PSI_ECDH)
		add_ratio(out, &t);
	else if (strcmp(bench_opt(argc, argv, "stages", "no"), "yes") == 0)
		add_stages(out, &t);
	return 0;
}
