#include "mpc/ot_derive.h"

#include "ot_pair.h"

/* One call at both sides; buffers are the caller's, both parties' in one place. */
struct job {
	enum { ROT, PICK, MESSAGE, ADD, XOR, SIXTEEN } what;
	size_t n, len;			/* bytes, or bits for ADD and SIXTEEN */
	int threads, calls;		/* the same call several times; the last one's outputs stay */
	uint64_t seed;
	struct block *k0, *k1, *k;
	uint8_t *choice, *m0, *m1, *out;
	uint64_t *diff, *x, *y;
	uint64_t sent[2];		/* by the sender and by the receiver, without the COTs */
	char digest[2][33];
};

static int send_call(struct job *j, struct ot *o)
{
	switch (j->what) {
	case ROT:
		return ot_rot_send(o, j->k0, j->k1, j->n);
	case PICK:
		return ot_pick_send(o, j->k0, j->k1, j->n);
	case MESSAGE:
		return ot_send(o, j->m0, j->m1, j->len, j->n);
	case ADD:
		return ot_add_send(o, j->diff, j->x, (unsigned)j->len, j->n);
	case XOR:
		return ot_xor_send(o, j->m0, j->m1, j->len, j->n);
	default:
		return ot16_send(o, (const uint8_t (*)[16])(const void *)j->m0, (unsigned)j->len, j->n);
	}
}

static int recv_call(struct job *j, struct ot *o)
{
	switch (j->what) {
	case ROT:
		return ot_rot_recv(o, j->k, j->choice, j->n);
	case PICK:
		return ot_pick_recv(o, j->k, j->choice, j->n);
	case MESSAGE:
		return ot_recv(o, j->choice, j->out, j->len, j->n);
	case ADD:
		return ot_add_recv(o, j->choice, j->y, (unsigned)j->len, j->n);
	case XOR:
		return ot_xor_recv(o, j->choice, j->out, j->len, j->n);
	default:
		return ot16_recv(o, j->choice, j->out, (unsigned)j->len, j->n);
	}
}

/* What the COTs alone would have cost, so that the rest can be counted. */
static uint64_t cot_bytes(const struct ot *o)
{
	uint64_t chunks = ot_batch(o) ? (ot_used(o) + ot_batch(o) - 1) / ot_batch(o) : 0;

	return ot_role(o) == OT_SENDER ? 128 * 32 : 32 + 128 / 4 * 3 * 32 + chunks * 31 * 512;
}

static void job_side(struct ot_side *s)
{
	struct job *j = s->arg;
	struct chan_stats st;
	struct ot *o;

	if (pair_try(s, NULL, ot_new(&o, s->chan, s->first ? OT_SENDER : OT_RECEIVER, OT_SOFTSPOKEN4)))
		return;
	ot_threads(o, j->threads);
	for (int i = 0; i < j->calls && !s->rc; i++)
		pair_try(s, o, s->first ? send_call(j, o) : recv_call(j, o));
	if (!s->rc) {
		chan_stats(s->chan, &st);
		j->sent[!s->first] = st.bytes_sent - cot_bytes(o);
	}
	ot_free(o);
}

static void *room(size_t bytes)
{
	void *p = malloc(bytes + 64);

	if (!p)
		abort();
	util_random(p, bytes + 64);
	return p;
}

static void job_run(struct job *j)
{
	struct ot_side s[2] = { 0 };
	size_t bytes = j->n * (j->what == SIXTEEN ? 16 : j->len);

	if (!j->threads)
		j->threads = 1;
	if (!j->calls)
		j->calls = 1;
	j->k0 = room(j->n * 16);
	j->k1 = room(j->n * 16);
	j->k = room(j->n * 16);
	j->choice = room(j->n);
	j->m0 = room(bytes);
	j->m1 = room(bytes);
	j->out = room(bytes);
	j->diff = room(j->n * 8);
	j->x = room(j->n * 8);
	j->y = room(j->n * 8);
	for (int i = 0; i < 2; i++) {
		s[i].run = job_side;
		s[i].arg = j;
		s[i].seed = j->seed;
	}
	pair_run(s);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(s[i].rc, 0);
		CHECK_STR(s[i].error, "");
		memcpy(j->digest[i], s[i].digest, sizeof(s[i].digest));
	}
}

static void job_free(struct job *j)
{
	void *all[] = { j->k0, j->k1, j->k, j->choice, j->m0, j->m1, j->out, j->diff, j->x, j->y };

	for (size_t i = 0; i < PET_ARRAY_SIZE(all); i++)
		free(all[i]);
}

/* Boundaries of hashed parts, batches and pieces. */
static const size_t sizes[] = { 0, 1, 7, 8, 9, 511, 512, 513, 4095, 4096, 4097, 8191, 8192, 8193, 100003 };

static void check_keys(const struct job *j)
{
	size_t wrong = 0, equal = 0, ones = 0;

	for (size_t i = 0; i < j->n; i++) {
		unsigned b = ot_bit(j->choice, i);

		ones += b;
		wrong += !block_equal(j->k[i], b ? j->k1[i] : j->k0[i]);
		equal += block_equal(j->k0[i], j->k1[i]) != 0;
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(equal, 0);
	CHECK(j->n < 4096 || (ones > j->n / 3 && ones < j->n / 3 * 2));
}

TEST(random_keys)
{
	for (size_t i = 0; i < PET_ARRAY_SIZE(sizes); i++) {
		struct job j = { .what = ROT, .n = sizes[i] };

		job_run(&j);
		check_keys(&j);
		if (j.n) {
			CHECK_INT(j.sent[0], 0);
			CHECK_INT(j.sent[1], 0);
		}
		job_free(&j);
	}
}

TEST(keys_by_choice)
{
	for (size_t i = 1; i < PET_ARRAY_SIZE(sizes); i++) {
		struct job j = { .what = PICK, .n = sizes[i] };

		job_run(&j);
		check_keys(&j);
		CHECK_INT(j.sent[0], 0);
		CHECK_INT(j.sent[1], (sizes[i] + 7) / 8);
		job_free(&j);
	}
}

static int by_block(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct block));
}

/* Hashes of neighbouring calls and of both keys: all different, whatever the refills. */
TEST(no_key_twice)
{
	struct job j = { .what = ROT, .n = 50001, .calls = 3 };
	struct block *all;
	size_t twice = 0;

	job_run(&j);
	check_keys(&j);
	all = room(2 * j.n * 16);
	memcpy(all, j.k0, j.n * 16);
	memcpy(all + j.n, j.k1, j.n * 16);
	qsort(all, 2 * j.n, sizeof(*all), by_block);
	for (size_t i = 1; i < 2 * j.n; i++)
		twice += block_equal(all[i - 1], all[i]) != 0;
	CHECK_INT(twice, 0);
	free(all);
	job_free(&j);
}

static void check_messages(size_t n, size_t len)
{
	struct job j = { .what = MESSAGE, .n = n, .len = len };
	size_t wrong = 0;

	job_run(&j);
	for (size_t i = 0; i < n; i++)
		wrong += memcmp(j.out + i * len, (ot_bit(j.choice, i) ? j.m1 : j.m0) + i * len, len) != 0;
	CHECK_INT(wrong, 0);
	if (n) {
		CHECK_INT(j.sent[0], 2 * n * len);
		CHECK_INT(j.sent[1], (n + 7) / 8);
	}
	job_free(&j);
}

TEST(chosen_messages)
{
	static const size_t lens[] = { 1, 2, 15, 16, 17, 31, 32, 33, 1023, 1024, 1025, 3000 };

	for (size_t i = 0; i < PET_ARRAY_SIZE(lens); i++)
		check_messages(67, lens[i]);
	for (size_t i = 0; i < PET_ARRAY_SIZE(sizes); i++)
		check_messages(sizes[i], 3);
	check_messages(OT_PIECE - 1, 1);
	check_messages(OT_PIECE + 1, 1);
	check_messages(9, 3 << 20);		/* a piece by its bytes */
}

static void check_add(size_t n, unsigned width)
{
	uint64_t mask = width < 64 ? ((uint64_t)1 << width) - 1 : UINT64_MAX;
	struct job j = { .what = ADD, .n = n, .len = width };
	size_t wrong = 0, high = 0;

	job_run(&j);
	for (size_t i = 0; i < n; i++) {
		uint64_t want = j.x[i] + (ot_bit(j.choice, i) ? j.diff[i] : 0);

		wrong += j.y[i] != (want & mask);
		high += (j.x[i] & ~mask) != 0;
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(high, 0);
	if (n) {
		CHECK_INT(j.sent[0], (n * width + 7) / 8);
		CHECK_INT(j.sent[1], (n + 7) / 8);
	}
	job_free(&j);
}

TEST(differences)
{
	for (unsigned width = 1; width <= 64; width++)
		check_add(203, width);
	for (size_t i = 0; i < PET_ARRAY_SIZE(sizes); i++)
		check_add(sizes[i], 13);
	check_add(OT_PIECE + 9, 64);
}

static void check_xor(size_t n, size_t len)
{
	struct job j = { .what = XOR, .n = n, .len = len };
	size_t wrong = 0;

	job_run(&j);
	for (size_t i = 0; i < n * len; i++)
		wrong += j.out[i] != (j.m1[i] ^ (j.m0[i] & (uint8_t)-ot_bit(j.choice, i / len)));
	CHECK_INT(wrong, 0);
	CHECK_INT(j.sent[0], n * len);
	job_free(&j);
}

TEST(strings)
{
	static const size_t lens[] = { 1, 15, 16, 17, 40, 1023, 1024, 1025, 5000 };

	for (size_t i = 0; i < PET_ARRAY_SIZE(lens); i++)
		check_xor(77, lens[i]);
	check_xor(OT_PIECE + 1, 2);
	check_xor(3, 9 << 20);
}

static void check_16(size_t n, unsigned width)
{
	struct job j = { .what = SIXTEEN, .n = n, .len = width };
	uint8_t mask = (uint8_t)((1u << width) - 1);
	size_t wrong = 0;

	job_run(&j);
	for (size_t i = 0; i < n; i++)
		wrong += j.out[i] != (j.m0[16 * i + (j.choice[i] & 15)] & mask);
	CHECK_INT(wrong, 0);
	if (n) {
		CHECK_INT(j.sent[0], 2 * n * width);
		CHECK_INT(j.sent[1], (n + 1) / 2);
	}
	job_free(&j);
}

TEST(one_of_sixteen)
{
	for (unsigned width = 1; width <= 8; width++)
		check_16(300 + width, width);
	for (size_t i = 0; i < PET_ARRAY_SIZE(sizes); i++)
		check_16(sizes[i], 2);
	check_16(OT_PIECE / 4 + 1, 1);
}

/* Every width there and back, what is above it left out. */
TEST(packing)
{
	uint64_t in[64], out[64];
	uint8_t wire[8 * 64];
	size_t wrong = 0;

	for (unsigned width = 1; width <= 64; width++) {
		uint64_t mask = width < 64 ? ((uint64_t)1 << width) - 1 : UINT64_MAX;

		util_random(in, sizeof(in));
		ot_pack(wire, in, width, 64);
		ot_unpack(out, wire, width, 64);
		for (int i = 0; i < 64; i++)
			wrong += out[i] != (in[i] & mask);
	}
	CHECK_INT(wrong, 0);
}

TEST(threads_change_nothing)
{
	struct job j[2];

	for (int i = 0; i < 2; i++) {
		j[i] = (struct job){ .what = ROT, .n = 70001, .threads = i ? 4 : 1, .seed = 3 };
		job_run(&j[i]);
		check_keys(&j[i]);
	}
	CHECK(memcmp(j[0].k, j[1].k, j[0].n * 16) == 0);
	CHECK(memcmp(j[0].choice, j[1].choice, j[0].n / 8) == 0);
	CHECK_STR(j[1].digest[0], j[0].digest[0]);
	CHECK_STR(j[1].digest[1], j[0].digest[1]);
	job_free(&j[0]);
	job_free(&j[1]);
}

TEST(wrong_use)
{
	struct chan *a, *b;
	struct ot *o;
	uint64_t v[1] = { 0 };
	uint8_t w[16] = { 0 };

	CHECK_INT(chan_mem_pair(&a, &b), 0);
	CHECK_INT(ot_new(&o, a, OT_SENDER, OT_SOFTSPOKEN4), 0);
	CHECK_INT(ot_add_send(o, v, v, 0, 1), ERR_INPUT);
	CHECK_INT(ot_add_send(o, v, v, 65, 1), ERR_INPUT);
	CHECK_INT(ot_add_recv(o, w, v, 65, 1), ERR_INPUT);
	CHECK_INT(ot16_send(o, (const uint8_t (*)[16])&w, 9, 1), ERR_INPUT);
	CHECK_INT(ot16_recv(o, w, w, 0, 1), ERR_INPUT);
	ot_free(o);
	chan_free(a);
	chan_free(b);
}

/* The peer leaves after the COTs, before choices or messages. */
static void leaver(struct ot_side *s)
{
	const struct job *j = s->arg;
	struct block *k = room(j->n * 16);
	struct ot *o;

	CHECK_INT(ot_new(&o, s->chan, s->first ? OT_SENDER : OT_RECEIVER, OT_SOFTSPOKEN4), 0);
	CHECK_INT(s->first ? ot_cot_send(o, k, j->n) : ot_cot_recv(o, k, j->n), 0);
	s->rc = ERR_CANCELED;
	ot_free(o);
	free(k);
}

TEST(peer_leaves)
{
	for (int first = 0; first < 2; first++) {
		struct job j = { .what = MESSAGE, .n = 100, .len = 10, .threads = 1, .calls = 1 };
		struct ot_side s[2] = { { .run = job_side, .arg = &j }, { .run = job_side, .arg = &j } };

		j.m0 = room(1000);
		j.m1 = room(1000);
		j.out = room(1000);
		j.choice = room(100);
		s[first].run = leaver;
		pair_run(s);
		CHECK_INT(s[!first].rc, ERR_PEER);
		job_free(&j);
	}
}

TEST_MAIN(CASE(random_keys), CASE(keys_by_choice), CASE(no_key_twice), CASE(chosen_messages),
	  CASE(differences), CASE(strings), CASE(one_of_sixteen), CASE(packing), CASE(threads_change_nothing),
	  CASE(wrong_use), CASE(peer_leaves))
