#include "mpc/bool.h"

#include <string.h>

#define BATCH 512		/* transfers hashed at once */

/* Shares of random bits with z = t & u and, where pairs are wanted, z2 = t & u2: `words` of 64 each. */
struct triple {
	uint64_t *t, *u, *z, *u2, *z2;
};

static int triple_take(struct arena *a, struct triple *t, size_t words)
{
	t->t = arena_take(a, words, sizeof(*t->t));
	t->u = arena_take(a, words, sizeof(*t->u));
	t->z = arena_take(a, words, sizeof(*t->z));
	t->u2 = arena_take(a, words, sizeof(*t->u2));
	t->z2 = arena_take(a, words, sizeof(*t->z2));
	return t->t && t->u && t->z && t->u2 && t->z2 ? 0 : ERR_NOMEM;
}

/* Bit `bit` of 64 blocks. */
static uint64_t gather(const struct block *b, unsigned bit)
{
	uint64_t w = 0;

	for (unsigned i = 0; i < 64; i++)
		w |= (b[i].w[0] >> bit & 1) << i;
	return w;
}

/* As receiver: the random choice is t, and what came is this party's part of t·u(peer). */
static int triples_recv(struct mpc *m, const struct triple *x, size_t words, uint64_t index)
{
	struct block r[BATCH], h[BATCH];
	int rc = 0;

	for (size_t at = 0; at < words; at += BATCH / 64) {
		size_t k = words - at < BATCH / 64 ? words - at : BATCH / 64;

		TRY(mpc_cot_recv(m, r, 64 * k));
		hash_blocks(mpc_hash(m), index + 64 * at, r, h, 64 * k);
		for (size_t i = 0; i < k; i++) {
			x->t[at + i] = gather(r + 64 * i, 0);
			x->z[at + i] = gather(h + 64 * i, 0);
			x->z2[at + i] = gather(h + 64 * i, 1);
		}
	}
out:
	explicit_bzero(r, sizeof(r));
	explicit_bzero(h, sizeof(h));
	return rc;
}

/* As sender: the two strings differ by u, and the first is this party's part of t(peer)·u. */
static int triples_send(struct mpc *m, const struct triple *x, size_t words, uint64_t index)
{
	struct block q[BATCH], h0[BATCH], h1[BATCH];
	int rc = 0;

	for (size_t at = 0; at < words; at += BATCH / 64) {
		size_t k = words - at < BATCH / 64 ? words - at : BATCH / 64;

		TRY(mpc_cot_send(m, q, 64 * k));
		hash_pairs(mpc_hash(m), index + 64 * at, q, mpc_delta(m), h0, h1, 64 * k);
		for (size_t i = 0; i < k; i++) {
			uint64_t a = gather(h0 + 64 * i, 0), a2 = gather(h0 + 64 * i, 1);

			x->u[at + i] = a ^ gather(h1 + 64 * i, 0);
			x->u2[at + i] = a2 ^ gather(h1 + 64 * i, 1);
			x->z[at + i] ^= a ^ (x->t[at + i] & x->u[at + i]);
			x->z2[at + i] ^= a2 ^ (x->t[at + i] & x->u2[at + i]);
		}
	}
out:
	explicit_bzero(q, sizeof(q));
	explicit_bzero(h0, sizeof(h0));
	explicit_bzero(h1, sizeof(h1));
	return rc;
}

static int triples(struct mpc *m, const struct triple *x, size_t words)
{
	int me = mpc_party(m), rc;
	uint64_t out = mpc_index(m, me, 64 * words), in = mpc_index(m, 1 - me, 64 * words);

	TRY(mpc_reserve(m, 64 * words, 64 * words));
	TRY(triples_recv(m, x, words, in));
	TRY(triples_send(m, x, words, out));
out:
	return rc;
}

/* Flat copies of the operands of one step. */
struct step {
	uint64_t *a, *b, *c;		/* masked in place: what is opened */
	uint64_t *theirs;
	size_t words;			/* all jobs together */
	size_t pairs;			/* words of jobs with c, which come first in c */
};

/*
 * Both send a^t, b^u and, for pairs, c^u2; with d and e the opened sums,
 * ab = z ^ d·u ^ e·t ^ (party 0) d·e.
 */
static int open_masked(struct mpc *m, struct step *s, const struct triple *x, const size_t *pair_of)
{
	size_t n = s->words, total = 2 * n + s->pairs;
	uint64_t *mine = s->a;
	int rc;

	for (size_t i = 0; i < n; i++) {
		s->a[i] ^= x->t[i];
		s->b[i] ^= x->u[i];
	}
	for (size_t i = 0; i < s->pairs; i++)
		s->c[i] ^= x->u2[pair_of[i]];
	TRY(mpc_send(m, mine, total * sizeof(*mine)));
	TRY(mpc_recv(m, s->theirs, total * sizeof(*mine)));
	for (size_t i = 0; i < total; i++)
		mine[i] ^= s->theirs[i];
out:
	return rc;
}

static uint64_t product(uint64_t d, uint64_t e, uint64_t t, uint64_t u, uint64_t z, uint64_t first)
{
	return z ^ (d & u) ^ (e & t) ^ (d & e & first);
}

/* jobs whose words add up to at most BOOL_STEP. */
static int and_step(struct mpc *m, const struct bool_and *job, size_t jobs, size_t words, size_t pairs)
{
	struct arena *a = mpc_arena(m);
	struct arena_mark mark = arena_mark(a);
	uint64_t first = mpc_party(m) == 0 ? ~(uint64_t)0 : 0;
	size_t *pair_of = arena_take(a, pairs, sizeof(*pair_of));
	struct step s = { .words = words, .pairs = pairs };
	struct triple x;
	int rc = ERR_NOMEM;

	s.a = arena_take(a, 3 * words, sizeof(*s.a));
	s.theirs = arena_take(a, 3 * words, sizeof(*s.theirs));
	if (!pair_of || !s.a || !s.theirs)
		goto out;
	s.b = s.a + words;
	s.c = s.b + words;
	TRY(triple_take(a, &x, words));
	TRY(triples(m, &x, words));
	for (size_t j = 0, at = 0, p = 0; j < jobs; at += job[j].words, j++) {
		memcpy(s.a + at, job[j].a, job[j].words * sizeof(*s.a));
		memcpy(s.b + at, job[j].b, job[j].words * sizeof(*s.b));
		for (size_t i = 0; job[j].c && i < job[j].words; i++, p++) {
			s.c[p] = job[j].c[i];
			pair_of[p] = at + i;
		}
	}
	TRY(open_masked(m, &s, &x, pair_of));
	for (size_t j = 0, at = 0, p = 0; j < jobs; j++) {
		for (size_t i = 0; i < job[j].words; i++, at++) {
			job[j].ab[i] = product(s.a[at], s.b[at], x.t[at], x.u[at], x.z[at], first);
			if (job[j].c) {
				job[j].ac[i] = product(s.a[at], s.c[p], x.t[at], x.u2[at], x.z2[at], first);
				p++;
			}
		}
	}
out:
	arena_release(a, mark);
	return rc;
}

static struct bool_and slice(const struct bool_and *j, size_t at, size_t words)
{
	return (struct bool_and){
		.a = j->a + at, .b = j->b + at, .c = j->c ? j->c + at : NULL,
		.ab = j->ab + at, .ac = j->c ? j->ac + at : NULL, .words = words,
	};
}

#define GROUP 64

int bool_and_many(struct mpc *m, const struct bool_and *job, size_t jobs)
{
	struct bool_and group[GROUP];
	size_t have = 0, words = 0, pairs = 0;
	int rc = 0;

	for (size_t j = 0; j < jobs; j++) {
		for (size_t at = 0, take; at < job[j].words; at += take) {
			take = job[j].words - at;
			if (take > BOOL_STEP - words)
				take = BOOL_STEP - words;
			group[have++] = slice(&job[j], at, take);
			words += take;
			pairs += job[j].c ? take : 0;
			if (words == BOOL_STEP || have == GROUP) {
				TRY(and_step(m, group, have, words, pairs));
				have = words = pairs = 0;
			}
		}
	}
	if (have)
		TRY(and_step(m, group, have, words, pairs));
out:
	return rc;
}

/* --- vectors --------------------------------------------------------------------- */

struct job {
	const struct bvec *a, *b, *c;
	struct bvec *ab, *ac;
};

static int and_lane(struct mpc *m, size_t begin, size_t end, void *arg)
{
	const struct job *j = arg;
	size_t at = begin / 64;
	struct bool_and one = {
		.a = j->a->w + at, .b = j->b->w + at, .c = j->c ? j->c->w + at : NULL,
		.ab = j->ab->w + at, .ac = j->c ? j->ac->w + at : NULL, .words = bits_words(end - begin),
	};
	int rc;

	TRY(mpc_op(m, MPC_OP_AND, end - begin, j->c != NULL));
	TRY(bool_and_many(m, &one, 1));
out:
	return rc;
}

int mpc_and(struct mpc *m, struct bvec *out, const struct bvec *a, const struct bvec *b)
{
	struct job j = { .a = a, .b = b, .ab = out };
	int rc;

	if (a->n != b->n || out->n != a->n)
		return ERR_INPUT;
	rc = mpc_split(m, a->n, 64, and_lane, &j);
	bvec_trim(out);
	return rc;
}

int mpc_and_pair(struct mpc *m, struct bvec *ab, struct bvec *ac, const struct bvec *a,
		 const struct bvec *b, const struct bvec *c)
{
	struct job j = { .a = a, .b = b, .c = c, .ab = ab, .ac = ac };
	int rc;

	if (a->n != b->n || a->n != c->n || ab->n != a->n || ac->n != a->n)
		return ERR_INPUT;
	rc = mpc_split(m, a->n, 64, and_lane, &j);
	bvec_trim(ab);
	bvec_trim(ac);
	return rc;
}

int mpc_or(struct mpc *m, struct bvec *out, const struct bvec *a, const struct bvec *b)
{
	struct bvec na = { 0 }, nb = { 0 };
	int rc;

	if (a->n != b->n || out->n != a->n)
		return ERR_INPUT;
	TRY(bvec_new(&na, a->n));
	TRY(bvec_new(&nb, a->n));
	bvec_not(&na, a, mpc_party(m));
	bvec_not(&nb, b, mpc_party(m));
	TRY(mpc_and(m, &na, &na, &nb));
	bvec_not(out, &na, mpc_party(m));
out:
	bvec_free(&na);
	bvec_free(&nb);
	return rc;
}
