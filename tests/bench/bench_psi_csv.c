/*
 * pet-bench psi-csv: op-psi from CSV to CSV. Two files of n rows and four
 * columns (16 digits, two numbers, text; about 50 bytes a row), half of the keys
 * in common and both in random order, then `pet run op-psi` with both
 * parties' operators on this machine. The files are not part of the time.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "bench.h"

#define LINE 96

struct files {
	char dir[PATH_MAX - 64];
	uint64_t n;
};

/* A permutation of 0 … 2^50-1, so that keys are distinct and in no order: odd factors and shifts are invertible. */
static uint64_t scramble(uint64_t v)
{
	const uint64_t mask = (UINT64_C(1) << 50) - 1;

	v = v * UINT64_C(0x2545f4914f6cdd1d) & mask;
	v ^= v >> 27;
	v = v * UINT64_C(0x9e3779b97f4a7c15) & mask;
	return v ^ v >> 23;
}

static char *digits(char *p, uint64_t v, int width)
{
	for (int i = width - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + width;
}

/* Row i of a party; both parties' rows stand in the order of another permutation. */
static char *row(char *p, uint64_t i, int side)
{
	uint64_t key = scramble(i), r = scramble(i ^ (side ? 0x5555555 : 0x3333333));

	p = digits(p, key, 16);
	*p++ = ',';
	p = digits(p, r % 1000, 3);
	memcpy(p, ",0.", 3);
	p = digits(p + 3, r / 1000 % 100000, 5);
	memcpy(p, ",some text ", 11);
	p = digits(p + 11, r / 7 % 1000000000, 9);
	*p++ = '\n';
	return p;
}

static int write_file(const struct files *f, int side)
{
	char path[PATH_MAX], buffer[LINE * 4096];
	uint64_t low = 1, half = 0, from = side ? f->n / 2 : 0;
	FILE *out;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/%c.csv", f->dir, 'a' + side);
	out = fopen(path, "w");
	if (!out)
		return ERR_IO;
	while (low < f->n)
		low *= 2;
	fputs("id,a,b,text\n", out);
	/* row number by an odd multiple modulo a power of two: each once, in another order at each side */
	for (uint64_t k = 0; rc == 0 && k < low;) {
		char *p = buffer;

		for (; k < low && p < buffer + sizeof(buffer) - LINE; k++) {
			half = (k * (side ? 0x9e3779b1u : 0x85ebca77u) + 12345) & (low - 1);
			if (half < f->n)
				p = row(p, from + half, side);
		}
		if (fwrite(buffer, 1, (size_t)(p - buffer), out) != (size_t)(p - buffer))
			rc = ERR_IO;
	}
	if (fclose(out) != 0)
		rc = ERR_IO;
	return rc;
}

static int run_pair(const struct files *f, const char *protocol, const char *threads, const char *rows, json_t **records, struct errmsg *em)
{
	char command[2 * PATH_MAX + 2048];
	json_error_t je;
	FILE *p;

	snprintf(command, sizeof(command),
		 "PET_OPERATOR_DIR=%s %s/pet run op-psi --a-input data=%.1000s/a.csv --b-input data=%.1000s/b.csv "
		 "--a-output data=%.1000s/a.out --b-output data=%.1000s/b.out --param column_name=id --param protocol=%.20s "
		 "--param bucket_rows=%.12s --threads %.8s", PET_BUILD_DIR, PET_BUILD_DIR, f->dir, f->dir, f->dir, f->dir, protocol, rows, threads);
	p = popen(command, "r");
	if (!p)
		return ERR_IO;
	*records = json_loadf(p, 0, &je);
	if (pclose(p) != 0 || !*records)
		return errmsg_set(em, ERR_INTERNAL, "BENCH", "pet run op-psi failed");
	return 0;
}

static double larger(const json_t *records, const char *key)
{
	double a = json_number_value(json_object_get(json_object_get(records, "party_a"), key));
	double b = json_number_value(json_object_get(json_object_get(records, "party_b"), key));

	return a > b ? a : b;
}

static int check(const json_t *records, uint64_t n, struct errmsg *em)
{
	const json_t *result = json_object_get(json_object_get(records, "party_a"), "result");
	json_int_t matches = json_integer_value(json_object_get(result, "matches"));

	if (matches == (json_int_t)(n - n / 2))
		return 0;
	return errmsg_set(em, ERR_INTERNAL, "BENCH", "%lld keys in common instead of %llu", (long long)matches, (unsigned long long)(n - n / 2));
}

static void clean(const struct files *f)
{
	static const char *const names[] = { "a.csv", "b.csv", "a.out", "b.out" };
	char path[PATH_MAX];

	for (size_t i = 0; i < PET_ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	rmdir(f->dir);
}

int bench_psi_csv(int argc, char **argv, json_t *out, struct errmsg *em)
{
	const char *threads = bench_opt(argc, argv, "threads", "1"), *dir = bench_opt(argc, argv, "dir", "/tmp");
	struct files f = { .dir = "" };
	json_t *records = NULL;
	double seconds;
	int rc;

	TRY(bench_opt_u64(argc, argv, "n", 1 << 20, &f.n, em));
	if (f.n < 2 || f.n > UINT64_C(1) << 30)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--n is from 2 to 2^30");
	snprintf(f.dir, sizeof(f.dir), "%.3000s/pet-bench-psi-XXXXXX", dir);
	if (!mkdtemp(f.dir))
		return errmsg_set(em, ERR_IO, "BENCH", "no folder below %.200s", dir);
	TRY(write_file(&f, 0));
	TRY(write_file(&f, 1));
	TRY(run_pair(&f, bench_opt(argc, argv, "protocol", "auto"), threads, bench_opt(argc, argv, "bucket-rows", "1048576"), &records, em));
	TRY(check(records, f.n, em));
	seconds = larger(records, "seconds");
	bench_fill(out, "psi-csv", f.n, atoi(threads), seconds, (uint64_t)larger(records, "bytes_sent"),
		   (uint64_t)larger(records, "bytes_received"), (uint64_t)larger(records, "rounds"), (uint64_t)larger(records, "peak_rss_bytes"));
out:
	json_decref(records);
	clean(&f);
	return rc;
}
