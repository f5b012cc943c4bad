#include "net/wire.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

static const char magic[][5] = {
	[WIRE_ROUTE] = "PETR", [WIRE_STATUS] = "PETS", [WIRE_HELLO] = "PETC", [WIRE_AUTH] = "PETA",
};

/* Writing never overruns: the longest message fits WIRE_BODY_MAX by construction. */
struct put {
	uint8_t *at;
};

static void put_n(struct put *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		*p->at++ = (uint8_t)(v >> (8 * i));
}

static void put_bytes(struct put *p, const void *data, size_t len)
{
	memcpy(p->at, data, len);
	p->at += len;
}

static void put_text(struct put *p, const char *s, size_t max)
{
	size_t n = strnlen(s, max);

	put_n(p, n, 1);
	put_bytes(p, s, n);
}

static void put_id(struct put *p, const struct wire_id *id)
{
	put_n(p, id->stream, 2);
	put_n(p, 0, 2);
	put_n(p, id->epoch, 4);
	put_n(p, id->group, 4);
	put_n(p, id->attempt, 4);
	put_n(p, id->shard, 4);
	put_text(p, id->from, sizeof(id->from) - 1);
	put_text(p, id->to, sizeof(id->to) - 1);
	put_text(p, id->job, sizeof(id->job) - 1);
}

static struct put put_start(uint8_t *out)
{
	return (struct put){ out + WIRE_HEAD };
}

static size_t put_head(uint8_t *out, enum wire_msg msg, const struct put *end)
{
	size_t len = (size_t)(end->at - out) - WIRE_HEAD;
	struct put p = { out };

	put_bytes(&p, magic[msg], 4);
	put_n(&p, WIRE_MAJOR, 1);
	put_n(&p, WIRE_MINOR, 1);
	put_n(&p, len, 2);
	return WIRE_HEAD + len;
}

size_t wire_put_route(uint8_t *out, const struct wire_route *r)
{
	struct put p = put_start(out);

	put_n(&p, r->wait_ms, 4);
	put_id(&p, &r->id);
	return put_head(out, WIRE_ROUTE, &p);
}

size_t wire_put_status(uint8_t *out, enum wire_state state, const char *text)
{
	struct put p = put_start(out);

	put_n(&p, state, 1);
	put_text(&p, text, WIRE_TEXT_MAX);
	return put_head(out, WIRE_STATUS, &p);
}

size_t wire_put_hello(uint8_t *out, const struct wire_hello *h)
{
	struct put p = put_start(out);

	put_bytes(&p, h->nonce, sizeof(h->nonce));
	put_bytes(&p, h->session, sizeof(h->session));
	put_n(&p, h->received, 8);
	put_n(&p, h->credit, 8);
	put_id(&p, &h->id);
	return put_head(out, WIRE_HELLO, &p);
}

size_t wire_put_auth(uint8_t *out, const uint8_t mac[WIRE_MAC])
{
	struct put p = put_start(out);

	put_bytes(&p, mac, WIRE_MAC);
	return put_head(out, WIRE_AUTH, &p);
}

/* Reading: a take past the end marks the whole message short and gives zeros. */
struct take {
	const uint8_t *at, *end;
	int bad;
};

static const uint8_t *take_bytes(struct take *t, size_t len)
{
	static const uint8_t zeros[256];
	const uint8_t *p = t->at;

	if ((size_t)(t->end - t->at) < len) {
		t->bad = 1;
		return zeros;
	}
	t->at += len;
	return p;
}

static uint64_t take_n(struct take *t, int bytes)
{
	const uint8_t *p = take_bytes(t, (size_t)bytes);
	uint64_t v = 0;

	for (int i = bytes - 1; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

/* Printable ASCII only, so that a peer's text can stand in a log or a sentence. */
static void take_text(struct take *t, char *out, size_t size)
{
	size_t n = (size_t)take_n(t, 1);
	const uint8_t *p = take_bytes(t, n);

	if (n >= size) {
		t->bad = 1;
		n = 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e)
			t->bad = 1;
		out[i] = (char)p[i];
	}
	out[n] = '\0';
}

static int job_ok(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && s[n] == '\0';
}

static void take_id(struct take *t, struct wire_id *id)
{
	id->stream = (uint16_t)take_n(t, 2);
	take_n(t, 2);
	id->epoch = (uint32_t)take_n(t, 4);
	id->group = (uint32_t)take_n(t, 4);
	id->attempt = (uint32_t)take_n(t, 4);
	id->shard = (uint32_t)take_n(t, 4);
	take_text(t, id->from, sizeof(id->from));
	take_text(t, id->to, sizeof(id->to));
	take_text(t, id->job, sizeof(id->job));
	if (party_name_ok(id->from) != 0 || party_name_ok(id->to) != 0 || !job_ok(id->job) ||
	    strcmp(id->from, id->to) == 0)
		t->bad = 1;
}

int wire_get_head(const uint8_t head[WIRE_HEAD], enum wire_msg want, size_t *body,
		  struct errmsg *em)
{
	size_t len = (size_t)head[6] | (size_t)head[7] << 8;

	if (memcmp(head, magic[want], 4) != 0)
		return errmsg_set(em, ERR_PEER, "NOT_PETPLATFORM",
				  "what answers does not speak petplatform's wire format: expected %s", magic[want]);
	if (head[4] != WIRE_MAJOR)
		return errmsg_set(em, ERR_DENIED, "WIRE_VERSION",
				  "the other side speaks wire version %u.%u, this side %d.%d: both need the same major version",
				  head[4], head[5], WIRE_MAJOR, WIRE_MINOR);
	if (len > WIRE_BODY_MAX)
		return errmsg_set(em, ERR_PEER, "BAD_MESSAGE", "a %s message of %zu bytes: at most %d are allowed",
				  magic[want], len, WIRE_BODY_MAX);
	*body = len;
	return 0;
}

/* Bytes after the known ones are a newer minor version's: ignored. */
static int take_end(const struct take *t, enum wire_msg msg, struct errmsg *em)
{
	if (!t->bad)
		return 0;
	return errmsg_set(em, ERR_PEER, "BAD_MESSAGE", "a malformed %s message", magic[msg]);
}

int wire_get_route(const uint8_t *body, size_t len, struct wire_route *r, struct errmsg *em)
{
	struct take t = { body, body + len, 0 };

	r->wait_ms = (uint32_t)take_n(&t, 4);
	take_id(&t, &r->id);
	return take_end(&t, WIRE_ROUTE, em);
}

int wire_get_status(const uint8_t *body, size_t len, struct wire_status *s, struct errmsg *em)
{
	struct take t = { body, body + len, 0 };

	s->state = (uint8_t)take_n(&t, 1);
	take_text(&t, s->text, sizeof(s->text));
	if (s->state > WIRE_REFUSED)
		t.bad = 1;
	return take_end(&t, WIRE_STATUS, em);
}

int wire_get_hello(const uint8_t *body, size_t len, struct wire_hello *h, struct errmsg *em)
{
	struct take t = { body, body + len, 0 };

	memcpy(h->nonce, take_bytes(&t, WIRE_NONCE), WIRE_NONCE);
	memcpy(h->session, take_bytes(&t, WIRE_SESSION), WIRE_SESSION);
	h->received = take_n(&t, 8);
	h->credit = take_n(&t, 8);
	take_id(&t, &h->id);
	return take_end(&t, WIRE_HELLO, em);
}

int wire_get_auth(const uint8_t *body, size_t len, uint8_t mac[WIRE_MAC], struct errmsg *em)
{
	struct take t = { body, body + len, 0 };

	memcpy(mac, take_bytes(&t, WIRE_MAC), WIRE_MAC);
	return take_end(&t, WIRE_AUTH, em);
}

void wire_put_u64(uint8_t out[8], uint64_t v)
{
	struct put p = { out };

	put_n(&p, v, 8);
}

uint64_t wire_get_u64(const uint8_t in[8])
{
	struct take t = { in, in + 8, 0 };

	return take_n(&t, 8);
}

void wire_put_frame(uint8_t out[WIRE_FRAME], enum wire_type type, uint32_t length, uint64_t value)
{
	struct put p = { out };

	put_n(&p, type, 1);
	put_n(&p, 0, 3);
	put_n(&p, length, 4);
	put_n(&p, value, 8);
}

int wire_get_frame(const uint8_t in[WIRE_FRAME], struct wire_frame *f, struct errmsg *em)
{
	struct take t = { in, in + WIRE_FRAME, 0 };
	int ok;

	f->type = (uint8_t)take_n(&t, 1);
	ok = take_n(&t, 3) == 0;
	f->length = (uint32_t)take_n(&t, 4);
	f->value = take_n(&t, 8);
	switch (f->type) {
	case WIRE_DATA:
		ok = ok && f->length > 0 && f->length <= WIRE_DATA_MAX;
		break;
	case WIRE_ACK:
		ok = ok && f->length == 8;
		break;
	case WIRE_PING: case WIRE_CLOSE: case WIRE_DONE: case WIRE_ABORT:
		ok = ok && f->length == 0;
		break;
	default:
		ok = 0;
	}
	if (ok)
		return 0;
	return errmsg_set(em, ERR_PEER, "BAD_FRAME", "a frame of type %u with %u bytes: no such frame is allowed",
			  f->type, f->length);
}

static int same_attempt(const struct wire_id *a, const struct wire_id *b)
{
	return a->stream == b->stream && a->epoch == b->epoch && a->group == b->group &&
	       a->attempt == b->attempt && a->shard == b->shard && strcmp(a->job, b->job) == 0;
}

int wire_id_mirrors(const struct wire_id *a, const struct wire_id *b)
{
	return same_attempt(a, b) && strcmp(a->from, b->to) == 0 && strcmp(a->to, b->from) == 0;
}

int wire_id_equal(const struct wire_id *a, const struct wire_id *b)
{
	return same_attempt(a, b) && strcmp(a->from, b->from) == 0 && strcmp(a->to, b->to) == 0;
}

int wire_mac(const uint8_t key[32], const uint8_t *own, size_t own_len,
	     const uint8_t *peer, size_t peer_len, uint8_t mac[WIRE_MAC])
{
	static const char label[] = "petplatform channel 1";
	uint8_t text[sizeof(label) + 2 * WIRE_MSG_MAX];
	struct put p = { text };
	unsigned int n = WIRE_MAC;

	/* Unambiguous: each HELLO carries its own length in its head. */
	put_bytes(&p, label, sizeof(label));
	put_bytes(&p, own, own_len);
	put_bytes(&p, peer, peer_len);
	if (!HMAC(EVP_sha256(), key, 32, text, (size_t)(p.at - text), mac, &n) || n != WIRE_MAC)
		return ERR_INTERNAL;
	return 0;
}

int wire_mac_equal(const uint8_t a[WIRE_MAC], const uint8_t b[WIRE_MAC])
{
	return CRYPTO_memcmp(a, b, WIRE_MAC) == 0;
}
