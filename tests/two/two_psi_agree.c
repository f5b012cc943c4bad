/* op-psi's own exchange, before the protocol: two honest sides, and one that says what no honest side says. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/chan.h"
#include "op_impl.h"
#include "psi/job.h"
#include "test.h"

/* As in agree.c, spelt out again: what goes over the wire is a promise. */
struct start {
	uint64_t magic, columns, workers, resumable;
	uint8_t session[16], share[32];
};

#define MAGIC UINT64_C(0x3230495350504f50)

struct side {
	struct op_ctx ctx;
	struct psi_job *j;
	int rc;
};

static char folder[] = "/tmp/pet-agree-XXXXXX";

static void side_new(struct side *s, const char *role, struct chan *c, int workers)
{
	memset(s, 0, sizeof(*s));
	s->ctx.role = role;
	s->ctx.chan = c;
	s->j = calloc(1, sizeof(*s->j));
	s->j->ctx = &s->ctx;
	s->j->store.fd = -1;
	s->j->keys.columns = 1;
	s->j->workers = workers;
	s->j->bucket_rows = 100;
	snprintf(s->j->dir, sizeof(s->j->dir), "%s", folder);
}

static void side_free(struct side *s)
{
	psi_store_fini(&s->j->store);
	free(s->j);
}

static void *run_start(void *arg)
{
	struct side *s = arg;

	s->rc = psi_agree_start(s->j);
	return NULL;
}

static void *run_sizes(void *arg)
{
	struct side *s = arg;

	s->rc = psi_agree_sizes(s->j);
	return NULL;
}

static void both(struct side *a, struct side *b, void *(*f)(void *))
{
	pthread_t t;

	CHECK_INT(pthread_create(&t, NULL, f, a), 0);
	f(b);
	pthread_join(t, NULL);
}

TEST(new_folder)
{
	CHECK(mkdtemp(folder) != NULL);
}

TEST(honest)
{
	struct chan *ca, *cb;
	struct side a, b;

	CHECK_INT(chan_mem_pair(&ca, &cb), 0);
	side_new(&a, "party_a", ca, 3);
	side_new(&b, "party_b", cb, 2);
	both(&a, &b, run_start);
	CHECK(a.rc == 0 && b.rc == 0);
	CHECK_INT(a.j->workers, 2);
	CHECK_INT(b.j->workers, 2);
	CHECK(memcmp(a.j->hash_key, b.j->hash_key, sizeof(a.j->hash_key)) == 0);
	CHECK(memcmp(a.j->session, b.j->session, sizeof(a.j->session)) == 0);
	CHECK(memcmp(a.j->hash_key, a.j->session, sizeof(a.j->session)) != 0);
	a.j->padded = 100;
	b.j->padded = 7;
	both(&a, &b, run_sizes);
	CHECK(a.rc == 0 && b.rc == 0 && a.j->peer_padded == 7 && b.j->peer_padded == 100);
	CHECK(a.j->buckets == 1 && b.j->buckets == 1 && a.j->capacity == 100 && b.j->capacity == 7);
	side_free(&a);
	side_free(&b);
	chan_free(ca);
	chan_free(cb);
}

/* Only two sides with the same session go on; otherwise both get a new key. */
TEST(sessions)
{
	struct chan *ca, *cb;
	struct side a, b;
	uint8_t old[16] = { 5 };

	for (int kind = 0; kind < 3; kind++) {
		CHECK_INT(chan_mem_pair(&ca, &cb), 0);
		side_new(&a, "party_a", ca, 1);
		side_new(&b, "party_b", cb, 1);
		memcpy(a.j->session, old, 16);
		a.j->resumable = b.j->resumable = 1;
		if (kind == 0)
			memcpy(b.j->session, old, 16);
		if (kind == 2)
			b.j->resumable = 0;
		both(&a, &b, run_start);
		CHECK(a.rc == 0 && b.rc == 0);
		CHECK_INT(a.j->resumable, kind == 0);
		CHECK_INT(b.j->resumable, kind == 0);
		CHECK((memcmp(a.j->session, old, 16) == 0) == (kind == 0));
		CHECK(memcmp(a.j->session, b.j->session, 16) == 0);
		side_free(&a);
		side_free(&b);
		chan_free(ca);
		chan_free(cb);
	}
}

static void against(const struct start *s, size_t len, int want, const char *code)
{
	struct chan *ca, *cb;
	struct side a;

	CHECK_INT(chan_mem_pair(&ca, &cb), 0);
	side_new(&a, "party_a", ca, 2);
	CHECK_INT(chan_send(cb, s, len), 0);
	CHECK_INT(chan_flush(cb), 0);
	if (len < sizeof(*s))
		chan_free(cb);
	run_start(&a);
	CHECK_INT(a.rc, want);
	CHECK_STR(a.ctx.em.code, code);
	side_free(&a);
	chan_free(ca);
	if (len == sizeof(*s))
		chan_free(cb);
}

TEST(hostile_start)
{
	const struct start good = { .magic = MAGIC, .columns = 1, .workers = 1 };
	struct start s;

	against(&good, sizeof(good), 0, "");
	against(&good, sizeof(good) - 1, ERR_PEER, "PEER_LOST");
	against(&good, 0, ERR_PEER, "PEER_LOST");
	s = good;
	s.magic++;
	against(&s, sizeof(s), ERR_PEER, "PEER_PROTOCOL");
	s = good;
	s.workers = 0;
	against(&s, sizeof(s), ERR_PEER, "PEER_PROTOCOL");
	s.workers = PSI_WORKERS_MAX + 1;
	against(&s, sizeof(s), ERR_PEER, "PEER_PROTOCOL");
	s.workers = UINT64_MAX;
	against(&s, sizeof(s), ERR_PEER, "PEER_PROTOCOL");
	s = good;
	s.resumable = 2;
	against(&s, sizeof(s), ERR_PEER, "PEER_PROTOCOL");
	s = good;
	s.columns = 2;
	against(&s, sizeof(s), ERR_INPUT, "PARAMETERS_DIFFER");
}

TEST(hostile_sizes)
{
	static const uint64_t sizes[] = { (uint64_t)PSI_ROWS_MAX + 1, UINT64_MAX };

	for (size_t i = 0; i < PET_ARRAY_SIZE(sizes); i++) {
		uint8_t message[136] = { 0 };
		struct chan *ca, *cb;
		struct side a;

		CHECK_INT(chan_mem_pair(&ca, &cb), 0);
		side_new(&a, "party_a", ca, 1);
		memcpy(message, &sizes[i], 8);
		CHECK_INT(chan_send(cb, message, sizeof(message)), 0);
		CHECK_INT(chan_flush(cb), 0);
		run_sizes(&a);
		CHECK_INT(a.rc, ERR_PEER);
		CHECK_STR(a.ctx.em.code, "PEER_PROTOCOL");
		side_free(&a);
		chan_free(ca);
		chan_free(cb);
	}
}

/* Nothing is left in the work folder by any of them. */
TEST(no_folder_left)
{
	CHECK_INT(rmdir(folder), 0);
}

TEST_MAIN(CASE(new_folder), CASE(honest), CASE(sessions), CASE(hostile_start), CASE(hostile_sizes), CASE(no_folder_left))
