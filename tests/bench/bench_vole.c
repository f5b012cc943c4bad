/*
 * pet-bench vole: n elements of random VOLE over GF(2^128), everything
 * included: base OTs, COTs, all stages, outputs in the parties' memory. After
 * the timed part a random linear relation over all outputs is checked.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_two.h"
#include "mpc/gf128.h"
#include "mpc/prg.h"
#include "mpc/vole_impl.h"

struct state {
	struct vole *v;
	struct vole_vec out;
};

static int prepare(struct bench_side *s, struct errmsg *em)
{
	uint64_t n = *(const uint64_t *)s->arg;
	struct state *t = calloc(1, sizeof(*t));
	int rc;

	(void)em;
	s->state = t;
	if (!t)
		return ERR_NOMEM;
	rc = vole_vec_new(&t->out, n, s->first);
	if (rc)
		return rc;
	/* The caller's memory is there before the clock starts, as it is when a protocol calls. */
	memset(t->out.x, 1, n * sizeof(struct block));
	if (t->out.c)
		memset(t->out.c, 1, n * sizeof(struct block));
	return bench_barrier(s);
}

/* Party a receives. */
static int run(struct bench_side *s, struct errmsg *em)
{
	uint64_t n = *(const uint64_t *)s->arg;
	struct state *t = s->state;
	int rc;

	rc = vole_new(&t->v, s->chan, !s->first, s->threads, n);
	if (rc == 0)
		rc = s->first ? vole_recv(t->v, t->out.x, t->out.c, n) : vole_send(t->v, t->out.x, n);
	if (rc && t->v)
		return errmsg_set(em, rc, "VOLE", "%s", vole_error(t->v));
	return rc;
}

/* Sum of r_i times the outputs, for public random r. */
static struct block mix(const struct block *x, uint64_t n)
{
	struct block r[512], sum = block_zero();
	struct prg rng;

	prg_init(&rng, block_set(1, 2));
	for (uint64_t i = 0; i < n; i += 512) {
		size_t m = n - i < 512 ? (size_t)(n - i) : 512;

		prg_blocks(&rng, r, 512);
		sum = block_xor(sum, gf128_inner(x + i, r, m));
	}
	return sum;
}

static int check(struct bench_side *s, struct errmsg *em)
{
	uint64_t n = *(const uint64_t *)s->arg;
	struct state *t = s->state;
	struct block in[2], sums[2] = { mix(t->out.x, n), block_zero() };
	int rc;

	sums[1] = s->first ? mix(t->out.c, n) : vole_delta(t->v);
	rc = chan_exchange(s->chan, sums, sizeof(sums), in, sizeof(in));
	if (rc)
		return rc;
	if (!block_equal(block_xor(sums[0], in[0]), gf128_mul(sums[1], in[1])))
		return errmsg_set(em, ERR_INTERNAL, "INTERNAL", "a + b differs from c * Delta");
	return 0;
}

static void fini(struct bench_side *s)
{
	struct state *t = s->state;

	if (!t)
		return;
	vole_free(t->v);
	vole_vec_free(&t->out);
	free(t);
}

int bench_vole(int argc, char **argv, json_t *out, struct errmsg *em)
{
	uint64_t n;
	struct bench_two t = {
		.name = "vole", .arg = &n, .prepare = prepare, .run = run, .check = check, .fini = fini,
	};
	const struct bench_report *a = &t.report[0], *b = &t.report[1];
	int rc = bench_opt_u64(argc, argv, "n", 1 << 20, &n, em);

	if (rc)
		return rc;
	if (n == 0 || n > UINT64_C(1) << 28)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--n %llu: expected 1 to 2^28", (unsigned long long)n);
	t.n = n;
	rc = bench_two(&t, argc, argv, out, em);
	if (rc)
		return rc;
	json_object_set_new(out, "tuple", json_integer(vole_tuple_for(n) + 1));
	json_object_set_new(out, "cpu_ns_receiver", json_real(a->cpu / (double)n * 1e9));
	json_object_set_new(out, "cpu_ns_sender", json_real(b->cpu / (double)n * 1e9));
	return 0;
}
