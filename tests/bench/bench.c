#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bench_two.h"

/* A new verb: its function in bench.h, one line here, one source in Makefile.am. */
#define ENGINE(name) { name, "[--n N] [--bits K] [--kind KIND] [--chunk C] " BENCH_TWO_USAGE, bench_engine }
static const struct bench_verb verbs[] = {
	{ "api", "[--connections N] [--seconds S] [--workers W] [--threads T] [--peers fcgi,flask]", bench_api },
	{ "csv", "[--n ROWS] [--style plain|half|quoted] [--rounds R]", bench_csv },
	{ "cot", "--n N [--kind KIND] " BENCH_TWO_USAGE, bench_cot },
	ENGINE("and"), ENGINE("eq"), ENGINE("ltz"), ENGINE("mul"), ENGINE("mux"), ENGINE("trunc"), ENGINE("trunc-exact"),
	ENGINE("permute"), ENGINE("recip"), ENGINE("div"), ENGINE("sqrt"), ENGINE("log"), ENGINE("exp"), ENGINE("sigmoid"),
	ENGINE("sort"), ENGINE("argmax"), ENGINE("a2b"), ENGINE("lut"),
	{ "gateway", "[--bytes N] [--streams S] [--peer pet-netd|nginx] [--raw yes]", bench_gateway },
	{ "leiden", "[--edges N] [--graph SEED] [--seeds N] [--fraction-bits F] [--warm-start true|false] [--threads T]", bench_leiden },
	{ "okvs", "[--n N] [--threads T] [--runs R] | --rows N [--dense G] [--trials T] [--bits B] [--threads T]", bench_okvs },
	{ "psi", "--n N [--protocol vole|ecdh|auto] [--receiver both|party_a|party_b] [--stages yes] " BENCH_TWO_USAGE, bench_psi },
	{ "psi-csv", "--n ROWS [--protocol P] [--threads T] [--bucket-rows R] [--dir DIR]", bench_psi_csv },
	{ "rot", "--n N [--kind KIND] " BENCH_TWO_USAGE, bench_rot },
	{ "sym", "[--runs N]", bench_sym },
	{ "vole", "[--n N] " BENCH_TWO_USAGE, bench_vole },
	{ NULL, NULL, NULL },
};

const char *bench_opt(int argc, char **argv, const char *name, const char *fallback)
{
	size_t n = strlen(name);

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, name, n) != 0)
			continue;
		if (argv[i][2 + n] == '=')
			return argv[i] + 3 + n;
		if (argv[i][2 + n] == '\0' && i + 1 < argc)
			return argv[i + 1];
	}
	return fallback;
}

int bench_opt_u64(int argc, char **argv, const char *name, uint64_t fallback,
		  uint64_t *out, struct errmsg *em)
{
	const char *s = bench_opt(argc, argv, name, NULL);
	char *end;

	*out = fallback;
	if (!s)
		return 0;
	*out = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || *end != '\0')
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--%s %s: expected a whole number", name, s);
	return 0;
}

void bench_fill(json_t *out, const char *name, uint64_t n, int threads, double seconds,
		uint64_t sent, uint64_t received, uint64_t rounds, uint64_t rss)
{
	json_object_set_new(out, "name", json_string(name));
	json_object_set_new(out, "n", json_integer((json_int_t)n));
	json_object_set_new(out, "threads", json_integer(threads));
	json_object_set_new(out, "seconds", json_real(seconds));
	json_object_set_new(out, "per_second", json_real(seconds > 0 ? (double)n / seconds : 0));
	json_object_set_new(out, "bytes_sent", json_integer((json_int_t)sent));
	json_object_set_new(out, "bytes_received", json_integer((json_int_t)received));
	json_object_set_new(out, "rounds", json_integer((json_int_t)rounds));
	json_object_set_new(out, "peak_rss_bytes", json_integer((json_int_t)rss));
}

static int usage(FILE *to, int status)
{
	fprintf(to, "usage: pet-bench VERB [--option value]...\n");
	for (const struct bench_verb *v = verbs; v->name; v++)
		fprintf(to, "  %s %s\n", v->name, v->usage);
	return status;
}

int main(int argc, char **argv)
{
	struct errmsg em = { 0 };
	const struct bench_verb *v;
	json_t *out;
	int rc;

	log_init("pet-bench");
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0))
		return usage(stdout, 0);
	for (v = verbs; argc >= 2 && v->name && strcmp(v->name, argv[1]) != 0; v++)
		;
	if (argc < 2 || !v->name)
		return usage(stderr, 64);
	out = json_object();
	if (!out)
		return 71;
	rc = v->run(argc - 1, argv + 1, out, &em);
	if (rc)
		fprintf(stderr, "pet-bench %s: %s\n", v->name, em.local[0] ? em.local : err_name(rc));
	else if (json_dumpf(out, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6)) == 0)
		putchar('\n');
	json_decref(out);
	return rc ? 70 : 0;
}
