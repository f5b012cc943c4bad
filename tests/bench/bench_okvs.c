/*
 * pet-bench okvs: one process. Times of sorting, encoding and decoding n keys; or, with --rows, how often bins of that
 * many rows leave more gap rows than there are dense columns, at expansions so small that it can be counted, and what
 * that says about the expansion in use (docs/okvs.md).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"
#include "mpc/okvs.h"
#include "mpc/okvs_params.h"
#include "mpc/okvs_peel.h"
#include "mpc/prg.h"

enum { SET, ENCODE, ENCODE_RANDOM, DECODE, STEPS };
static const char *const step_names[STEPS] = { "set_seconds", "encode_seconds", "encode_random_seconds", "decode_seconds" };

struct times {
	struct okvs_params p;
	struct block *keys, *values, *table, *decoded;
	uint64_t n;
	int threads;
	double best[STEPS];
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void lap(struct times *t, int step, double *from)
{
	double now = seconds();

	if (t->best[step] == 0 || now - *from < t->best[step])
		t->best[step] = now - *from;
	*from = now;
}

static int one_run(struct times *t, uint64_t seed)
{
	struct okvs_set *s = NULL;
	struct prg rng;
	int rc = ERR_INTERNAL;
	double at;

	prg_init(&rng, block_set(seed, 1));
	at = seconds();
	TRY(okvs_set_new_var(&s, &t->p, block_set(seed, 0), t->keys, t->n, t->threads));
	lap(t, SET, &at);
	TRY(okvs_encode_var(s, t->values, &rng, t->table, t->threads));
	lap(t, ENCODE_RANDOM, &at);
	TRY(okvs_encode_var(s, t->values, NULL, t->table, t->threads));
	lap(t, ENCODE, &at);
	okvs_decode_var(s, t->table, t->decoded, t->threads);
	lap(t, DECODE, &at);
	rc = memcmp(t->decoded, t->values, t->n * sizeof(struct block)) == 0 ? 0 : ERR_INTERNAL;
out:
	okvs_set_free(s);
	return rc;
}

static struct block *blocks(uint64_t n)
{
	return aligned_alloc(64, (n * sizeof(struct block) + 127) & ~UINT64_C(63));
}

/* The least of `runs` runs for each step. */
static int time_steps(struct times *t, uint64_t runs)
{
	int rc = ERR_NOMEM;
	struct prg g;

	t->keys = blocks(t->n);
	t->values = blocks(t->n);
	t->decoded = blocks(t->n);
	t->table = blocks(okvs_size(&t->p));
	if (!t->keys || !t->values || !t->decoded || !t->table)
		goto out;
	prg_init_random(&g);
	prg_blocks(&g, t->keys, t->n);
	prg_blocks(&g, t->values, t->n);
	for (uint64_t i = 0; i < runs; i++)
		TRY(one_run(t, i));
	rc = 0;
out:
	free(t->keys);
	free(t->values);
	free(t->decoded);
	free(t->table);
	return rc;
}

static int bench_times(int argc, char **argv, json_t *out, struct errmsg *em)
{
	struct times t = { 0 };
	uint64_t threads, runs;
	struct rusage ru;
	int rc;

	TRY(bench_opt_u64(argc, argv, "n", 1 << 20, &t.n, em));
	TRY(bench_opt_u64(argc, argv, "threads", 1, &threads, em));
	TRY(bench_opt_u64(argc, argv, "runs", 5, &runs, em));
	t.threads = (int)threads;
	TRY(okvs_params_set(&t.p, t.n));
	TRY(time_steps(&t, runs));
	getrusage(RUSAGE_SELF, &ru);
	bench_fill(out, "okvs", t.n, t.threads, t.best[SET] + t.best[ENCODE], 0, 0, 0, (uint64_t)ru.ru_maxrss * 1024);
	for (int i = 0; i < STEPS; i++)
		json_object_set_new(out, step_names[i], json_real(t.best[i]));
	json_object_set_new(out, "bins", json_integer(t.p.bins));
	json_object_set_new(out, "blocks_per_item", json_real((double)okvs_size(&t.p) / (double)t.n));
	rc = 0;
out:
	return rc;
}

/* --- failure rates ------------------------------------------------------- */

struct rate {
	uint32_t rows, sparse, dense;
	uint64_t trials, failed;
};

static uint64_t count_failures(struct okvs_peel *p, struct block *h, const struct rate *r, uint64_t from, uint64_t to)
{
	uint64_t failed = 0;

	for (uint64_t i = from; i < to; i++) {
		struct prg g;

		prg_init(&g, block_set(i, ((uint64_t)r->rows << 32) + r->sparse));
		prg_blocks(&g, h, r->rows);
		okvs_rows_var(p->row, h, r->rows, r->sparse);
		failed += okvs_peel_var(p, r->rows, r->sparse, r->dense) != 0;
	}
	return failed;
}

static int measure(struct rate *r, uint64_t threads)
{
	uint64_t failed = 0;
	int rc = 0;

	#pragma omp parallel for num_threads((int)threads) reduction(+:failed) reduction(min:rc)
	for (uint64_t t = 0; t < threads; t++) {
		struct block *h = blocks(r->rows);
		struct okvs_peel p;

		if (h && okvs_peel_init(&p, r->rows, r->sparse) == 0) {
			failed += count_failures(&p, h, r, r->trials * t / threads, r->trials * (t + 1) / threads);
			okvs_peel_free(&p);
		} else {
			rc = ERR_NOMEM;
		}
		free(h);
	}
	r->failed = failed;
	return rc;
}

/*
 * Two extrapolations of lambda = -log2(rate) to expansion e: the straight line through the last two points with enough
 * failures, and, since the rate is that of a normal variable near the threshold, a line through sqrt(lambda) by least squares.
 */
struct points {
	double e[32], bits[32];
	unsigned n;
};

static double line_to(const struct points *p, double e)
{
	unsigned k = p->n - 1;

	return p->bits[k] + (p->bits[k] - p->bits[k - 1]) / (p->e[k] - p->e[k - 1]) * (e - p->e[k]);
}

static double square_to(const struct points *p, double e)
{
	double n = p->n, se = 0, sr = 0, see = 0, ser = 0, slope, root;

	for (unsigned i = 0; i < p->n; i++) {
		double r = sqrt(p->bits[i]);

		se += p->e[i];
		sr += r;
		see += p->e[i] * p->e[i];
		ser += p->e[i] * r;
	}
	slope = (n * ser - se * sr) / (n * see - se * se);
	root = (sr - slope * se) / n + slope * e;
	return root * root;
}

static json_t *point(const struct rate *r, double e, double fit)
{
	json_t *j = json_object();

	json_object_set_new(j, "e", json_real(e));
	json_object_set_new(j, "sparse", json_integer(r->sparse));
	json_object_set_new(j, "trials", json_integer((json_int_t)r->trials));
	json_object_set_new(j, "failed", json_integer((json_int_t)r->failed));
	if (r->failed)
		json_object_set_new(j, "bits", json_real(-log2((double)r->failed / (double)r->trials)));
	json_object_set_new(j, "fit_bits", json_real(fit));
	return j;
}

/* Expansions for which the fit says -4, -2, 0, … bits, until fewer than ten of the trials fail. */
static int bench_failures(int argc, char **argv, json_t *out, struct errmsg *em)
{
	uint64_t rows, dense, trials, threads, bits;
	json_t *list = json_array();
	struct points p = { .n = 0 };
	int rc;

	json_object_set_new(out, "points", list);
	TRY(bench_opt_u64(argc, argv, "rows", 0, &rows, em));
	TRY(bench_opt_u64(argc, argv, "dense", 3, &dense, em));
	TRY(bench_opt_u64(argc, argv, "trials", 10000, &trials, em));
	TRY(bench_opt_u64(argc, argv, "threads", 1, &threads, em));
	TRY(bench_opt_u64(argc, argv, "bits", 42, &bits, em));
	for (double fit = -4; p.n < PET_ARRAY_SIZE(p.e); fit += 2) {
		struct rate r = { .rows = (uint32_t)rows, .dense = (uint32_t)dense, .trials = trials };

		r.sparse = (uint32_t)ceil(okvs_expansion(r.rows, fit) * (double)rows);
		TRY(measure(&r, threads));
		p.e[p.n] = (double)r.sparse / (double)rows;
		p.bits[p.n] = -log2((double)r.failed / (double)trials);
		json_array_append_new(list, point(&r, p.e[p.n], fit));
		if (r.failed < 10)
			break;
		p.n++;
	}
	json_object_set_new(out, "rows", json_integer((json_int_t)rows));
	json_object_set_new(out, "e", json_real(okvs_expansion((uint32_t)rows, (double)bits)));
	if (p.n >= 2) {
		json_object_set_new(out, "line_bits", json_real(line_to(&p, okvs_expansion((uint32_t)rows, (double)bits))));
		json_object_set_new(out, "square_bits", json_real(square_to(&p, okvs_expansion((uint32_t)rows, (double)bits))));
	}
	rc = 0;
out:
	return rc;
}

int bench_okvs(int argc, char **argv, json_t *out, struct errmsg *em)
{
	return bench_opt(argc, argv, "rows", NULL) ? bench_failures(argc, argv, out, em) : bench_times(argc, argv, out, em);
}
