/*
 * pet-bench ltz | eq | mul | and | mux | trunc | permute: one operation of the two-party
 * engine over n elements, both parties as processes, everything included: the
 * engine's start, base OTs, all correlated randomness. After the timed part the
 * result is opened and compared with plaintext.
 */
#include <string.h>

#include "base/util.h"
#include "bench.h"
#include "bench_two.h"
#include "mpc/bool.h"
#include "mpc/cmp.h"
#include "mpc/mul.h"
#include "mpc/mux.h"
#include "mpc/open.h"
#include "mpc/permute.h"
#include "mpc/prg.h"
#include "mpc/trunc.h"

struct state;

struct op {
	const char *name;
	int (*run)(struct mpc *m, struct state *s);
	/* 1 when out is right for plain x, y. */
	int (*good)(const struct state *s, uint64_t x, uint64_t y, uint64_t out);
	int bits_out;			/* the result is a bit vector */
	uint32_t (*row)(uint64_t n, uint64_t i);	/* which input element i is made of; NULL: i */
};

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
	uint64_t *plain;		/* own and the other's words, for the check */
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

static const struct op ops[] = {
	{ "ltz", run_ltz, good_ltz, 1, NULL }, { "eq", run_eq, good_eq, 1, NULL }, { "mul", run_mul, good_mul, 0, NULL },
	{ "and", run_and, good_and, 1, NULL }, { "mux", run_mux, good_mux, 0, NULL }, { "trunc", run_trunc, good_trunc, 0, NULL },
	{ "trunc-exact", run_trunc_exact, good_trunc_exact, 0, NULL }, { "permute", run_permute, good_permute, 0, scattered },
};

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
	for (size_t i = 0; i < c->n; i++) {
		uint64_t j = c->op->row ? c->op->row(c->n, i) : i, x = a[j] + b[j], y = a[c->n + j] + b[c->n + j];

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
	TRY(bench_opt_u64(argc, argv, "bits", 64, &bits, em));
	TRY(bench_opt_u64(argc, argv, "chunk", 0, &chunk, em));
	TRY(parse_kind(bench_opt(argc, argv, "kind", "softspoken4"), &c.kind, em));
	if (bits < 1 || bits > 64 || c.n > UINT32_MAX)
		return errmsg_set(em, ERR_INPUT, "BAD_OPTION", "--bits is from 1 to 64, --n at most %u", UINT32_MAX);
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
