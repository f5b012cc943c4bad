/*
 * pet-bench: both parties as two processes over loopback, one JSON line per run.
 * A verb parses its own options, measures, fills `out` and returns 0. Keys:
 * name, n, threads, seconds, per_second, bytes_sent, bytes_received, rounds,
 * peak_rss_bytes (bytes and memory of the larger party), and the verb's own.
 */
#ifndef PET_TESTS_BENCH_H
#define PET_TESTS_BENCH_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

struct bench_verb {
	const char *name;
	const char *usage;
	int (*run)(int argc, char **argv, json_t *out, struct errmsg *em);
};

int bench_cot(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_rot(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_engine(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_gateway(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_leiden(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_psi_csv(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_csv(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_okvs(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_psi(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_sym(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_vole(int argc, char **argv, json_t *out, struct errmsg *em);
int bench_api(int argc, char **argv, json_t *out, struct errmsg *em);

/* The value of `--name VALUE` or `--name=VALUE`, or the fallback. */
const char *bench_opt(int argc, char **argv, const char *name, const char *fallback);
int bench_opt_u64(int argc, char **argv, const char *name, uint64_t fallback,
		  uint64_t *out, struct errmsg *em) PET_MUST_USE;
/* The common keys; larger of the two parties is the caller's business. */
void bench_fill(json_t *out, const char *name, uint64_t n, int threads, double seconds,
		uint64_t sent, uint64_t received, uint64_t rounds, uint64_t rss);

#endif
