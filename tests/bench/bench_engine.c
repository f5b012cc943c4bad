/*
 * pet-bench ltz | eq | mul | and | mux | trunc | permute | sort | recip | sigmoid | …: one operation of the two-party
 * engine over n elements, both parties as processes, everything included: the
 * engine's start, base OTs, all correlated randomness. After the timed part the
 * result is opened and compared with plaintext.
 */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "bench.h"
#include "bench_two.h"
#include "mpc/adder.h"
#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/fixed.h"
#include "mpc/lut.h"
#include "mpc/mul.h"
#include "mpc/mux.h"
#include "mpc/open.h"
#include "mpc/permute.h"
#include "mpc/prg.h"
#include "mpc/select.h"
#include "mpc/sort.h"
#include "mpc/trunc.h"

struct state;

struct op {
	const char *name;
	int (*run)(struct mpc *m, struct state *s);
	/* 1 when out is right for plain x, y. */
	int (*good)(const struct state *s, uint64_t x, uint64_t y, uint64_t out);
	int bits_out;			/* the result is a bit vector */
	uint32_t (*row)(uint64_t n, uint64_t i);	/* which input element i is made of; NULL: i */
	int fixed;			/* fixed point of 16 bits: x in the range that suits the operation */
};

enum { POSITIVE = 1, SMALL };		/* from 3 ulp up to a quarter of the ring; from -8 to 8 */

#define FIXED_SCALE 16
#define GROUP 32			/* of argmax */

struct config {
	const struct op *op;
	uint64_t n;
	unsigned bits, drop;
	enum ot_kind kind;
	size_t chunk;
};

struct state {
	const struct config *conf;
	struct mpc *m;
	struct avec x, y, z;		/* shares */
	struct bvec a, b, c;
	size_t at;			/* the element that is checked */
	uint64_t *plain;		/* own and the other's words, for the check */
	uint64_t *sorted;		/* of sort: what must come out */
};

static int run_ltz(struct mpc *m, struct state *s)
{
	return mpc_ltz(m, &s->c, &s->x);
}

static int run_eq(struct mpc *m, struct state *s)
{
	return mpc_eq(m, &s->c, &s->x, &s->y);
}

static int run_mul(struct mpc *m, struct state *s)
{
	return mpc_mul(m, &s->z, &s->x, &s->y);
}

static int run_and(struct mpc *m, struct state *s)
{
	return mpc_and(m, &s->c, &s->a, &s->b);
}

static int run_mux(struct mpc *m, struct state *s)
{
	return mpc_mux(m, &s->z, &s->a, &s->x);
}

static int run_trunc(struct mpc *m, struct state *s)
{
	s->x.scale = (uint8_t)s->conf->drop;
	return mpc_trunc(m, &s->z, &s->x);
}

static int run_trunc_exact(struct mpc *m, struct state *s)
{
	s->x.scale = (uint8_t)s->conf->drop;
	return mpc_trunc_exact(m, &s->z, &s->x);
}

/* An order without pattern: the factor is prime. */
static uint32_t scattered(uint64_t n, uint64_t i)
{
	return (uint32_t)((i * UINT64_C(2654435761) + 12345) % n);
}

static int run_permute(struct mpc *m, struct state *s)
{
	struct avec *column[1] = { &s->z };
	uint32_t *perm = malloc((s->conf->n + 1) * sizeof(*perm));
	int rc = ERR_NOMEM;

	if (!perm)
		return rc;
	for (uint64_t i = 0; i < s->conf->n; i++)
		perm[i] = scattered(s->conf->n, i);
	avec_copy(&s->z, &s->x);
	rc = mpc_permute(m, 0, column, 1, perm);
	free(perm);
	return rc;
}

static int run_sort(struct mpc *m, struct state *s)
{
	struct avec *column[1] = { &s->z };
	struct sort_key key = { &s->z, 0 };

	avec_copy(&s->z, &s->x);
	return mpc_sort(m, column, 1, &key, 1);
}

/* --- fixed point, selection, tables ---------------------------------------------- */

static int run_fixed(struct mpc *m, struct state *s, int (*f)(struct mpc *, struct avec *, const struct avec *))
{
	s->x.scale = s->z.scale = FIXED_SCALE;
	return f(m, &s->z, &s->x);
}

static int run_recip(struct mpc *m, struct state *s)
{
	return run_fixed(m, s, mpc_recip);
}

static int run_sqrt(struct mpc *m, struct state *s)
{
	return run_fixed(m, s, mpc_sqrt);
}

static int run_log(struct mpc *m, struct state *s)
{
	return run_fixed(m, s, mpc_log);
}

static int run_exp(struct mpc *m, struct state *s)
{
	return run_fixed(m, s, mpc_exp);
}

static int run_sigmoid(struct mpc *m, struct state *s)
{
	return run_fixed(m, s, mpc_sigmoid);
}

static int run_div(struct mpc *m, struct state *s)
{
	s->x.scale = s->y.scale = s->z.scale = FIXED_SCALE;
	return mpc_div(m, &s->z, &s->x, &s->y);
}

static int run_argmax(struct mpc *m, struct state *s)
{
	struct select out = { .onehot = &s->c };

	return mpc_argmax(m, &out, &s->x, s->x.n < GROUP ? 1 : GROUP);
}

/* All bits; the highest one is kept. */
static int run_a2b(struct mpc *m, struct state *s)
{
	struct bvec bits[64] = { { 0 } };
	int rc;

	TRY(adder_bits_new(bits, s->x.bits, s->x.n));
	TRY(mpc_a2b(m, bits, &s->x, s->x.bits));
	bvec_copy(&s->c, &bits[s->x.bits - 1]);
out:
	adder_bits_free(bits, s->x.bits);
	return rc;
}

/* 32 entries of 64 bits at the lowest 5 bits of x. */
static uint64_t table_at(uint64_t k)
{
	return (k + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static int run_lut(struct mpc *m, struct state *s)
{
	struct avec index = { 0 };
	uint64_t table[32];
	int rc;

	for (uint64_t k = 0; k < 32; k++)
		table[k] = table_at(k);
	TRY(avec_new(&index, s->x.n, 5, 0));
	TRY(avec_reduce(&index, &s->x));
	TRY(mpc_lut(m, &s->z, 1, &index, table));
out:
	avec_free(&index);
	return rc;
}

static int64_t as_signed(uint64_t v, unsigned bits)
{
	return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

static int good_ltz(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)y;
	return (int)out == (as_signed(x, s->conf->bits) < 0);
}

static int good_eq(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)s;
	return (int)out == (x == y);
}

static int good_mul(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	return out == ((x * y) & bits_mask(s->conf->bits));
}

static int good_and(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)s;
	return out == (x & y & 1);
}

static int good_permute(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)s;
	(void)y;
	return out == x;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int sort_plain(struct state *s)
{
	const struct config *c = s->conf;

	s->sorted = malloc((c->n + 1) * sizeof(*s->sorted));
	if (!s->sorted)
		return ERR_NOMEM;
	for (size_t i = 0; i < c->n; i++)
		s->sorted[i] = (uint64_t)as_signed((s->plain[i] + s->plain[2 * c->n + i]) & bits_mask(c->bits), c->bits);
	qsort(s->sorted, c->n, sizeof(*s->sorted), by_value);
	return 0;
}

static int good_sort(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)x;
	(void)y;
	return out == (s->sorted[s->at] & bits_mask(s->conf->bits));
}

/* The bit is the lowest one of y. */
static int good_mux(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)s;
	return out == (y & 1 ? x : 0);
}

static int good_trunc(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	int64_t want = as_signed(x, s->conf->bits) >> s->conf->drop, got = as_signed(out, s->conf->bits);

	(void)y;
	return got == want || got == want - 1;
}

static int good_trunc_exact(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)y;
	return as_signed(out, s->conf->bits) == as_signed(x, s->conf->bits) >> s->conf->drop;
}

static double real(const struct state *s, uint64_t v)
{
	return ldexp((double)as_signed(v, s->conf->bits), -FIXED_SCALE);
}

/* Within 2 ulp and a part of 2^17. */
static int close_to(const struct state *s, uint64_t out, double want)
{
	return fabs(real(s, out) - want) <= ldexp(2, -FIXED_SCALE) + ldexp(fabs(want), -17);
}

static int good_recip(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)y;
	return close_to(s, out, 1 / real(s, x));
}

static int good_sqrt(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)y;
	return close_to(s, out, sqrt(real(s, x)));
}

static int good_log(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)y;
	return close_to(s, out, log(real(s, x)));
}

static int good_exp(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)y;
	return close_to(s, out, exp(real(s, x)));
}

static int good_sigmoid(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)y;
	return close_to(s, out, 1 / (1 + exp(-real(s, x))));
}

static int good_div(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	return close_to(s, out, real(s, x) / real(s, y));
}

/* The bit says whether x is the first of the largest in its group. */
static int good_argmax(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	size_t group = s->conf->n < GROUP ? 1 : GROUP, begin = s->at / group * group;
	uint64_t best = 1;

	(void)y;
	for (size_t i = begin; i < begin + group; i++) {
		int64_t v = as_signed(s->plain[i] + s->plain[2 * s->conf->n + i], s->conf->bits), own = as_signed(x, s->conf->bits);

		best &= i < s->at ? v < own : v <= own;
	}
	return out == best;
}

static int good_lut(const struct state *s, uint64_t x, uint64_t y, uint64_t out)
{
	(void)y;
	return out == (table_at(x & 31) & bits_mask(s->conf->bits));
}

static const struct op ops[] = {
	{ .name = "ltz", .run = run_ltz, .good = good_ltz, .bits_out = 1 },
	{ .name = "eq", .run = run_eq, .good = good_eq, .bits_out = 1 },
	{ .name = "mul", .run = run_mul, .good = good_mul },
	{ .name = "and", .run = run_and, .good = good_and, .bits_out = 1 },
	{ .name = "mux", .run = run_mux, .good = good_mux },
	{ .name = "trunc", .run = run_trunc, .good = good_trunc },
	{ .name = "trunc-exact", .run = run_trunc_exact, .good = good_trunc_exact },
	{ .name = "permute", .run = run_permute, .good = good_permute, .row = scattered },
	{ .name = "sort", .run = run_sort, .good = good_sort },
	{ .name = "recip", .run = run_recip, .good = good_recip, .fixed = POSITIVE },
	{ .name = "div", .run = run_div, .good = good_div, .fixed = POSITIVE },
	{ .name = "sqrt", .run = run_sqrt, .good = good_sqrt, .fixed = POSITIVE },
	{ .name = "log", .run = run_log, .good = good_log, .fixed = POSITIVE },
	{ .name = "exp", .run = run_exp, .good = good_exp, .fixed = SMALL },
	{ .name = "sigmoid", .run = run_sigmoid, .good = good_sigmoid, .fixed = SMALL },
	{ .name = "argmax", .run = run_argmax, .good = good_argmax, .bits_out = 1 },
	{ .name = "a2b", .run = run_a2b, .good = good_ltz, .bits_out = 1 },
	{ .name = "lut", .run = run_lut, .good = good_lut },
};

/* The other party's word, so that the sum suits. */
static uint64_t suit(const struct config *c, uint64_t a, uint64_t sum, uint64_t least)
{
	if (c->op->fixed == POSITIVE)
		sum = (sum & bits_mask(c->bits - 2)) | least;
	else if (c->op->fixed == SMALL)
		sum = (uint64_t)(as_signed(sum, c->bits) >> (c->bits - FIXED_SCALE - 4));
	return (sum - a) & bits_mask(c->bits);
}

/* Random words that both parties know: this party's share is what one generator gives, the other's what the other gives. */
static void fill(struct state *s, int party)
{
	const struct config *c = s->conf;
	uint64_t *mine = s->plain + (party ? 2 * c->n : 0);
	struct prg g[2];

	for (int p = 0; p < 2; p++) {
		uint64_t *w = s->plain + (p ? 2 * c->n : 0);

		prg_init(&g[p], block_set((uint64_t)p + 1, 0));
		prg_fill(&g[p], w, 2 * c->n * sizeof(*w));
		for (size_t i = 0; i < 2 * c->n; i++)
			w[i] &= bits_mask(c->bits);
	}
	/* Values that truncation takes: a quarter of the ring. Every fourth pair is equal. */
	for (size_t i = 0; i < c->n; i++) {
		uint64_t *a = s->plain, *b = s->plain + 2 * c->n, sum = a[i] + b[i];

		if (c->drop)
			b[i] = ((uint64_t)(as_signed(sum, c->bits) >> 2) - a[i]) & bits_mask(c->bits);
		if (c->op->fixed || c->op->run == run_argmax || c->op->run == run_sort) {
			/* Where differences count, half of the ring; divisors are 16 at least. */
			b[i] = c->op->fixed ? suit(c, a[i], sum, 3) : ((uint64_t)(as_signed(sum, c->bits) >> 1) - a[i]) & bits_mask(c->bits);
			b[c->n + i] = suit(c, a[c->n + i], a[c->n + i] + b[c->n + i], UINT64_C(16) << FIXED_SCALE);
			continue;
		}
		if (i % 4 == 0)
			b[c->n + i] = (a[i] + b[i] - a[c->n + i]) & bits_mask(c->bits);
	}
	memcpy(s->x.v, mine, c->n * sizeof(*mine));
	memcpy(s->y.v, mine + c->n, c->n * sizeof(*mine));
	for (size_t i = 0; i < c->n; i++) {
		s->a.w[i / 64] |= (mine[(c->op->run == run_mux ? c->n : 0) + i] & 1) << (i % 64);
		s->b.w[i / 64] |= (mine[c->n + i] & 1) << (i % 64);
	}
}

static int prepare(struct bench_side *side, struct errmsg *em)
{
	const struct config *c = side->arg;
	struct state *s = calloc(1, sizeof(*s));
	int rc = ERR_NOMEM;

	(void)em;
	if (!s)
		return rc;
	side->state = s;
	s->conf = c;
	s->plain = calloc(4 * c->n + 1, sizeof(*s->plain));
	if (!s->plain)
		goto out;
	TRY(avec_new(&s->x, c->n, c->bits, 0));
	TRY(avec_new(&s->y, c->n, c->bits, 0));
	TRY(avec_new(&s->z, c->n, c->bits, 0));
	TRY(bvec_new(&s->a, c->n));
	TRY(bvec_new(&s->b, c->n));
	TRY(bvec_new(&s->c, c->n));
	fill(s, !side->first);
out:
	return rc;
}

static int run(struct bench_side *side, struct errmsg *em)
{
	struct state *s = side->state;
	struct mpc_conf conf = {
		.chan = side->chan, .party = !side->first, .kind = s->conf->kind, .threads = side->threads,
		.chunk = s->conf->chunk,
	};
	int rc;

	TRY(mpc_new(&s->m, &conf, em));
	TRY(s->conf->op->run(s->m, s));
out:
	return rc;
}

static int check(struct bench_side *side, struct errmsg *em)
{
	struct state *s = side->state;
	const struct config *c = s->conf;
	const uint64_t *a = s->plain, *b = s->plain + 2 * c->n;
	uint64_t bad = 0;
	int rc;

	if (c->op->bits_out)
		TRY(mpc_reveal_bits(s->m, MPC_BOTH, &s->c, &s->c));
	else
		TRY(mpc_reveal(s->m, MPC_BOTH, &s->z, &s->z));
	if (c->op->run == run_sort)
		TRY(sort_plain(s));
	for (size_t i = 0; i < c->n; i++) {
		uint64_t j = c->op->row ? c->op->row(c->n, i) : i, x = a[j] + b[j], y = a[c->n + j] + b[c->n + j];

		s->at = i;
		/* Bits are shared by XOR, whose lowest bit the sum has too. */
		bad += !c->op->good(s, x & bits_mask(c->bits), y & bits_mask(c->bits),
				    c->op->bits_out ? bits_get(s->c.w, i) : s->z.v[i]);
	}
	rc = bad ? errmsg_set(em, ERR_INTERNAL, "INTERNAL", "%llu of %llu results are wrong",
			      (unsigned long long)bad, (unsigned long long)c->n) : 0;
out:
	return rc;
}

static void fini(struct bench_side *side)
{
	struct state *s = side->state;

	if (!s)
		return;
	mpc_free(s->m);
	avec_free(&s->x);
	avec_free(&s->y);
	avec_free(&s->z);
	bvec_free(&s->a);
	bvec_free(&s->b);
	bvec_free(&s->c);
	free(s->plain);
	free(s->sorted);
	free(s);
}

static int parse_kind(const char *name, enum ot_kind *out, struct errmsg *em)
{
	static const enum ot_kind kinds[] = { OT_AUTO, OT_SOFTSPOKEN2, OT_SOFTSPOKEN4, OT_SOFTSPOKEN8, OT_FERRET };

	for (size_t i = 0; i < PET_ARRAY_SIZE(kinds); i++) {
		if (strcmp(name, ot_kind_name(kinds[i])) == 0) {
			*out = kinds[i];
			return 0;
		}
	}
	return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--kind %s: expected auto, softspoken2, softspoken4, softspoken8 or ferret", name);
}

/* argv[0] is the verb: the operation's name. */
int bench_engine(int argc, char **argv, json_t *out, struct errmsg *em)
{
	struct config c = { 0 };
	struct bench_two t = { .arg = &c, .prepare = prepare, .run = run, .check = check, .fini = fini };
	uint64_t bits, chunk;
	double bytes;
	int rc;

	for (size_t i = 0; i < PET_ARRAY_SIZE(ops); i++)
		c.op = strcmp(argv[0], ops[i].name) == 0 ? &ops[i] : c.op;
	TRY(bench_opt_u64(argc, argv, "n", 1 << 18, &c.n, em));
	TRY(bench_opt_u64(argc, argv, "bits", c.op->fixed ? 32 : 64, &bits, em));
	TRY(bench_opt_u64(argc, argv, "chunk", 0, &chunk, em));
	TRY(parse_kind(bench_opt(argc, argv, "kind", "softspoken4"), &c.kind, em));
	if (c.op->run == run_sort && bits < 2)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--bits is from 2 to 64 for sort");
	if (bits < 1 || bits > 64 || c.n > UINT32_MAX)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--bits is from 1 to 64, --n at most %u", UINT32_MAX);
	if (c.op->fixed && (bits < 24 || bits > 42 || (c.op->run == run_div && bits > 32)))
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--bits is from 24 to 42 for this operation, to 32 for div");
	if (c.op->run == run_argmax && c.n > GROUP)
		c.n = c.n / GROUP * GROUP;
	c.bits = (unsigned)bits;
	c.chunk = chunk;
	c.drop = strncmp(argv[0], "trunc", 5) == 0 ? (bits >= 18 ? 16 : (unsigned)bits / 2) : 0;
	t.name = c.op->name;
	t.n = c.n;
	TRY(bench_two(&t, argc, argv, out, em));
	bytes = (double)(t.report[0].sent + t.report[0].received);
	json_object_set_new(out, "bits", json_integer((json_int_t)bits));
	json_object_set_new(out, "kind", json_string(ot_kind_name(c.kind)));
	json_object_set_new(out, "bytes_per_element", json_real(c.n ? bytes / (double)c.n : 0));
out:
	return rc;
}
