/*
 * The rank attack on LPN over GF(2^128) with a binary matrix, mounted on c.
 *
 * With binary rows the 128 bit-planes of c = A s + e are instances with errors
 * at the same places. Solve k rows for s', take the residuals c - A s': every
 * row without an error has one in the F2-space spanned by the errors among
 * those k rows, here about 16 dimensions out of 128. A few rows span it, all
 * other rows in it are free of errors, and those outside are the errors. With
 * full-field coefficients the residuals fill all 128 dimensions.
 *
 * The same code must find the errors of a binary toy (else it would prove
 * nothing) and must find none in c as vole_iter makes it, for a toy tuple that no
 * caller of vole.h can reach.
 */
#include <pthread.h>

#include "base/util.h"
#include "mpc/aes.h"
#include "mpc/gf128.h"
#include "mpc/prg.h"
#include "mpc/vole_impl.h"
#include "mpc/vole_lpn.h"
#include "test.h"

#define K 256
#define DEPTH 4
#define TREES 128
#define N (TREES << DEPTH)
#define WEIGHT VOLE_LPN_WEIGHT

static const struct vole_tuple toy = { K, DEPTH, TREES, -1 };

struct matrix {
	uint32_t idx[N][WEIGHT];
	struct block coef[N][WEIGHT];
};

static struct matrix mat;
static struct block c[N], e[N], residual[N];

/* The matrix under a public seed, from its definition in vole_lpn.h; binary: the same places, all coefficients 1. */
static void make_matrix(struct block seed, int binary)
{
	static struct block s[736];
	struct aes_key key;

	aes_key_set(&key, seed);
	for (size_t r = 0; r < N; r++) {
		const uint32_t *places = (const uint32_t *)(const void *)s;

		if (r % 64 == 0)
			aes_ctr(&key, 0, r / 64 * 736, s, 736);
		for (size_t j = 0; j < WEIGHT; j++) {
			mat.idx[r][j] = places[r % 64 * WEIGHT + j] % K;
			mat.coef[r][j] = j == 0 || binary ? block_set(1, 0) : s[160 + 64 * (j - 1) + r % 64];
		}
	}
}

static struct block row_times(size_t r, const struct block *s)
{
	struct block sum = block_zero();

	for (size_t j = 0; j < WEIGHT; j++)
		sum = block_xor(sum, gf128_mul(mat.coef[r][j], s[mat.idx[r][j]]));
	return sum;
}

/*
 * Gaussian elimination: random rows until K are independent, or K - 1: binary
 * rows of weight 10 have an even number of ones, so that their sum is zero
 * and one unknown is free. s' solves them.
 */
static int solve(struct prg *rng, struct block s[K])
{
	static struct block m[K][K + 1], row[K + 1];
	static uint8_t have[K];
	size_t found = 0;

	memset(have, 0, sizeof(have));
	for (size_t tries = 0; tries < 6 * K && found < K; tries++) {
		uint32_t r;
		size_t p;

		prg_fill(rng, &r, sizeof(r));
		r %= N;
		memset(row, 0, sizeof(row));
		for (size_t j = 0; j < WEIGHT; j++)
			row[mat.idx[r][j]] = block_xor(row[mat.idx[r][j]], mat.coef[r][j]);
		row[K] = c[r];
		for (p = 0; p < K; p++) {
			if (block_equal(row[p], block_zero()))
				continue;
			if (!have[p])
				break;
			gf128_add_mul_by(row + p, m[p] + p, row[p], K + 1 - p);
		}
		if (p == K)
			continue;
		gf128_mul_by(m[p], row, gf128_inv(row[p]), K + 1);
		have[p] = 1;
		found++;
	}
	for (size_t p = K; p-- > 0;) {
		s[p] = have[p] ? m[p][K] : block_zero();
		for (size_t q = p + 1; have[p] && q < K; q++)
			s[p] = block_xor(s[p], gf128_mul(m[p][q], s[q]));
	}
	return found >= K - 1;
}

/* A space of F2^128: at most one basis vector per leading bit. */
struct space {
	struct block basis[128];
	unsigned rank;
};

/* What is left of x modulo the space; leading is its highest bit. */
static struct block reduce(const struct space *v, struct block x, int *leading)
{
	for (*leading = 127; *leading >= 0; --*leading)
		if (block_bit(x, (unsigned)*leading)) {
			if (block_equal(v->basis[*leading], block_zero()))
				break;
			x = block_xor(x, v->basis[*leading]);
		}
	return x;
}

/*
 * One try: the span of 24 random residuals. Returns how many rows lie in it when
 * that is nearly all (a span of one dimension less has half of them), and marks
 * the others; else 0.
 */
static size_t try_span(struct prg *rng, uint8_t *outside)
{
	struct space v = { 0 };
	size_t inside = 0;
	int top;

	for (int i = 0; i < 24; i++) {
		struct block x;
		uint32_t r;

		prg_fill(rng, &r, sizeof(r));
		x = reduce(&v, residual[r % N], &top);
		if (top >= 0) {
			v.basis[top] = x;
			v.rank++;
		}
	}
	for (size_t r = 0; r < N; r++) {
		(void)reduce(&v, residual[r], &top);
		outside[r] = top >= 0;
		inside += top < 0;
	}
	return inside > N / 8 * 7 ? inside : 0;
}

/* Returns how many rows it calls errors, 0 when it gives up; they are marked in `marked`. */
static size_t attack(struct prg *rng, uint8_t *marked)
{
	struct block s[K];

	for (int restart = 0; restart < 8; restart++) {
		if (!solve(rng, s))
			continue;
		for (size_t r = 0; r < N; r++)
			residual[r] = block_xor(c[r], row_times(r, s));
		for (int i = 0; i < 60; i++) {
			size_t inside = try_span(rng, marked);

			if (inside)
				return N - inside;
		}
	}
	return 0;
}

/* e with one uniform error in every block of 2^DEPTH. */
static void make_errors(struct prg *rng)
{
	memset(e, 0, sizeof(e));
	for (size_t t = 0; t < TREES; t++) {
		uint8_t at;

		prg_fill(rng, &at, 1);
		prg_fill(rng, &e[(t << DEPTH) + at % (1 << DEPTH)], sizeof(e[0]));
	}
}

TEST(a_binary_matrix_gives_its_errors_away)
{
	static struct block s[K];
	static uint8_t marked[N];
	size_t called, right = 0;
	struct prg rng;

	prg_init(&rng, block_set(2024, 1));
	make_matrix(block_set(1, 1), 1);
	make_errors(&rng);
	prg_fill(&rng, s, sizeof(s));
	for (size_t r = 0; r < N; r++)
		c[r] = block_xor(row_times(r, s), e[r]);
	called = attack(&rng, marked);
	for (size_t r = 0; r < N; r++)
		right += marked[r] && !block_equal(e[r], block_zero());
	/* It calls no row without an error one; it misses those it solved, about 16 of 128, and few others. */
	CHECK(called > TREES * 3 / 4);
	CHECK_INT(right, called);
}

/* One party of an iteration over the toy tuple, with dealt seed elements. */
struct side {
	struct chan *chan;
	struct vole *v;
	struct vole_iter it;
	struct vole_vec base, out;
	int rc;
};

static void *party(void *arg)
{
	struct side *s = arg;
	size_t n = (size_t)TREES * DEPTH;
	struct vole_vec cots;

	s->rc = vole_vec_new(&cots, n, 0);
	if (s->rc == 0)
		s->rc = s->v->sender ? ot_cot_send(s->v->ot, cots.x, n) : ot_cot_recv(s->v->ot, cots.x, n);
	s->it.cots = cots.x;
	if (s->rc == 0)
		s->rc = s->v->sender ? vole_iter_send(s->v, &s->it) : vole_iter_recv(s->v, &s->it);
	vole_vec_free(&cots);
	return NULL;
}

static void both(struct side s[2])
{
	pthread_t t;

	CHECK_INT(pthread_create(&t, NULL, party, &s[0]), 0);
	party(&s[1]);
	pthread_join(t, NULL);
	CHECK_INT(s[0].rc, 0);
	CHECK_INT(s[1].rc, 0);
}

/* s[0] is the sender. Seed elements of a dealer: b = a + c Delta once Delta is known. */
static void open_sides(struct side s[2])
{
	struct prg rng;

	prg_init(&rng, block_set(77, 7));
	CHECK_INT(chan_mem_pair(&s[0].chan, &s[1].chan), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(vole_new(&s[i].v, s[i].chan, !i, 1, 0), 0);
		CHECK_INT(vole_vec_new(&s[i].base, K + TREES, 1), 0);
		CHECK_INT(vole_vec_new(&s[i].out, N, 1), 0);
		s[i].it = (struct vole_iter){ .tuple = &toy, .trees = TREES, .base = &s[i].base, .tail = s[i].out };
	}
	prg_blocks(&rng, s[1].base.x, K + TREES);
	prg_blocks(&rng, s[1].base.c, K + TREES);
}

static void close_sides(struct side s[2])
{
	for (int i = 0; i < 2; i++) {
		vole_free(s[i].v);
		vole_vec_free(&s[i].base);
		vole_vec_free(&s[i].out);
		chan_free(s[i].chan);
	}
}

TEST(full_field_coefficients_do_not)
{
	static uint8_t marked[N];
	struct side s[2] = { 0 };
	size_t errors = 0;
	struct prg rng;

	open_sides(s);
	both(s);
	CHECK(memcmp(&s[0].it.matrix, &s[1].it.matrix, sizeof(struct block)) == 0);
	make_matrix(s[1].it.matrix, 0);
	/* c is A s + e with one error in every tree, which shows that this is the matrix that was used */
	for (size_t r = 0; r < N; r++) {
		e[r] = block_xor(s[1].out.c[r], row_times(r, s[1].base.c));
		errors += !block_equal(e[r], block_zero());
	}
	CHECK_INT(errors, TREES);
	memcpy(c, s[1].out.c, sizeof(c));
	prg_init(&rng, block_set(2024, 2));
	CHECK_INT(attack(&rng, marked), 0);
	close_sides(s);
}

TEST_MAIN(CASE(a_binary_matrix_gives_its_errors_away), CASE(full_field_coefficients_do_not))
