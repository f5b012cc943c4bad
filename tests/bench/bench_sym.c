/*
 * pet-bench sym: the symmetric core alone, one thread, every level that the
 * machine has. Each figure is the least of several runs over data that fits
 * the second-level cache, in nanoseconds per block, row, product or term.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"
#include "mpc/cpu.h"
#include "mpc/cpu_test.h"
#include "mpc/gf128.h"
#include "mpc/hash.h"
#include "mpc/prg.h"
#include "mpc/transpose.h"

#define BLOCKS 4096		/* 64 KiB per array */

struct work {
	struct block in[BLOCKS], other[BLOCKS], out[BLOCKS], out1[BLOCKS], key, sink;
	struct aes_key aes;
	struct hash hash;
	struct prg prg;
};

static void run_ecb(struct work *w) { aes_ecb(&w->aes, w->out, w->in, BLOCKS); }
static void run_prg(struct work *w) { prg_blocks(&w->prg, w->out, BLOCKS); }
static void run_hash(struct work *w) { hash_blocks(&w->hash, 0, w->in, w->out, BLOCKS); }
static void run_mul_each(struct work *w) { gf128_mul_each(w->out, w->in, w->other, BLOCKS); }
static void run_add_mul(struct work *w) { gf128_add_mul_by(w->out, w->in, w->key, BLOCKS); }
static void run_inner(struct work *w) { w->sink = gf128_inner(w->in, w->other, BLOCKS); }
static void run_transpose(struct work *w) { transpose_planes(w->out, w->in, BLOCKS / 128, BLOCKS); }

static void run_key(struct work *w)
{
	for (int i = 0; i < BLOCKS; i++)
		aes_key_set(&w->aes, w->in[i]);
}

static void run_pairs(struct work *w)
{
	hash_pairs(&w->hash, 0, w->in, w->key, w->out, w->out1, BLOCKS);
}

static void run_mul(struct work *w)
{
	for (int i = 0; i < BLOCKS; i++)
		w->sink = gf128_mul(w->sink, w->in[i]);
}

static const struct item {
	const char *name;
	void (*run)(struct work *w);
} items[] = {
	{ "aes_ecb_ns_per_block", run_ecb },
	{ "prg_ns_per_block", run_prg },
	{ "aes_key_set_ns", run_key },
	{ "hash_ns_per_block", run_hash },
	{ "hash_pairs_ns_per_pair", run_pairs },
	{ "gf128_mul_each_ns", run_mul_each },
	{ "gf128_add_mul_by_ns", run_add_mul },
	{ "gf128_inner_ns_per_term", run_inner },
	{ "gf128_mul_latency_ns", run_mul },
	{ "transpose_ns_per_row", run_transpose },
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double least(const struct item *it, struct work *w, uint64_t runs)
{
	double best = 1e9;

	it->run(w);
	for (uint64_t i = 0; i < runs; i++) {
		double t = now();

		it->run(w);
		t = now() - t;
		best = t < best ? t : best;
	}
	return best * 1e9 / BLOCKS;
}

static json_t *one_level(struct work *w, uint64_t runs)
{
	json_t *o = json_object();

	for (size_t i = 0; o && i < PET_ARRAY_SIZE(items); i++)
		json_object_set_new(o, items[i].name, json_real(least(&items[i], w, runs)));
	return o;
}

int bench_sym(int argc, char **argv, json_t *out, struct errmsg *em)
{
	struct rusage use;
	struct work *w = NULL;
	uint64_t runs;
	double start = now();
	int rc = ERR_INTERNAL;

	TRY(bench_opt_u64(argc, argv, "runs", 200, &runs, em));
	if (runs < 1 || runs > 1000000) {
		rc = errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--runs: expected 1 to 1000000");
		goto out;
	}
	w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);
	if (!w) {
		rc = ERR_NOMEM;
		goto out;
	}
	cpu_test_data(w->in, BLOCKS, 1);
	cpu_test_data(w->other, BLOCKS, 2);
	cpu_test_data(&w->key, 1, 3);
	hash_init(&w->hash, w->key, HASH_TEST);
	prg_init(&w->prg, w->key);
	aes_key_set(&w->aes, w->key);
	bench_fill(out, "sym", BLOCKS, 1, 0, 0, 0, 0, 0);
	for (int l = CPU_PORTABLE; l < CPU_LEVELS; l++)
		if (cpu_set_level((enum cpu_level)l) == 0)
			json_object_set_new(out, cpu_level_name((enum cpu_level)l), one_level(w, runs));
	getrusage(RUSAGE_SELF, &use);
	json_object_set_new(out, "seconds", json_real(now() - start));
	json_object_set_new(out, "peak_rss_bytes", json_integer((json_int_t)use.ru_maxrss * 1024));
	rc = 0;
out:
	free(w);
	return rc;
}
