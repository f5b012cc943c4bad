#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "net/dial.h"
#include "netd/netd.h"

/* With several gateways, how long one is asked before the next: the operator may be at any. */
#define TRY_MS 300

/* FNV-1a, 64 bits: spreads channels over gateways; nothing secret depends on it. */
static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t weight(const struct wire_id *id, const char *address)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	h = mix(h, id->job, strlen(id->job));
	h = mix(h, &id->epoch, sizeof(id->epoch));
	h = mix(h, &id->group, sizeof(id->group));
	h = mix(h, &id->attempt, sizeof(id->attempt));
	h = mix(h, &id->shard, sizeof(id->shard));
	h = mix(h, address, strlen(address));
	/* FNV's last bytes reach only the low bits: fold them in. */
	h ^= h >> 32;
	return h * UINT64_C(0x9e3779b97f4a7c15);
}

/*
 * Rendezvous hashing (Thaler and Ravishankar 1998): the gateway with the
 * highest weight comes first, so one that joins or leaves moves only its share.
 */
void peer_order(const struct party *p, const struct wire_id *id, size_t order[PARTY_NET_MAX])
{
	uint64_t w[PARTY_NET_MAX];

	for (size_t i = 0; i < p->net_count; i++) {
		size_t k = i;

		w[i] = weight(id, p->net[i].address);
		for (; k > 0 && w[order[k - 1]] < w[i]; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
}

int netd_read_msg(struct tls *t, enum wire_msg want, uint8_t *raw, size_t *len, int64_t deadline,
		  int wake, struct errmsg *em)
{
	size_t body;
	int rc = tls_read_all(t, raw, WIRE_HEAD, deadline, wake);

	if (rc)
		return rc;
	rc = wire_get_head(raw, want, &body, em);
	if (rc)
		return rc;
	*len = WIRE_HEAD + body;
	return tls_read_all(t, raw + WIRE_HEAD, body, deadline, wake);
}

int netd_send_status(struct tls *t, enum wire_state state, const char *text, int64_t deadline, int wake)
{
	uint8_t msg[WIRE_MSG_MAX];

	return tls_write_all(t, msg, wire_put_status(msg, state, text), deadline, wake);
}

/* ROUTE out, STATUS back. */
static int ask(struct tls *t, const struct wire_route *route, int wake, struct errmsg *em)
{
	int64_t deadline = util_mono_ms() + route->wait_ms + NETD_OPENING_MS;
	uint8_t msg[WIRE_MSG_MAX];
	struct wire_status st;
	size_t len;
	int rc = ERR_INTERNAL;

	TRY(tls_write_all(t, msg, wire_put_route(msg, route), deadline, wake));
	TRY(netd_read_msg(t, WIRE_STATUS, msg, &len, deadline, wake, em));
	TRY(wire_get_status(msg + WIRE_HEAD, len - WIRE_HEAD, &st, em));
	if (st.state == WIRE_RETRY)
		rc = errmsg_set(em, ERR_BUSY, "PEER_AWAY", "%s", st.text);
	else if (st.state == WIRE_REFUSED)
		rc = errmsg_set(em, ERR_DENIED, "REFUSED", "the gateway of %s: %s", route->id.to, st.text);
out:
	/* A certificate that the other side refuses shows here, not in our half of the handshake. */
	if (rc == ERR_IO || (rc == ERR_PEER && em && !em->local[0]))
		errmsg_set(em, rc, "GATEWAY_CLOSED", "the gateway of %s closed the connection: it may not accept this party's certificate",
			   route->id.to);
	return rc;
}

static int dial_one(struct site *site, const char *address, const struct wire_route *route,
		    int64_t deadline, int wake, struct tls **out, struct errmsg *em)
{
	struct errmsg why = { 0 };
	unsigned int silent = 30000;
	int64_t opening = util_mono_ms() + NETD_OPENING_MS;
	int fd, rc;

	if (opening > deadline + NETD_OPENING_MS)
		opening = deadline + NETD_OPENING_MS;
	rc = dial_tcp(address, opening, wake, &fd, em);
	if (rc)
		return rc;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent, sizeof(silent));
	rc = tls_open(site->tls, fd, route->id.to, opening, wake, out, &why);
	if (rc)
		return errmsg_set(em, rc == ERR_CANCELED ? rc : ERR_PEER, "TLS", "the gateway of %s at %s: %s",
				  route->id.to, address, why.local);
	rc = ask(*out, route, wake, em);
	if (rc) {
		tls_close(*out);
		*out = NULL;
	}
	return rc;
}

int peer_dial(struct netd *nd, struct site *site, const struct wire_route *route, int64_t deadline,
	      int wake, struct tls **out, struct errmsg *em)
{
	const struct party *p = party_find(site->pf, route->id.to);
	size_t order[PARTY_NET_MAX], count = nd->task.on ? 1 : p ? p->net_count : 0;
	int rc = ERR_NOTFOUND;

	if (!count)
		return errmsg_set(em, ERR_DENIED, "UNKNOWN_PARTY", "%s is not in the party file", route->id.to);
	peer_order(p, &route->id, order);
	/* Unreachable, or the operator is not there yet: the next gateway, and round again until the time is over. */
	for (size_t i = 0; ; i++) {
		const char *address = nd->task.on ? nd->task.connect : p->net[order[i % count]].address;
		struct wire_route step = *route;
		int64_t left = deadline - util_mono_ms(), most = count > 1 ? TRY_MS : NETD_HOLD_MS;

		if (left <= 0 && i >= count)
			return rc;
		step.wait_ms = (uint32_t)(left < 0 ? 0 : left < most ? left : most);
		rc = dial_one(site, address, &step, deadline, wake, out, em);
		if (rc == 0 || rc == ERR_CANCELED || rc == ERR_DENIED)
			return rc;
		/* A refused connection costs no time by itself. */
		if (rc != ERR_BUSY && i % count == count - 1 && io_wait(-1, 0, util_mono_ms() + 50, wake) == ERR_CANCELED)
			return ERR_CANCELED;
	}
}
