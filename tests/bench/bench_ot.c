/*
 * pet-bench cot, rot: n correlated or random OTs from a (sender) to b, set-up
 * and base OTs included. Outputs are consumed 2^16 at a time, as operators do; a sample of
 * every piece is kept and compared with the peer's afterwards, outside the
 * timed part.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_two.h"
#include "mpc/ot_derive.h"

#define PIECE ((size_t)1 << 16)
#define EVERY 4093		/* a prime: the sample meets every place in a chunk */

enum { SETUP_SECONDS, KIND };		/* of struct bench_report's value[] */

struct job {
	uint64_t n;
	enum ot_kind kind;
	int random;
};

/* A pair per correlation: q and q ^ Delta, or both keys; at the receiver, what it has and its choice bit. */
struct sample {
	struct ot *ot;
	struct block *piece, *second;
	uint8_t *choice;
	struct block (*kept)[2];
	size_t count;
};

static int prepare(struct bench_side *s, struct errmsg *em)
{
	const struct job *j = s->arg;
	struct sample *p = calloc(1, sizeof(*p));
	int rc;

	s->state = p;
	if (!p)
		return ERR_NOMEM;
	p->piece = malloc(PIECE * sizeof(*p->piece));
	p->second = malloc(PIECE * sizeof(*p->second));
	p->choice = malloc(PIECE / 8);
	p->kept = calloc(j->n / EVERY + 1, sizeof(*p->kept));
	if (!p->piece || !p->second || !p->choice || !p->kept)
		return ERR_NOMEM;
	/* Pages are touched before the clock runs; the objects are made within it. */
	memset(p->piece, 1, PIECE * sizeof(*p->piece));
	memset(p->second, 1, PIECE * sizeof(*p->second));
	rc = ot_new(&p->ot, s->chan, s->first ? OT_SENDER : OT_RECEIVER, j->kind);
	if (rc)
		return errmsg_set(em, rc, "BAD_OPTION", "this build has no OT of kind %s", ot_kind_name(j->kind));
	ot_threads(p->ot, s->threads);
	ot_expect(p->ot, j->n);
	return 0;
}

static int make(struct bench_side *s, size_t n)
{
	const struct job *j = s->arg;
	struct sample *p = s->state;

	if (j->random)
		return s->first ? ot_rot_send(p->ot, p->piece, p->second, n) : ot_rot_recv(p->ot, p->piece, p->choice, n);
	return s->first ? ot_cot_send(p->ot, p->piece, n) : ot_cot_recv(p->ot, p->piece, n);
}

static void keep(struct bench_side *s, size_t i)
{
	const struct job *j = s->arg;
	struct sample *p = s->state;
	struct block *to = p->kept[p->count++];

	to[0] = p->piece[i];
	if (s->first)
		to[1] = j->random ? p->second[i] : block_xor(p->piece[i], ot_delta(p->ot));
	else
		to[1] = block_set(j->random ? ot_bit(p->choice, i) : block_lsb(p->piece[i]), 0);
}

static int run(struct bench_side *s, struct errmsg *em)
{
	const struct job *j = s->arg;
	struct sample *p = s->state;
	double start = bench_wall();
	int rc;

	TRY(ot_setup(p->ot));
	s->value[SETUP_SECONDS] = bench_wall() - start;
	s->value[KIND] = ot_kind(p->ot);
	for (uint64_t at = 0; at < j->n; at += PIECE) {
		size_t n = j->n - at < PIECE ? (size_t)(j->n - at) : PIECE;

		TRY(make(s, n));
		for (uint64_t i = (at + EVERY - 1) / EVERY * EVERY; i < at + n; i += EVERY)
			keep(s, (size_t)(i - at));
	}
	rc = 0;
out:
	return rc ? errmsg_set(em, rc, "BENCH", "%s", ot_error(p->ot)) : 0;
}

static int check_pairs(const struct sample *p, const struct block (*m)[2], struct errmsg *em)
{
	size_t ones = 0;

	for (size_t i = 0; i < p->count; i++) {
		unsigned b = block_lsb(m[i][1]);

		ones += b;
		if (!block_equal(p->kept[i][b], m[i][0]))
			return errmsg_set(em, ERR_INTERNAL, "INTERNAL", "transfer %zu does not hold", i * EVERY);
	}
	if (p->count > 64 && (ones < p->count / 4 || ones > p->count / 4 * 3))
		return errmsg_set(em, ERR_INTERNAL, "INTERNAL", "%zu of %zu choice bits are one", ones, p->count);
	return 0;
}

static int check(struct bench_side *s, struct errmsg *em)
{
	struct sample *p = s->state;
	size_t bytes = p->count * sizeof(*p->kept);
	struct block (*m)[2];
	int rc;

	if (!s->first) {
		rc = chan_send(s->chan, p->kept, bytes);
		return rc ? rc : chan_flush(s->chan);
	}
	m = malloc(bytes + 1);
	if (!m)
		return ERR_NOMEM;
	rc = chan_recv(s->chan, m, bytes);
	if (!rc)
		rc = check_pairs(p, (const struct block (*)[2])m, em);
	free(m);
	return rc;
}

static void fini(struct bench_side *s)
{
	struct sample *p = s->state;

	if (!p)
		return;
	ot_free(p->ot);
	free(p->piece);
	free(p->second);
	free(p->choice);
	free(p->kept);
	free(p);
}

static int parse_kind(const char *name, enum ot_kind *out, struct errmsg *em)
{
	for (int k = OT_AUTO; k <= OT_FERRET; k++) {
		*out = (enum ot_kind)k;
		if (strcmp(name, ot_kind_name(*out)) == 0)
			return 0;
	}
	return errmsg_set(em, ERR_INPUT, "BAD_OPTION",
			  "--kind %s: expected softspoken2, softspoken4, softspoken8, ferret or auto", name);
}

static int bench_ot(int random, int argc, char **argv, json_t *out, struct errmsg *em)
{
	struct job j = { .random = random };
	struct bench_two t = {
		.name = random ? "rot" : "cot", .arg = &j, .prepare = prepare, .run = run, .check = check, .fini = fini,
	};
	int rc;

	TRY(bench_opt_u64(argc, argv, "n", 1 << 23, &j.n, em));
	TRY(parse_kind(bench_opt(argc, argv, "kind", "softspoken4"), &j.kind, em));
	t.n = j.n;
	TRY(bench_two(&t, argc, argv, out, em));
	json_object_set_new(out, "kind", json_string(ot_kind_name((enum ot_kind)t.report[0].value[KIND])));
	json_object_set_new(out, "setup_seconds", json_real(t.report[0].value[SETUP_SECONDS]));
	rc = 0;
out:
	return rc;
}

int bench_cot(int argc, char **argv, json_t *out, struct errmsg *em)
{
	return bench_ot(0, argc, argv, out, em);
}

int bench_rot(int argc, char **argv, json_t *out, struct errmsg *em)
{
	return bench_ot(1, argc, argv, out, em);
}
