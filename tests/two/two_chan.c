/* What protocols rely on, over every transport that needs no gateway. */
#include "net/chan.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "test.h"

static int (*make_pair)(struct chan **, struct chan **) = chan_mem_pair;

/* Bytes that differ by side, stream and position, without a table to hold them. */
static unsigned char byte_at(unsigned side, uint64_t pos)
{
	uint64_t x = (pos + 1) * UINT64_C(0x9e3779b97f4a7c15) + side * 77;

	return (unsigned char)(x >> 32 ^ x >> 56);
}

static void fill(unsigned char *p, size_t len, unsigned side)
{
	for (size_t i = 0; i < len; i++)
		p[i] = byte_at(side, i);
}

static int same(const unsigned char *p, size_t len, unsigned side)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != byte_at(side, i))
			return 0;
	return 1;
}

struct party {
	pthread_t thread;
	struct chan *c;
	unsigned side;
	size_t out_len, in_len;
	int rc, ok;
	int (*run)(struct party *p);
};

static void *party_main(void *arg)
{
	struct party *p = arg;

	p->rc = p->run(p);
	return NULL;
}

/* Runs both sides in threads of their own. */
static void both(struct party p[2], int (*a)(struct party *), int (*b)(struct party *))
{
	struct chan *c[2] = { NULL, NULL };

	CHECK_INT(make_pair(&c[0], &c[1]), 0);
	for (unsigned i = 0; i < 2; i++) {
		p[i].c = c[i];
		p[i].side = i;
		p[i].run = i ? b : a;
		CHECK_INT(pthread_create(&p[i].thread, NULL, party_main, &p[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(p[i].thread, NULL);
}

static void free_both(struct party p[2])
{
	/* Both ends at once: an end of its own tells the other that it went. */
	chan_free(p[0].c);
	chan_free(p[1].c);
}

static int run_exchange(struct party *p)
{
	unsigned char *out = malloc(p->out_len + 1), *in = malloc(p->in_len + 1);
	int rc = ERR_INTERNAL;

	fill(out, p->out_len, p->side);
	TRY(chan_exchange(p->c, out, p->out_len, in, p->in_len));
	p->ok = same(in, p->in_len, !p->side);
	TRY(chan_close(p->c));
	rc = 0;
out:
	free(out);
	free(in);
	return rc;
}

static void exchange_of(size_t a, size_t b)
{
	struct party p[2] = { { .out_len = a, .in_len = b }, { .out_len = b, .in_len = a } };
	struct chan_stats st;

	both(p, run_exchange, run_exchange);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(p[i].rc, 0);
		CHECK(p[i].ok);
		chan_stats(p[i].c, &st);
		CHECK_INT(st.bytes_sent, p[i].out_len);
		CHECK_INT(st.bytes_received, p[i].in_len);
		CHECK_INT(st.rounds, p[i].out_len && p[i].in_len);
	}
	free_both(p);
}

TEST(exchange)
{
	exchange_of(24 << 20, 24 << 20);
	exchange_of(0, 0);
	exchange_of(0, 1);
	exchange_of(1, 0);
	exchange_of(13 << 20, 0);
	exchange_of(1, (9 << 20) + 7);
	exchange_of(1 << 16, 1 << 16);
}

static int run_ping(struct party *p)
{
	uint64_t v = 0;
	int rc = ERR_INTERNAL;

	for (uint64_t i = 0; i < 1000; i++) {
		if (p->side == 0)
			TRY(chan_send_u64(p->c, i * 3));
		TRY(chan_recv_u64(p->c, &v));
		if (p->side == 1)
			TRY(chan_send_u64(p->c, v + 1));
		else if (v != i * 3 + 1)
			return ERR_INTERNAL;
	}
	TRY(chan_flush(p->c));
	TRY(chan_close(p->c));
	rc = 0;
out:
	return rc;
}

TEST(rounds)
{
	struct party p[2] = { { 0 }, { 0 } };
	struct chan_stats st;

	both(p, run_ping, run_ping);
	CHECK_INT(p[0].rc, 0);
	CHECK_INT(p[1].rc, 0);
	chan_stats(p[0].c, &st);
	CHECK_INT(st.rounds, 1000);
	chan_stats(p[1].c, &st);
	CHECK_INT(st.rounds, 999);
	free_both(p);
}

/* Sends as much as a peer's credit holds, before anyone receives. */
static int run_send_first(struct party *p)
{
	size_t len = 3 << 20;
	unsigned char *b = malloc(len);
	int rc = ERR_INTERNAL;

	fill(b, len, p->side);
	TRY(chan_send(p->c, b, len));
	TRY(chan_recv(p->c, b, len));
	p->ok = same(b, len, !p->side);
	TRY(chan_close(p->c));
	rc = 0;
out:
	free(b);
	return rc;
}

TEST(both_send_first)
{
	struct party p[2] = { { 0 }, { 0 } };

	both(p, run_send_first, run_send_first);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(p[i].rc, 0);
		CHECK(p[i].ok);
	}
	free_both(p);
}

#define STREAMS 8

static int run_one_stream(struct party *p)
{
	return run_exchange(p);
}

/* Odd sides open their sub-channels in the other order: the order must not matter. */
static int run_streams(struct party *p)
{
	struct party sub[STREAMS] = { { 0 } };
	int rc = 0;

	for (unsigned k = 0; k < STREAMS; k++) {
		unsigned s = p->side ? STREAMS - 1 - k : k;

		sub[s] = (struct party){ .side = p->side, .run = run_one_stream,
					 .out_len = (s + 1) * 100000, .in_len = (s + 1) * 100000 };
		if (chan_sub(p->c, (uint16_t)(s + 1), &sub[s].c) != 0 ||
		    pthread_create(&sub[s].thread, NULL, party_main, &sub[s]) != 0)
			return ERR_INTERNAL;
	}
	p->ok = 1;
	for (unsigned s = 0; s < STREAMS; s++) {
		pthread_join(sub[s].thread, NULL);
		if (sub[s].rc)
			rc = sub[s].rc;
		p->ok &= sub[s].ok;
		chan_free(sub[s].c);
	}
	return rc ? rc : chan_close(p->c);
}

TEST(sub_channels)
{
	struct party p[2] = { { 0 }, { 0 } };
	struct chan_stats st;

	both(p, run_streams, run_streams);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(p[i].rc, 0);
		CHECK(p[i].ok);
		chan_stats(p[i].c, &st);
		CHECK_INT(st.bytes_sent, 100000 * STREAMS * (STREAMS + 1) / 2);
		CHECK_INT(st.bytes_received, st.bytes_sent);
	}
	free_both(p);
}

TEST(sub_rules)
{
	struct chan *a, *b, *s, *again;

	CHECK_INT(make_pair(&a, &b), 0);
	CHECK_INT(chan_sub(a, 0, &s), ERR_INPUT);
	CHECK_INT(chan_sub(a, 65535, &s), 0);
	CHECK_INT(chan_sub(a, 65535, &again), ERR_CONFLICT);
	CHECK(again == NULL);
	CHECK_INT(chan_sub(s, 3, &again), ERR_INPUT);
	chan_free(s);
	chan_free(a);
	chan_free(b);
	chan_free(NULL);
}

static int run_blob_sender(struct party *p)
{
	unsigned char b[1000];
	int rc = ERR_INTERNAL;

	fill(b, sizeof(b), p->side);
	TRY(chan_send_blob(p->c, b, sizeof(b)));
	TRY(chan_send_blob(p->c, b, 0));
	TRY(chan_send_blob(p->c, b, 501));
	TRY(chan_flush(p->c));
	/* The peer refuses the third one, so the close cannot succeed. */
	rc = chan_recv(p->c, b, 1);
out:
	return rc;
}

static int run_blob_receiver(struct party *p)
{
	void *b;
	size_t len;
	int rc = chan_recv_blob(p->c, &b, &len, 1000);

	if (rc)
		return rc;
	p->ok = len == 1000 && same(b, len, !p->side);
	free(b);
	rc = chan_recv_blob(p->c, &b, &len, 0);
	if (rc)
		return rc;
	p->ok &= len == 0;
	free(b);
	rc = chan_recv_blob(p->c, &b, &len, 500);
	p->ok &= rc == ERR_PEER && strstr(chan_error(p->c), "501 bytes where at most 500");
	/* After an error every further call returns it. */
	p->ok &= chan_send(p->c, "x", 1) == ERR_PEER && chan_flush(p->c) == ERR_PEER &&
		 chan_close(p->c) == ERR_PEER;
	chan_free(p->c);
	p->c = NULL;
	return rc;
}

TEST(blobs)
{
	struct party p[2] = { { 0 }, { 0 } };

	both(p, run_blob_sender, run_blob_receiver);
	CHECK_INT(p[0].rc, ERR_PEER);
	CHECK_INT(p[1].rc, ERR_PEER);
	CHECK(p[1].ok);
	CHECK(strlen(chan_error(p[0].c)) > 10);
	free_both(p);
}

static int run_wait(struct party *p)
{
	char b[10];

	return chan_recv(p->c, b, sizeof(b));
}

static int run_cancel(struct party *p)
{
	usleep(20000);
	chan_cancel(p->c);
	return chan_send(p->c, "x", 1);
}

static void *sub_wait(void *arg)
{
	struct party *p = arg;
	char b[1];

	p->rc = chan_recv(p->c, b, 1);
	return NULL;
}

TEST(cancel)
{
	struct chan *a, *b;
	struct party p = { 0 }, root = { 0 };

	/* A thread that waits on the parent and one that waits on a sub-channel. */
	CHECK_INT(make_pair(&a, &b), 0);
	CHECK_INT(chan_sub(a, 5, &p.c), 0);
	root.c = a;
	root.run = run_wait;
	CHECK_INT(pthread_create(&root.thread, NULL, party_main, &root), 0);
	CHECK_INT(pthread_create(&p.thread, NULL, sub_wait, &p), 0);
	root.side = 0;
	{
		struct party q = { .c = a };

		CHECK_INT(run_cancel(&q), ERR_CANCELED);
	}
	pthread_join(root.thread, NULL);
	pthread_join(p.thread, NULL);
	CHECK_INT(root.rc, ERR_CANCELED);
	CHECK_INT(p.rc, ERR_CANCELED);
	CHECK_HAS(chan_error(p.c), "canceled");
	CHECK_INT(chan_sub(a, 6, &root.c), ERR_CANCELED);
	chan_free(p.c);
	chan_free(a);
	chan_free(b);
}

/* What was flushed before the peer went is still read; then a sentence. */
static int run_leave(struct party *p)
{
	int rc = ERR_INTERNAL;

	TRY(chan_send(p->c, "last words", 10));
	TRY(chan_flush(p->c));
	TRY(chan_recv(p->c, &(char){ 0 }, 1));
	chan_free(p->c);
	p->c = NULL;
	rc = 0;
out:
	return rc;
}

static int run_left(struct party *p)
{
	char b[10];
	int rc = ERR_INTERNAL;

	TRY(chan_send(p->c, "x", 1));
	TRY(chan_flush(p->c));
	TRY(chan_recv(p->c, b, 10));
	p->ok = memcmp(b, "last words", 10) == 0;
	rc = chan_recv(p->c, b, 1);
out:
	return rc;
}

TEST(peer_gone)
{
	struct party p[2] = { { 0 }, { 0 } };

	both(p, run_leave, run_left);
	CHECK_INT(p[0].rc, 0);
	CHECK_INT(p[1].rc, ERR_PEER);
	CHECK(p[1].ok);
	CHECK_HAS(chan_error(p[1].c), "without closing");
	free_both(p);
}

static int run_send_all(struct party *p)
{
	size_t len = 32 << 20;
	char *b = calloc(1, len);
	int rc = chan_send(p->c, b, len);

	free(b);
	return rc;
}

/* A sender that waits for room must learn that its reader has gone. */
static int run_gone(struct party *p)
{
	usleep(20000);
	chan_free(p->c);
	p->c = NULL;
	return 0;
}

TEST(peer_gone_while_sending)
{
	struct party p[2] = { { 0 }, { 0 } };

	both(p, run_send_all, run_gone);
	CHECK_INT(p[0].rc, ERR_PEER);
	CHECK_HAS(chan_error(p[0].c), "peer");
	free_both(p);
}

static int run_close_short(struct party *p)
{
	return chan_close(p->c);
}

static int run_want_more(struct party *p)
{
	return chan_recv(p->c, &(char){ 0 }, 1);
}

TEST(closed_too_early)
{
	struct party p[2] = { { 0 }, { 0 } };

	/* The one that closes waits for the other's close, which never comes: it gets an error when the other is freed. */
	struct chan *a, *b;

	CHECK_INT(make_pair(&a, &b), 0);
	p[0] = (struct party){ .c = a, .run = run_close_short };
	p[1] = (struct party){ .c = b, .run = run_want_more };
	for (int i = 0; i < 2; i++)
		CHECK_INT(pthread_create(&p[i].thread, NULL, party_main, &p[i]), 0);
	pthread_join(p[1].thread, NULL);
	CHECK_INT(p[1].rc, ERR_PEER);
	CHECK_HAS(chan_error(b), "closed the channel before");
	chan_free(b);
	pthread_join(p[0].thread, NULL);
	CHECK_INT(p[0].rc, ERR_PEER);
	chan_free(a);
}

static void run_all(void)
{
	test_exchange();
	test_rounds();
	test_both_send_first();
	test_sub_channels();
	test_sub_rules();
	test_blobs();
	test_cancel();
	test_peer_gone();
	test_peer_gone_while_sending();
	test_closed_too_early();
}

/* A listener and a connector on a free loopback port, opened at the same time. */
struct opening {
	struct chan_conf conf;
	struct chan *c;
	struct errmsg em;
	int rc;
};

static void *open_main(void *arg)
{
	struct opening *o = arg;

	o->rc = chan_open(&o->conf, &o->c, &o->em);
	return NULL;
}

static int free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
		return -1;
	close(fd);
	return ntohs(sa.sin_port);
}

static void open_both(struct opening o[2])
{
	static const uint8_t key[32] = { 1, 2, 3 };
	static char address[32];
	pthread_t t[2];

	snprintf(address, sizeof(address), "127.0.0.1:%d", free_port());
	for (int i = 0; i < 2; i++) {
		const struct chan_conf base = {
			.scheme = "tcp", .address = address, .listen = i, .self = i ? "party_b" : "party_a",
			.peer = i ? "party_a" : "party_b", .job = "j_test", .key = o[i].conf.key ? o[i].conf.key : key,
			.connect_ms = o[i].conf.connect_ms, .away_ms = 5000, .attempt = o[i].conf.attempt };

		o[i].conf = base;
		if (!o[i].conf.connect_ms)
			o[i].conf.connect_ms = 20000;
		pthread_create(&t[i], NULL, open_main, &o[i]);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

static int tcp_pair(struct chan **a, struct chan **b)
{
	struct opening o[2] = { { .rc = 0 }, { .rc = 0 } };

	open_both(o);
	*a = o[0].c;
	*b = o[1].c;
	return o[0].rc ? o[0].rc : o[1].rc;
}

TEST(tcp)
{
	make_pair = tcp_pair;
	run_all();
	make_pair = chan_mem_pair;
}

TEST(tcp_wrong_key)
{
	static const uint8_t other[32] = { 1, 2, 4 };
	struct opening o[2] = { { .conf = { .connect_ms = 300 } },
				{ .conf = { .connect_ms = 300, .key = other } } };

	open_both(o);
	CHECK_INT(o[0].rc, ERR_PEER);
	CHECK_INT(o[1].rc, ERR_PEER);
	CHECK(o[0].c == NULL && o[1].c == NULL);
	CHECK_HAS(o[0].em.local, "party_b did not come within 300 ms");
	/* One of the two may have seen only that the other hung up. */
	CHECK(strstr(o[0].em.local, "did not prove the key") || strstr(o[1].em.local, "did not prove the key"));
}

TEST(tcp_other_attempt)
{
	struct opening o[2] = { { .conf = { .connect_ms = 200 } },
				{ .conf = { .connect_ms = 200, .attempt = 1 } } };

	open_both(o);
	CHECK_INT(o[0].rc, ERR_PEER);
	CHECK_INT(o[1].rc, ERR_PEER);
}

TEST(bad_conf)
{
	static const uint8_t key[32];
	const struct chan_conf good = { .scheme = "tcp", .address = "127.0.0.1:1", .self = "party_a",
					.peer = "party_b", .job = "j", .key = key, .connect_ms = 50 };
	struct chan_conf c;
	struct errmsg em = { 0 };
	struct chan *ch;

	CHECK_INT(chan_open(&good, &ch, &em), ERR_PEER);
	CHECK_HAS(em.local, "127.0.0.1:1");
	c = good; c.scheme = "udp";
	CHECK_INT(chan_open(&c, &ch, &em), ERR_INPUT);
	CHECK_HAS(em.local, "udp");
	c = good; c.peer = "party_a";
	CHECK_INT(chan_open(&c, &ch, &em), ERR_INPUT);
	c = good; c.self = "../x";
	CHECK_INT(chan_open(&c, &ch, &em), ERR_INPUT);
	c = good; c.key = NULL;
	CHECK_INT(chan_open(&c, &ch, &em), ERR_INPUT);
	c = good; c.address = "nonsense";
	CHECK_INT(chan_open(&c, &ch, &em), ERR_PEER);
	CHECK_HAS(em.local, "host:port");
	CHECK(ch == NULL);
}

TEST_MAIN(CASE(exchange), CASE(rounds), CASE(both_send_first), CASE(sub_channels), CASE(sub_rules),
	  CASE(blobs), CASE(cancel), CASE(peer_gone), CASE(peer_gone_while_sending),
	  CASE(closed_too_early), CASE(tcp), CASE(tcp_wrong_key),
	  CASE(tcp_other_attempt), CASE(bad_conf))
