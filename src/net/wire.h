/*
 * Bytes on the wire, drawn in docs/wire.md. Pure functions: bytes in, values
 * out, every length checked; a peer of another major version is refused by name.
 *
 * Opening messages (ROUTE, STATUS, HELLO, AUTH) share an 8-byte head; after
 * AUTH there are only frames with a 16-byte header.
 */
#ifndef PET_NET_WIRE_H
#define PET_NET_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/party.h"

#define WIRE_MAJOR 1
#define WIRE_MINOR 0

#define WIRE_HEAD 8
#define WIRE_BODY_MAX 512
#define WIRE_MSG_MAX (WIRE_HEAD + WIRE_BODY_MAX)
#define WIRE_TEXT_MAX 200
#define WIRE_NONCE 32
#define WIRE_SESSION 16
#define WIRE_MAC 32
#define WIRE_FRAME 16
#define WIRE_DATA_MAX ((size_t)256 << 10)

enum wire_msg { WIRE_ROUTE, WIRE_STATUS, WIRE_HELLO, WIRE_AUTH };

/* What one connection is for; seen from its sender. */
struct wire_id {
	char from[PARTY_NAME_MAX], to[PARTY_NAME_MAX], job[64];
	uint32_t epoch, group, attempt, shard;
	uint16_t stream;
};

struct wire_route {
	struct wire_id id;
	uint32_t wait_ms;	/* how long the other side may hold this connection until its own end comes */
};

enum wire_state { WIRE_PAIRED = 0, WIRE_RETRY = 1, WIRE_REFUSED = 2 };

struct wire_status {
	uint8_t state;
	char text[WIRE_TEXT_MAX + 1];
};

struct wire_hello {
	struct wire_id id;
	uint8_t nonce[WIRE_NONCE];
	uint8_t session[WIRE_SESSION];	/* of this end of the channel, the same at every reconnect */
	uint64_t received;		/* bytes of the stream that have arrived here */
	uint64_t credit;		/* the offset up to which the other end may send */
};

enum wire_type { WIRE_DATA = 1, WIRE_ACK = 2, WIRE_PING = 3, WIRE_CLOSE = 4, WIRE_DONE = 5, WIRE_ABORT = 6 };

struct wire_frame {
	uint8_t type;
	uint32_t length;	/* of the payload that follows */
	uint64_t value;
};

/* Why an end aborted; the value of an ABORT frame. */
enum wire_reason { WIRE_ENDED = 1, WIRE_CANCELED = 2, WIRE_PROTOCOL = 3, WIRE_AWAY = 4 };

/* Each writes one whole message into out[WIRE_MSG_MAX] and returns its length. */
size_t wire_put_route(uint8_t *out, const struct wire_route *r);
size_t wire_put_status(uint8_t *out, enum wire_state state, const char *text);
size_t wire_put_hello(uint8_t *out, const struct wire_hello *h);
size_t wire_put_auth(uint8_t *out, const uint8_t mac[WIRE_MAC]);

/* Checks the head of a message that must be `want`; body: how many bytes follow. */
int wire_get_head(const uint8_t head[WIRE_HEAD], enum wire_msg want, size_t *body,
		  struct errmsg *em) PET_MUST_USE;
int wire_get_route(const uint8_t *body, size_t len, struct wire_route *r, struct errmsg *em) PET_MUST_USE;
int wire_get_status(const uint8_t *body, size_t len, struct wire_status *s, struct errmsg *em) PET_MUST_USE;
int wire_get_hello(const uint8_t *body, size_t len, struct wire_hello *h, struct errmsg *em) PET_MUST_USE;
int wire_get_auth(const uint8_t *body, size_t len, uint8_t mac[WIRE_MAC], struct errmsg *em) PET_MUST_USE;

void wire_put_frame(uint8_t out[WIRE_FRAME], enum wire_type type, uint32_t length, uint64_t value);
/* Unknown type, or a length that its type cannot have: ERR_PEER. */
int wire_get_frame(const uint8_t in[WIRE_FRAME], struct wire_frame *f, struct errmsg *em) PET_MUST_USE;
void wire_put_u64(uint8_t out[8], uint64_t v);
uint64_t wire_get_u64(const uint8_t in[8]);

/* The same channel seen from the other side? Stream included. */
int wire_id_mirrors(const struct wire_id *a, const struct wire_id *b);
/* An identical one. */
int wire_id_equal(const struct wire_id *a, const struct wire_id *b);

/*
 * Proof of the attempt key: mutual authentication by a MAC over both fresh
 * nonces and both names, MAP1 of Bellare and Rogaway, "Entity Authentication
 * and Key Distribution" (CRYPTO '93). The MAC is HMAC-SHA256 over a label,
 * the sender's whole HELLO and the receiver's whole HELLO, so that it also
 * binds job, epoch, group, attempt, shard, stream, direction and offsets.
 */
int wire_mac(const uint8_t key[32], const uint8_t *own, size_t own_len,
	     const uint8_t *peer, size_t peer_len, uint8_t mac[WIRE_MAC]) PET_MUST_USE;
/* Constant time. */
int wire_mac_equal(const uint8_t a[WIRE_MAC], const uint8_t b[WIRE_MAC]);

#endif
