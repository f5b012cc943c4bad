#include "net/wire.h"

#include "base/util.h"
#include "test.h"

static const struct wire_id id = { .from = "party_a", .to = "party_b", .job = "j_1", .epoch = 1, .group = 2,
				   .attempt = 3, .shard = 4, .stream = 0x0506 };

static void check_id(const struct wire_id *got)
{
	CHECK_STR(got->from, "party_a");
	CHECK_STR(got->to, "party_b");
	CHECK_STR(got->job, "j_1");
	CHECK(wire_id_equal(got, &id));
}

/* The bytes that docs/wire.md draws. */
TEST(route_bytes)
{
	static const uint8_t want[] = "PETR\1\0\54\0" "\x10\x27\0\0" "\6\5\0\0" "\1\0\0\0" "\2\0\0\0" "\3\0\0\0" "\4\0\0\0"
				      "\7party_a\7party_b\3j_1";
	struct wire_route r = { .id = id, .wait_ms = 10000 }, back;
	uint8_t msg[WIRE_MSG_MAX];
	size_t n = wire_put_route(msg, &r), body;

	CHECK_INT(n, sizeof(want) - 1);
	CHECK(n == sizeof(want) - 1 && memcmp(msg, want, n) == 0);
	CHECK_INT(wire_get_head(msg, WIRE_ROUTE, &body, NULL), 0);
	CHECK_INT(body, n - WIRE_HEAD);
	CHECK_INT(wire_get_route(msg + WIRE_HEAD, body, &back, NULL), 0);
	CHECK_INT(back.wait_ms, 10000);
	check_id(&back.id);
	/* A newer minor version may append. */
	CHECK_INT(wire_get_route(msg + WIRE_HEAD, body + 40, &back, NULL), 0);
}

TEST(hello_and_status)
{
	struct wire_hello h = { .id = id, .received = UINT64_MAX - 1, .credit = 1 }, back;
	struct wire_status st;
	uint8_t msg[WIRE_MSG_MAX];
	char text[300];
	size_t n;

	memset(h.nonce, 7, sizeof(h.nonce));
	memset(h.session, 8, sizeof(h.session));
	n = wire_put_hello(msg, &h);
	CHECK_INT(wire_get_hello(msg + WIRE_HEAD, n - WIRE_HEAD, &back, NULL), 0);
	check_id(&back.id);
	CHECK(back.received == UINT64_MAX - 1 && back.credit == 1);
	CHECK(memcmp(back.nonce, h.nonce, sizeof(h.nonce)) == 0 && memcmp(back.session, h.session, sizeof(h.session)) == 0);
	memset(text, 'x', sizeof(text));
	text[299] = '\0';
	n = wire_put_status(msg, WIRE_RETRY, text);
	CHECK_INT(wire_get_status(msg + WIRE_HEAD, n - WIRE_HEAD, &st, NULL), 0);
	CHECK_INT(st.state, WIRE_RETRY);
	CHECK_INT(strlen(st.text), WIRE_TEXT_MAX);
	msg[WIRE_HEAD] = 3;
	CHECK_INT(wire_get_status(msg + WIRE_HEAD, n - WIRE_HEAD, &st, NULL), ERR_PEER);
	msg[WIRE_HEAD] = 0;
	msg[WIRE_HEAD + 5] = '\n';
	CHECK_INT(wire_get_status(msg + WIRE_HEAD, n - WIRE_HEAD, &st, NULL), ERR_PEER);
}

/* Every shorter body is refused, in a buffer of exactly that size so that a sanitizer sees a read past it. */
TEST(truncated)
{
	struct wire_hello h = { .id = id };
	uint8_t msg[WIRE_MSG_MAX];
	size_t n = wire_put_hello(msg, &h) - WIRE_HEAD;

	for (size_t k = 0; k < n; k++) {
		uint8_t *copy = malloc(k + 1);
		struct wire_route r;

		memcpy(copy, msg + WIRE_HEAD, k);
		copy = realloc(copy, k ? k : 1);
		CHECK_INT(wire_get_hello(copy, k, &h, NULL), ERR_PEER);
		if (k < 40)
			CHECK_INT(wire_get_route(copy, k, &r, NULL), ERR_PEER);
		free(copy);
	}
}

TEST(heads)
{
	uint8_t head[8] = "PETR\1\0\0\0";
	struct errmsg em = { 0 };
	size_t body = 99;

	CHECK_INT(wire_get_head(head, WIRE_HELLO, &body, &em), ERR_PEER);
	CHECK_HAS(em.local, "PETC");
	head[5] = 9;	/* another minor version is fine */
	CHECK_INT(wire_get_head(head, WIRE_ROUTE, &body, &em), 0);
	CHECK_INT(body, 0);
	head[4] = 2;
	CHECK_INT(wire_get_head(head, WIRE_ROUTE, &body, &em), ERR_DENIED);
	CHECK_HAS(em.local, "version 2.9, this side 1.0");
	head[4] = 1;
	head[6] = 1;
	head[7] = 2;
	CHECK_INT(wire_get_head(head, WIRE_ROUTE, &body, &em), ERR_PEER);
	CHECK_HAS(em.local, "513 bytes");
}

static int with_names(const char *from, const char *to, const char *job)
{
	struct wire_route r = { .id = id }, back;
	uint8_t msg[WIRE_MSG_MAX];
	size_t n;

	snprintf(r.id.from, sizeof(r.id.from), "%s", from);
	snprintf(r.id.to, sizeof(r.id.to), "%s", to);
	snprintf(r.id.job, sizeof(r.id.job), "%s", job);
	n = wire_put_route(msg, &r);
	return wire_get_route(msg + WIRE_HEAD, n - WIRE_HEAD, &back, NULL);
}

TEST(names)
{
	CHECK_INT(with_names("a", "b", "j"), 0);
	CHECK_INT(with_names("", "b", "j"), ERR_PEER);
	CHECK_INT(with_names("a", "a", "j"), ERR_PEER);
	CHECK_INT(with_names("A", "b", "j"), ERR_PEER);
	CHECK_INT(with_names("a", "../b", "j"), ERR_PEER);
	CHECK_INT(with_names("a", "b", ""), ERR_PEER);
	CHECK_INT(with_names("a", "b", "j/1"), ERR_PEER);
	CHECK_INT(with_names("a", "b", "j\n"), ERR_PEER);
}

TEST(frames)
{
	static const struct { uint8_t type; uint32_t length; int ok; } cases[] = {
		{ 0, 0, 0 }, { WIRE_DATA, 0, 0 }, { WIRE_DATA, 1, 1 }, { WIRE_DATA, WIRE_DATA_MAX, 1 },
		{ WIRE_DATA, WIRE_DATA_MAX + 1, 0 }, { WIRE_DATA, UINT32_MAX, 0 }, { WIRE_ACK, 8, 1 }, { WIRE_ACK, 7, 0 },
		{ WIRE_ACK, 0, 0 }, { WIRE_PING, 0, 1 }, { WIRE_PING, 1, 0 }, { WIRE_CLOSE, 0, 1 }, { WIRE_CLOSE, 9, 0 },
		{ WIRE_DONE, 0, 1 }, { WIRE_ABORT, 0, 1 }, { WIRE_ABORT, 4, 0 }, { 7, 0, 0 }, { 255, 0, 0 },
	};
	uint8_t b[WIRE_FRAME];
	struct wire_frame f;

	for (size_t i = 0; i < PET_ARRAY_SIZE(cases); i++) {
		wire_put_frame(b, (enum wire_type)cases[i].type, cases[i].length, UINT64_C(0x1122334455667788));
		CHECK_INT(wire_get_frame(b, &f, NULL), cases[i].ok ? 0 : ERR_PEER);
		CHECK(f.type == cases[i].type && f.length == cases[i].length);
		CHECK(f.value == UINT64_C(0x1122334455667788));
		b[2] = 1;
		CHECK_INT(wire_get_frame(b, &f, NULL), ERR_PEER);
	}
	wire_put_frame(b, WIRE_DATA, 0x010203, 0x0807060504030201);
	CHECK(memcmp(b, "\1\0\0\0\3\2\1\0\1\2\3\4\5\6\7\x8", 16) == 0);
}

TEST(mac_binds)
{
	static const uint8_t key[32] = { 1 }, other[32] = { 2 };
	uint8_t a[100], b[120], m[32], n[32];

	memset(a, 1, sizeof(a));
	memset(b, 2, sizeof(b));
	CHECK_INT(wire_mac(key, a, sizeof(a), b, sizeof(b), m), 0);
	CHECK_INT(wire_mac(key, a, sizeof(a), b, sizeof(b), n), 0);
	CHECK(wire_mac_equal(m, n));
	/* Reflected, under another key, or with any byte changed: another MAC. */
	CHECK_INT(wire_mac(key, b, sizeof(b), a, sizeof(a), n), 0);
	CHECK(!wire_mac_equal(m, n));
	CHECK_INT(wire_mac(other, a, sizeof(a), b, sizeof(b), n), 0);
	CHECK(!wire_mac_equal(m, n));
	for (size_t i = 0; i < sizeof(a) + sizeof(b); i++) {
		uint8_t *p = i < sizeof(a) ? &a[i] : &b[i - sizeof(a)];

		*p ^= 0x80;
		CHECK_INT(wire_mac(key, a, sizeof(a), b, sizeof(b), n), 0);
		CHECK(!wire_mac_equal(m, n));
		*p ^= 0x80;
	}
}

TEST(garbage)
{
	uint8_t b[WIRE_BODY_MAX];
	struct wire_route r;
	struct wire_hello h;
	struct wire_status st;
	struct wire_frame f;
	int taken = 0;

	for (int i = 0; i < 20000; i++) {
		size_t n;

		util_random(b, 64);
		n = b[63] % 64;
		taken += wire_get_route(b, n, &r, NULL) == 0;
		taken += wire_get_hello(b, n, &h, NULL) == 0;
		(void)!wire_get_status(b, n, &st, NULL);
		(void)!wire_get_frame(b, &f, NULL);
	}
	CHECK_INT(taken, 0);
}

TEST_MAIN(CASE(route_bytes), CASE(hello_and_status), CASE(truncated), CASE(heads), CASE(names),
	  CASE(frames), CASE(mac_binds), CASE(garbage))
