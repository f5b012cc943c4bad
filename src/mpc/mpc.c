#include "mpc/mpc.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "mpc/bits.h"

#define MAGIC UINT64_C(0x31656e676e657470)
#define TAGS_MAX 256		/* operations in a row in which the peer sends nothing */
#define PINGS 3
#define CHUNK_NEAR ((size_t)1 << 14)	/* 14 to 16 words of scratch per element stay in L2 */
#define CHUNK_FAR ((size_t)1 << 18)
#define NEAR_NS 200000		/* a round trip that is short beside a chunk's computation */
#define SPLIT_MIN 4096		/* fewer elements than that per lane cost more than they save */
#define POOL ((size_t)1 << 18)	/* correlations fetched at once where they are kept in stock */
#define STREAM_FIRST 1000	/* of the lanes' sub-channels */

struct pool {
	struct block *block;
	size_t have, size;
};

struct mpc {
	struct chan *chan;
	int own_chan;
	int party;
	size_t chunk;
	struct ot *ot[2];		/* [0]: this party sends, [1]: it receives */
	struct hash hash;
	struct pool pool[2];		/* of ot[0] and ot[1]; empty where correlations are streamed */
	struct prg masks[2];		/* by owner of the input */
	uint64_t index[2];		/* by sending party */
	uint64_t tag[TAGS_MAX];		/* of operations whose tag the peer's stream still holds */
	unsigned tags;
	uint64_t ops;
	struct arena arena;
	char error[160];
	int lanes;			/* including this one */
	struct mpc *lane[MPC_THREADS_MAX];	/* lane[0] is this one */
};

struct hello {
	uint64_t magic, party, kind, threads, chunk;
	struct block share;		/* of the session's number */
	struct block masks;		/* seed of what masks the sender's inputs */
	uint64_t far;
};

int mpc_party(const struct mpc *m)
{
	return m->party;
}

struct chan *mpc_chan(struct mpc *m)
{
	return m->chan;
}

const char *mpc_error(const struct mpc *m)
{
	for (int i = 1; i < m->lanes; i++) {
		if (mpc_error(m->lane[i])[0])
			return mpc_error(m->lane[i]);
	}
	for (int i = 0; i < 2 && !m->error[0]; i++) {
		if (m->ot[i] && ot_error(m->ot[i])[0])
			return ot_error(m->ot[i]);
	}
	return m->error[0] ? m->error : chan_error(m->chan);
}

size_t mpc_chunk(const struct mpc *m)
{
	return m->chunk;
}

struct prg *mpc_masks(struct mpc *m, int owner)
{
	return &m->masks[owner];
}

const struct hash *mpc_hash(const struct mpc *m)
{
	return &m->hash;
}

struct arena *mpc_arena(struct mpc *m)
{
	return &m->arena;
}

/* --- tags -------------------------------------------------------------------- */

static int check_tags(struct mpc *m)
{
	uint64_t tag[TAGS_MAX];
	int rc = chan_recv(m->chan, tag, m->tags * sizeof(*tag));

	if (rc == 0 && memcmp(tag, m->tag, m->tags * sizeof(*tag)) != 0) {
		snprintf(m->error, sizeof(m->error),
			 "the other party runs another step of the computation, or the same on vectors of another shape");
		rc = ERR_PEER;
	}
	m->tags = 0;
	return rc;
}

/* splitmix64's finalizer: tells apart what is different by mistake, no more is asked of it. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

int mpc_op(struct mpc *m, enum mpc_opcode op, uint64_t n, uint64_t shape)
{
	uint64_t tag = mix(mix(mix(++m->ops << 16 | (unsigned)op) ^ n) ^ shape);
	int rc;

	if (m->tags == TAGS_MAX) {
		rc = check_tags(m);
		if (rc)
			return rc;
	}
	m->tag[m->tags++] = tag;
	return chan_send(m->chan, &tag, sizeof(tag));
}

int mpc_send(struct mpc *m, const void *data, size_t len)
{
	return chan_send(m->chan, data, len);
}

int mpc_recv(struct mpc *m, void *data, size_t len)
{
	int rc = m->tags ? check_tags(m) : 0;

	return rc ? rc : chan_recv(m->chan, data, len);
}

int mpc_send_bits(struct mpc *m, const uint64_t *in, size_t n, unsigned width)
{
	struct arena_mark mark = arena_mark(&m->arena);
	size_t len = bits_bytes(n, width);
	uint8_t *wire = arena_take(&m->arena, len, 1);
	int rc = ERR_NOMEM;

	if (wire) {
		bits_pack(wire, in, n, width);
		rc = mpc_send(m, wire, len);
	}
	arena_release(&m->arena, mark);
	return rc;
}

int mpc_recv_bits(struct mpc *m, uint64_t *out, size_t n, unsigned width)
{
	struct arena_mark mark = arena_mark(&m->arena);
	size_t len = bits_bytes(n, width);
	uint8_t *wire = arena_take(&m->arena, len, 1);
	int rc = ERR_NOMEM;

	if (wire) {
		rc = mpc_recv(m, wire, len);
		if (rc == 0)
			bits_unpack(out, wire, n, width);
	}
	arena_release(&m->arena, mark);
	return rc;
}

/* --- correlations ------------------------------------------------------------ */

/*
 * SoftSpoken streams: its receiver only sends, so a protocol may ask in one
 * direction before it answers in the other. Ferret's two sides talk to each
 * other; there, both directions are filled abreast ahead of use.
 */
static int pooled(const struct mpc *m)
{
	return ot_kind(m->ot[0]) == OT_FERRET;
}

static int pool_get(struct mpc *m, int way, struct block *out, size_t n)
{
	struct pool *p = &m->pool[way];

	if (p->have < n) {
		snprintf(m->error, sizeof(m->error), "a step uses more transfers than it reserved");
		return ERR_INTERNAL;
	}
	p->have -= n;
	memcpy(out, p->block + p->have, n * sizeof(*out));
	explicit_bzero(p->block + p->have, n * sizeof(*out));
	return 0;
}

int mpc_reserved(const struct mpc *m, size_t send, size_t recv)
{
	return !pooled(m) || (m->pool[0].have >= send && m->pool[1].have >= recv);
}

/* What is left stays at the front; how many to add. */
static int pool_room(struct pool *p, size_t need, size_t *add)
{
	size_t size = p->have;
	struct block *b;

	*add = 0;
	if (p->have >= need)
		return 0;
	*add = need - p->have < POOL ? POOL : need - p->have;
	size += *add;
	if (size <= p->size)
		return 0;
	b = malloc(size * sizeof(*b));
	if (!b)
		return ERR_NOMEM;
	if (p->block) {
		memcpy(b, p->block, p->have * sizeof(*b));
		explicit_bzero(p->block, p->size * sizeof(*b));
	}
	free(p->block);
	p->block = b;
	p->size = size;
	return 0;
}

int mpc_reserve(struct mpc *m, size_t send, size_t recv)
{
	size_t more[2];
	int rc;

	if (mpc_reserved(m, send, recv))
		return 0;
	TRY(pool_room(&m->pool[0], send, &more[0]));
	TRY(pool_room(&m->pool[1], recv, &more[1]));
	if (m->tags)
		TRY(check_tags(m));
	TRY(ot_cot_both(m->ot[0], m->pool[0].block + m->pool[0].have, more[0],
			m->ot[1], m->pool[1].block + m->pool[1].have, more[1]));
	m->pool[0].have += more[0];
	m->pool[1].have += more[1];
out:
	return rc;
}

int mpc_cot_send(struct mpc *m, struct block *q, size_t n)
{
	int rc;

	if (pooled(m))
		return pool_get(m, 0, q, n);
	rc = m->tags ? check_tags(m) : 0;
	return rc ? rc : ot_cot_send(m->ot[0], q, n);
}

int mpc_cot_recv(struct mpc *m, struct block *q, size_t n)
{
	return pooled(m) ? pool_get(m, 1, q, n) : ot_cot_recv(m->ot[1], q, n);
}

struct block mpc_delta(const struct mpc *m)
{
	return ot_delta(m->ot[0]);
}

/* The two directions have halves of their own: an index is hashed for one of them only (hash.h). */
uint64_t mpc_index(struct mpc *m, int sender, uint64_t n)
{
	uint64_t at = m->index[sender] | (uint64_t)sender << 63;

	m->index[sender] += n;
	return at;
}

/* --- begin and end ------------------------------------------------------------ */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The shortest of a few round trips. */
static int measure(struct chan *c, uint64_t *ns)
{
	uint8_t out[1] = { 0 }, in[1];
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < PINGS; i++) {
		uint64_t t = now_ns();
		int rc = chan_exchange(c, out, sizeof(out), in, sizeof(in));

		if (rc)
			return rc;
		t = now_ns() - t;
		if (t < best)
			best = t;
	}
	*ns = best;
	return 0;
}

static int differ(struct errmsg *em, const char *what, uint64_t mine, uint64_t theirs)
{
	return errmsg_set(em, ERR_PEER, "PARAMETERS_DIFFER", "%s differ: %llu here, %llu at the other party", what,
			  (unsigned long long)mine, (unsigned long long)theirs);
}

static int compare(const struct hello *a, const struct hello *b, struct errmsg *em)
{
	if (b->magic != a->magic)
		return errmsg_set(em, ERR_PEER, "PEER_PROTOCOL", "the other party does not run this version of the engine");
	if (b->party == a->party)
		return errmsg_set(em, ERR_PEER, "PARAMETERS_DIFFER", "both parties run as party %u", (unsigned)a->party);
	if (b->kind != a->kind)
		return differ(em, "the kinds of oblivious transfer", a->kind, b->kind);
	if (b->threads != a->threads)
		return differ(em, "the numbers of threads", a->threads, b->threads);
	return b->chunk != a->chunk ? differ(em, "the chunk sizes", a->chunk, b->chunk) : 0;
}

static int agree(struct mpc *m, const struct mpc_conf *conf, struct errmsg *em)
{
	struct hello mine = {
		.magic = MAGIC, .party = (uint64_t)conf->party, .kind = (uint64_t)conf->kind,
		.threads = (uint64_t)conf->threads, .chunk = conf->chunk,
	}, theirs;
	uint64_t ns = 0;
	int rc;

	TRY(measure(m->chan, &ns));
	mine.far = ns > NEAR_NS;
	util_random(&mine.share, sizeof(mine.share));
	util_random(&mine.masks, sizeof(mine.masks));
	TRY(chan_exchange(m->chan, &mine, sizeof(mine), &theirs, sizeof(theirs)));
	TRY(compare(&mine, &theirs, em));
	hash_init(&m->hash, block_xor(mine.share, theirs.share), HASH_ENGINE);
	prg_init(&m->masks[m->party], mine.masks);
	prg_init(&m->masks[1 - m->party], theirs.masks);
	m->chunk = conf->chunk;
	if (m->chunk == 0)
		m->chunk = mine.far || theirs.far ? CHUNK_FAR : CHUNK_NEAR;
	m->chunk = (m->chunk + 63) / 64 * 64;
out:
	explicit_bzero(&mine, sizeof(mine));
	explicit_bzero(&theirs, sizeof(theirs));
	return rc;
}

/* Lane 0 sets up from nothing, the lanes below it from its transfers: the direction in which party 0 sends goes first. */
static int start_ot(struct mpc *m, enum ot_kind kind, const struct mpc *root)
{
	int rc;

	TRY(ot_new(&m->ot[0], m->chan, OT_SENDER, kind));
	TRY(ot_new(&m->ot[1], m->chan, OT_RECEIVER, kind));
	if (!root) {
		rc = ot_setup_both(m->ot[0], m->ot[1], m->party == 0);
	} else {
		TRY(ot_setup_from(m->ot[m->party], root->ot[1 - m->party]));
		TRY(ot_setup_from(m->ot[1 - m->party], root->ot[m->party]));
	}
out:
	return rc;
}

/* root: the lane above, or NULL. */
static int lane_new(struct mpc **out, const struct mpc_conf *conf, struct chan *c, const struct mpc *root, struct errmsg *em)
{
	struct mpc *m = calloc(1, sizeof(*m));
	int rc = ERR_NOMEM;

	if (!m) {
		if (root)
			chan_free(c);
		return rc;
	}
	m->chan = c;
	m->own_chan = root != NULL;
	m->party = conf->party;
	m->lanes = 1;
	m->lane[0] = m;
	TRY(agree(m, conf, em));
	TRY(start_ot(m, root ? ot_kind(root->ot[0]) : conf->kind, root));
	*out = m;
	m = NULL;
out:
	if (rc && em && !em->code[0])
		errmsg_set(em, rc, rc == ERR_PEER ? "PEER_LOST" : "ENGINE", "the engine cannot start: %s",
			   m && mpc_error(m)[0] ? mpc_error(m) : err_name(rc));
	mpc_free(m);
	return rc;
}

static int more_lanes(struct mpc *m, const struct mpc_conf *conf, struct errmsg *em)
{
	struct chan *c;
	int rc = 0;

	for (int i = 1; i < conf->threads; i++) {
		TRY(chan_sub(m->chan, (uint16_t)(STREAM_FIRST + i), &c));
		TRY(lane_new(&m->lane[i], conf, c, m, em));
		m->lanes = i + 1;
	}
out:
	return rc;
}

int mpc_new(struct mpc **out, const struct mpc_conf *conf, struct errmsg *em)
{
	int rc;

	if (conf->threads < 1 || conf->threads > MPC_THREADS_MAX || (conf->party != 0 && conf->party != 1))
		return errmsg_set(em, ERR_INPUT, "BAD_PARAMETER", "threads from 1 to %d and party 0 or 1 are expected",
				  MPC_THREADS_MAX);
	*out = NULL;
	TRY(lane_new(out, conf, conf->chan, NULL, em));
	TRY(more_lanes(*out, conf, em));
out:
	if (rc) {
		mpc_free(*out);
		*out = NULL;
	}
	return rc;
}

void mpc_free(struct mpc *m)
{
	if (!m)
		return;
	for (int i = 1; i < m->lanes; i++)
		mpc_free(m->lane[i]);
	ot_free(m->ot[0]);
	ot_free(m->ot[1]);
	for (int i = 0; i < 2; i++) {
		if (m->pool[i].block)
			explicit_bzero(m->pool[i].block, m->pool[i].size * sizeof(*m->pool[i].block));
		free(m->pool[i].block);
	}
	arena_free(&m->arena);
	if (m->own_chan)
		chan_free(m->chan);
	explicit_bzero(m, sizeof(*m));
	free(m);
}

/* The other party may wait for the last bytes while this one computes, or waits for its other lanes. */
static int run_slice(struct mpc *lane, size_t begin, size_t end, mpc_fn *fn, void *arg)
{
	int rc = fn(lane, begin, end, arg);

	return rc ? rc : chan_flush(lane->chan);
}

int mpc_split(struct mpc *m, size_t n, size_t align, mpc_fn *fn, void *arg)
{
	size_t step;
	int rc[MPC_THREADS_MAX] = { 0 }, used, lanes = m->lanes;

	if (m->lanes == 1 || n < SPLIT_MIN * (size_t)m->lanes)
		return run_slice(m, 0, n, fn, arg);
	step = (n / (size_t)m->lanes / align + 1) * align;
	used = (int)((n + step - 1) / step);
	m->lanes = 1;	/* as its own lane 0 it must not split again */
#pragma omp parallel for num_threads(used) schedule(static, 1)
	for (int i = 0; i < used; i++) {
		size_t begin = (size_t)i * step;

		rc[i] = run_slice(m->lane[i], begin, n - begin < step ? n : begin + step, fn, arg);
	}
	m->lanes = lanes;
	for (int i = 0; i < used; i++) {
		if (rc[i])
			return rc[i];
	}
	return 0;
}
