#include "mpc/ot_softspoken.h"

#include <stdlib.h>

#include "base/util.h"
#include "mpc/cpu.h"
#include "mpc/cpu_test.h"
#include "mpc/ot_backend.h"
#include "mpc/ot_seed.h"
#include "mpc/ot_softspoken_tree.h"
#include "mpc/transpose.h"

CPU_KERNELS(softspoken_ops, softspoken_ops);

#define BLOCKS_MAX 64			/* B at k = 8 */
#define CHUNK_SPAN ((uint64_t)1 << 32)	/* keys of chunks: past those of the trees, in the same hash domain */
#define AT_ONCE 16			/* chunks per step: 256 KB of messages */

struct softspoken {
	struct ot_conf conf;
	unsigned k, trees;		/* v */
	size_t leaves, blocks, stride;	/* q, B; from plane to plane, odd in cache lines */
	struct hash hash;
	struct block delta, session;
	union {
		struct ot_base_send send;	/* at the receiver of COTs */
		struct block recv[OT_BASE];	/* at the sender */
	} base;
	uint64_t next;			/* number of the next chunk */
	struct block *leaf;		/* leaves of all trees */
	struct block *forward;		/* k + 1 per tree */
	struct block mask[OT_BASE];	/* of the bits of Delta */
	struct block *planes;		/* 128 per thread */
	struct block *msg;		/* v - 1 times B per thread */
};

static size_t msg_blocks(const struct softspoken *s)
{
	return (s->trees - 1) * s->blocks;
}

static size_t planes_blocks(const struct softspoken *s)
{
	return OT_BASE * s->stride;
}

static void wipe(struct block *p, size_t n)
{
	if (p)
		explicit_bzero(p, n * sizeof(*p));
	free(p);
}

static void softspoken_free(void *impl)
{
	struct softspoken *s = impl;
	size_t threads;

	if (!s)
		return;
	threads = (size_t)s->conf.threads;
	wipe(s->leaf, s->trees * s->leaves);
	wipe(s->forward, s->trees * (s->k + 1));
	wipe(s->planes, threads * planes_blocks(s));
	wipe(s->msg, threads * msg_blocks(s));
	explicit_bzero(s, sizeof(*s));
	free(s);
}

static struct block *blocks_new(size_t n)
{
	void *p;

	return posix_memalign(&p, 64, n * sizeof(struct block)) == 0 ? p : NULL;
}

static int softspoken_open(void **impl, const struct ot_conf *conf, unsigned k)
{
	struct softspoken *s = calloc(1, sizeof(*s));
	size_t threads = (size_t)conf->threads;

	*impl = s;
	if (!s)
		return ERR_NOMEM;
	s->conf = *conf;
	s->k = k;
	s->trees = OT_BASE / k;
	s->leaves = (size_t)1 << k;
	s->blocks = SOFTSPOKEN_UNKNOWN / s->trees;
	s->stride = s->blocks + 4;
	s->leaf = blocks_new(s->trees * s->leaves);
	s->forward = blocks_new(s->trees * (k + 1));
	s->planes = blocks_new(threads * planes_blocks(s));
	s->msg = blocks_new(threads * msg_blocks(s));
	return s->leaf && s->forward && s->planes && s->msg ? 0 : ERR_NOMEM;
}

static int softspoken2_open(void **impl, const struct ot_conf *conf)
{
	return softspoken_open(impl, conf, 2);
}

static int softspoken4_open(void **impl, const struct ot_conf *conf)
{
	return softspoken_open(impl, conf, 4);
}

static int softspoken8_open(void **impl, const struct ot_conf *conf)
{
	return softspoken_open(impl, conf, 8);
}

/* --- set-up ------------------------------------------------------------- */

/* The sums that MMO's feed-forward comes to, tree by tree. */
static void sum_leaves(struct softspoken *s)
{
	for (unsigned i = 0; i < s->trees; i++) {
		const struct block *leaf = s->leaf + i * s->leaves;
		struct block *f = s->forward + i * (s->k + 1);

		memset(f, 0, (s->k + 1) * sizeof(*f));
		for (size_t x = 0; x < s->leaves; x++) {
			for (unsigned t = 0; t < s->k; t++)
				f[t] = block_xor(f[t], block_and(block_mask(x >> t), leaf[x]));
			f[s->k] = block_xor(f[s->k], leaf[x]);
		}
	}
}

static size_t corr_size(const struct softspoken *s)
{
	return (size_t)s->trees * (s->k - 1) * sizeof(struct block[2]);
}

static int receiver_trees(struct softspoken *s)
{
	struct block keys[OT_BASE][2], corr[OT_BASE][2];
	struct ot_base_send *b = &s->base.send;
	int rc = s->conf.from ? ot_seed_send(s->conf.from, keys, &s->session) :
		 ot_base_send_finish(b, s->conf.chan, s->conf.threads, keys, &s->session, s->conf.em);

	if (rc)
		goto out;
	hash_init(&s->hash, s->session, HASH_SOFTSPOKEN);
	for (unsigned i = 0; i < s->trees; i++) {
		struct softspoken_grow g = { &s->hash, i, s->k, s->leaf + i * s->leaves };

		softspoken_grow_all(&g, (const struct block (*)[2])keys + i * s->k, corr + i * (s->k - 1));
	}
	sum_leaves(s);
	rc = chan_send(s->conf.chan, corr, corr_size(s));
out:
	explicit_bzero(keys, sizeof(keys));
	return rc;
}

static unsigned alpha_of(const struct softspoken *s, unsigned tree)
{
	unsigned at = tree * s->k;

	return (unsigned)(s->delta.w[at / 64] >> at % 64) & ((1u << s->k) - 1);
}

/* Base OT i*k + l is of level l of tree i: the choice is the side that the path leaves, 1 ^ bit k-1-l of alpha_i. */
static int sender_base(struct softspoken *s)
{
	struct block choice = block_zero();
	int rc;

	util_random(&s->delta, sizeof(s->delta));
	s->delta.w[0] |= 1;
	for (unsigned n = 0; n < OT_BASE; n++) {
		unsigned at = n / s->k * s->k + s->k - 1 - n % s->k;

		choice.w[n / 64] |= (uint64_t)(1 ^ block_bit(s->delta, at)) << n % 64;
		s->mask[n] = block_mask(block_bit(s->delta, n));
	}
	rc = s->conf.from ? ot_seed_recv(s->conf.from, choice, s->base.recv, &s->session) :
	     ot_base_recv(s->conf.chan, s->conf.threads, choice, s->base.recv, &s->session, s->conf.em);
	explicit_bzero(&choice, sizeof(choice));
	return rc;
}

static int sender_trees(struct softspoken *s)
{
	struct block corr[OT_BASE][2];
	int rc = chan_recv(s->conf.chan, corr, corr_size(s));

	if (rc)
		return rc;
	hash_init(&s->hash, s->session, HASH_SOFTSPOKEN);
	for (unsigned i = 0; i < s->trees; i++) {
		struct softspoken_grow g = { &s->hash, i, s->k, s->leaf + i * s->leaves };

		softspoken_grow_but_one(&g, s->base.recv + i * s->k, (const struct block (*)[2])corr + i * (s->k - 1),
					alpha_of(s, i));
	}
	sum_leaves(s);
	explicit_bzero(&s->base, sizeof(s->base));
	return 0;
}

static int softspoken_setup(void *impl, unsigned phase)
{
	struct softspoken *s = impl;

	switch (phase) {
	case 0:
		return s->conf.from ? 0 : ot_base_send_start(&s->base.send, s->conf.chan);
	case 1:
		return sender_base(s);
	case 2:
		return receiver_trees(s);
	default:
		return sender_trees(s);
	}
}

static void softspoken_facts(const void *impl, struct ot_facts *out)
{
	const struct softspoken *s = impl;

	out->delta = s->delta;
	out->session = s->session;
	out->batch = 128 * s->blocks;
	out->at_once = AT_ONCE;
}

/* --- extension ---------------------------------------------------------- */

static struct softspoken_tree tree_of(const struct softspoken *s, unsigned i)
{
	return (struct softspoken_tree){ s->k, s->leaf + i * s->leaves, s->forward + i * (s->k + 1) };
}

/* Chunk j: message and correlations. planes is the thread's. */
static void recv_chunk(const struct softspoken *s, uint64_t j, struct block *planes, struct block *msg, struct block *m)
{
	const struct softspoken_ops *ops = CPU_PICK(softspoken_ops);
	struct block u0[BLOCKS_MAX];
	struct aes_key key;

	hash_key(&s->hash, CHUNK_SPAN + j, &key);
	for (unsigned i = 0; i < s->trees; i++) {
		struct softspoken_tree t = tree_of(s, i);
		struct softspoken_chunk c = { &key, s->blocks, planes + i * s->k * s->stride, s->stride };

		ops->recv(&t, &c, i ? u0 : NULL, i ? msg + (i - 1) * s->blocks : u0);
	}
	memcpy(planes, u0, s->blocks * sizeof(u0[0]));
	transpose_planes(m, planes, s->stride, 128 * s->blocks);
	explicit_bzero(u0, sizeof(u0));
}

static void send_chunk(const struct softspoken *s, uint64_t j, struct block *planes, const struct block *msg, struct block *q)
{
	const struct softspoken_ops *ops = CPU_PICK(softspoken_ops);
	struct aes_key key;

	hash_key(&s->hash, CHUNK_SPAN + j, &key);
	for (unsigned i = 0; i < s->trees; i++) {
		struct softspoken_tree t = tree_of(s, i);
		struct softspoken_chunk c = { &key, s->blocks, planes + i * s->k * s->stride, s->stride };

		ops->send(&t, &c, s->mask + i * s->k, i ? msg + (i - 1) * s->blocks : NULL);
	}
	memset(planes, 0, s->blocks * sizeof(*planes));
	transpose_planes(q, planes, s->stride, 128 * s->blocks);
}

/* `part` chunks from `first` on, a thread each; every thread has planes and a message of its own. */
static void chunks(const struct softspoken *s, uint64_t first, size_t part, struct block *out)
{
	size_t batch = 128 * s->blocks;

#pragma omp parallel for num_threads((int)part) schedule(static, 1) if (part > 1)
	for (size_t i = 0; i < part; i++) {
		struct block *planes = s->planes + i * planes_blocks(s), *msg = s->msg + i * msg_blocks(s);

		if (s->conf.role == OT_RECEIVER)
			recv_chunk(s, first + i, planes, msg, out + i * batch);
		else
			send_chunk(s, first + i, planes, msg, out + i * batch);
	}
}

static size_t part_of(const struct softspoken *s, size_t left)
{
	return left < (size_t)s->conf.threads ? left : (size_t)s->conf.threads;
}

static int softspoken_recv_start(void *impl, struct block *m, size_t count)
{
	struct softspoken *s = impl;

	for (size_t i = 0, part; i < count; i += part) {
		int rc;

		part = part_of(s, count - i);
		chunks(s, s->next, part, m + i * 128 * s->blocks);
		s->next += part;
		rc = chan_send(s->conf.chan, s->msg, part * msg_blocks(s) * sizeof(struct block));
		if (rc)
			return rc;
	}
	return 0;
}

static int softspoken_send_serve(void *impl, struct block *q, size_t count)
{
	struct softspoken *s = impl;

	for (size_t i = 0, part; i < count; i += part) {
		int rc;

		part = part_of(s, count - i);
		rc = chan_recv(s->conf.chan, s->msg, part * msg_blocks(s) * sizeof(struct block));
		if (rc)
			return rc;
		chunks(s, s->next, part, q + i * 128 * s->blocks);
		s->next += part;
	}
	return 0;
}

/* The receiver's m is complete when it is sent. */
static int softspoken_recv_finish(void *impl, struct block *m, size_t count)
{
	(void)impl;
	(void)m;
	(void)count;
	return 0;
}

#define SOFTSPOKEN_BACKEND(k) \
const struct ot_backend ot_softspoken##k = { \
	.name = "softspoken" #k, .phases = 4, .open = softspoken##k##_open, .setup = softspoken_setup, \
	.facts = softspoken_facts, .recv_start = softspoken_recv_start, .send_serve = softspoken_send_serve, \
	.recv_finish = softspoken_recv_finish, .free = softspoken_free, \
}
SOFTSPOKEN_BACKEND(2);
SOFTSPOKEN_BACKEND(4);
SOFTSPOKEN_BACKEND(8);

/* --- self-test ---------------------------------------------------------- */

#define TEST_BLOCKS 8

static void run_level(const struct softspoken_ops *ops, unsigned k, struct block out[][TEST_BLOCKS])
{
	struct block leaf[SOFTSPOKEN_LEAVES_MAX], forward[SOFTSPOKEN_K_MAX + 1], mask[SOFTSPOKEN_K_MAX], d[TEST_BLOCKS];
	struct softspoken_tree t = { k, leaf, forward };
	struct aes_key key;
	struct softspoken_chunk c = { &key, TEST_BLOCKS, out[0], TEST_BLOCKS };

	cpu_test_data(leaf, SOFTSPOKEN_LEAVES_MAX, k);
	cpu_test_data(forward, SOFTSPOKEN_K_MAX + 1, 100 + k);
	cpu_test_data(mask, SOFTSPOKEN_K_MAX, 200 + k);
	cpu_test_data(d, TEST_BLOCKS, 300 + k);
	cpu_test_data(key.rk, 11, 400 + k);
	ops->recv(&t, &c, d, out[k]);
	c.planes = out[k + 1];
	ops->send(&t, &c, mask, d);
}

int softspoken_selftest(enum cpu_level level)
{
	struct block want[2 * SOFTSPOKEN_K_MAX + 1][TEST_BLOCKS], got[2 * SOFTSPOKEN_K_MAX + 1][TEST_BLOCKS];

	for (unsigned k = 2; k <= SOFTSPOKEN_K_MAX; k *= 2) {
		memset(want, 0, sizeof(want));
		memset(got, 0, sizeof(got));
		run_level(softspoken_ops_table[CPU_PORTABLE], k, want);
		run_level(softspoken_ops_table[level], k, got);
		if (memcmp(want, got, sizeof(want)) != 0)
			return 0;
	}
	return 1;
}
