/* Frames over one connection. Everything here runs in the helper thread. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/util.h"
#include "net/link.h"

#define ACK_EVERY (RING_SIZE / 8)
#define CREDIT_EVERY (RING_SIZE / 4)
#define ABORT_MS 500
/* Turns of writing before reading gets one, and the other way round. */
#define TURNS 4
/* Bytes to send up to which a send counts as part of a round, not as bulk. */
#define SMALL ((uint64_t)64 << 10)

void link_restart(struct link *l, const struct wire_hello *peer)
{
	l->in_len = 0;
	l->need = 0;
	l->head_at = l->head_len = 0;
	l->sent = l->data_at = l->data_end = peer->received;
	l->peer_credit = peer->credit;
	l->close_sent = l->done_sent = l->ping_due = l->ack_due = 0;
	l->heard_ms = l->pinged_ms = util_mono_ms();
	atomic_store(&l->tx.tail, peer->received);
	waiter_wake(&l->waiter);
}

static int everything_acked(const struct link *l)
{
	return atomic_load(&l->tx.tail) == atomic_load(&l->tx.head);
}

static void add_frame(struct link *l, enum wire_type type, uint32_t length, uint64_t value)
{
	wire_put_frame(l->head + l->head_len, type, length, value);
	l->head_len += WIRE_FRAME;
}

static int ack_is_due(const struct link *l)
{
	return l->ack_due || l->received - l->ack_sent >= ACK_EVERY ||
	       atomic_load(&l->rx.tail) + RING_SIZE - atomic_load(&l->credit_sent) >= CREDIT_EVERY;
}

static void add_ack(struct link *l)
{
	uint64_t credit = atomic_load(&l->rx.tail) + RING_SIZE;

	add_frame(l, WIRE_ACK, 8, l->received);
	wire_put_u64(l->head + l->head_len, credit);
	l->head_len += 8;
	l->ack_sent = l->received;
	atomic_store(&l->credit_sent, credit);
	l->ack_due = 0;
}

/* What may be sent now: published, and within the peer's credit. */
static size_t sendable(const struct link *l)
{
	uint64_t head = atomic_load(&l->tx.head);
	uint64_t end = head < l->peer_credit ? head : l->peer_credit;
	uint64_t n = end > l->sent ? end - l->sent : 0;

	return n < WIRE_DATA_MAX ? (size_t)n : WIRE_DATA_MAX;
}

static int close_is_due(const struct link *l)
{
	return atomic_load(&l->closing) && !l->close_sent && l->sent == atomic_load(&l->tx.head);
}

static int done_is_due(const struct link *l)
{
	return l->close_sent && !l->done_sent && l->peer_closed && everything_acked(l);
}

static int has_output(const struct link *l)
{
	return l->head_at < l->head_len || l->data_at < l->data_end || l->ping_due ||
	       ack_is_due(l) || sendable(l) || close_is_due(l) || done_is_due(l);
}

/* The next control frames and at most one data frame, as one write. */
static void build(struct link *l)
{
	size_t n = sendable(l);

	l->head_at = l->head_len = 0;
	if (ack_is_due(l))
		add_ack(l);
	if (l->ping_due)
		add_frame(l, WIRE_PING, 0, 0);
	l->ping_due = 0;
	if (n) {
		add_frame(l, WIRE_DATA, (uint32_t)n, l->sent);
		l->data_at = l->sent;
		l->sent += n;
		l->data_end = l->sent;
	} else if (close_is_due(l)) {
		add_frame(l, WIRE_CLOSE, 0, l->sent);
		l->close_sent = 1;
	} else if (done_is_due(l)) {
		add_frame(l, WIRE_DONE, 0, 0);
		l->done_sent = 1;
	}
}

static void advance(struct link *l, size_t n)
{
	size_t head = l->head_len - l->head_at;

	if (head > n)
		head = n;
	l->head_at += head;
	l->data_at += n - head;
}

/* 1: all out. 0: the socket is full, or its turns are over. ERR_IO: the connection is lost. */
static int write_some(struct link *l)
{
	for (int turn = 0; turn < TURNS; turn++) {
		struct iovec iov[3];
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 1 };
		ssize_t n;

		if (l->head_at == l->head_len && l->data_at == l->data_end) {
			if (!has_output(l))
				return 1;
			build(l);
		}
		iov[0].iov_base = l->head + l->head_at;
		iov[0].iov_len = l->head_len - l->head_at;
		if (l->data_at < l->data_end)
			msg.msg_iovlen += (size_t)ring_iov(&l->tx, l->data_at,
							   (size_t)(l->data_end - l->data_at), iov + 1);
		n = sendmsg(l->fd, &msg, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : ERR_IO;
		advance(l, (size_t)n);
	}
	return 0;
}

static int broke(struct link *l, const char *what)
{
	chan_fail(l->chan, ERR_PEER, "the peer %s broke the channel's protocol on stream %u: %s",
		  l->conf.id.to, l->conf.id.stream, what);
	return ERR_PEER;
}

static int take_ack(struct link *l, uint64_t received, uint64_t credit)
{
	if (received < atomic_load(&l->tx.tail) || received > l->sent)
		return broke(l, "it acknowledged bytes that were not sent");
	if (credit < l->peer_credit || credit - received > RING_SIZE)
		return broke(l, "it took back credit, or gave more than a window");
	atomic_store(&l->tx.tail, received);
	l->peer_credit = credit;
	waiter_wake(&l->waiter);
	return 0;
}

static int take_close(struct link *l, uint64_t end)
{
	if (end != l->received)
		return broke(l, "it closed at another offset than it sent");
	l->peer_closed = 1;
	l->ack_due = 1;
	atomic_store(&l->rx.end, end);
	waiter_wake(&l->waiter);
	return 0;
}

static int take_abort(struct link *l, uint64_t reason)
{
	static const char *const why[] = {
		[WIRE_ENDED] = "its process ended without closing the channel",
		[WIRE_CANCELED] = "it was canceled there",
		[WIRE_PROTOCOL] = "it found this side breaking the channel's protocol",
		[WIRE_AWAY] = "it gave up waiting",
	};
	const char *text = reason < PET_ARRAY_SIZE(why) && why[reason] ? why[reason] : "it gave no known reason";

	chan_fail(l->chan, ERR_PEER, "the peer %s ended the channel: %s", l->conf.id.to, text);
	return ERR_PEER;
}

static int take_data(struct link *l, const struct wire_frame *f)
{
	if (f->value != l->received)
		return broke(l, "its data does not continue where it ended");
	if (l->peer_closed)
		return broke(l, "it sent data after its close");
	if (f->length > atomic_load(&l->credit_sent) - l->received)
		return broke(l, "it sent more than it had credit for");
	l->need = f->length;
	return 0;
}

/* Payload that came along with a header. */
static size_t take_payload(struct link *l, const uint8_t *p, size_t len)
{
	size_t n = l->need < len ? (size_t)l->need : len;

	ring_put(&l->rx, l->received, p, n);
	l->received += n;
	l->need -= n;
	return n;
}

static int take_frame(struct link *l, const struct wire_frame *f, const uint8_t *payload)
{
	switch (f->type) {
	case WIRE_DATA:
		return take_data(l, f);
	case WIRE_ACK:
		return take_ack(l, f->value, wire_get_u64(payload));
	case WIRE_PING:
		l->ack_due = 1;
		return 0;
	case WIRE_CLOSE:
		return take_close(l, f->value);
	case WIRE_DONE:
		l->peer_done = 1;
		return 0;
	default:
		return take_abort(l, f->value);
	}
}

static void publish_received(struct link *l)
{
	if (atomic_load_explicit(&l->rx.head, memory_order_relaxed) == l->received)
		return;
	atomic_store(&l->rx.head, l->received);
	waiter_wake(&l->waiter);
}

/* Everything complete in l->in; what is left of it moves to the front. */
static int parse(struct link *l)
{
	size_t at = 0;
	int rc = 0;

	while (!rc && at < l->in_len) {
		struct errmsg em = { 0 };
		struct wire_frame f;
		size_t body;

		if (l->need) {
			at += take_payload(l, l->in + at, l->in_len - at);
			continue;
		}
		if (l->in_len - at < WIRE_FRAME)
			break;
		if (wire_get_frame(l->in + at, &f, &em) != 0)
			return broke(l, em.local);
		body = f.type == WIRE_DATA ? 0 : f.length;
		if (l->in_len - at < WIRE_FRAME + body)
			break;
		/* What came before an ABORT must be readable when the error shows. */
		if (f.type != WIRE_DATA)
			publish_received(l);
		rc = take_frame(l, &f, l->in + at + WIRE_FRAME);
		at += WIRE_FRAME + body;
	}
	memmove(l->in, l->in + at, l->in_len - at);
	l->in_len -= at;
	return rc;
}

/* Bulk goes straight from the socket into the ring; what follows it, usually the next header, into l->in. */
static ssize_t read_once(struct link *l)
{
	struct iovec iov[3];
	int count = 0;
	size_t direct;
	ssize_t n;

	if (l->need)
		count = ring_iov(&l->rx, l->received, (size_t)l->need, iov);
	iov[count].iov_base = l->in + l->in_len;
	iov[count].iov_len = sizeof(l->in) - l->in_len;
	n = readv(l->fd, iov, count + 1);
	if (n <= 0)
		return n;
	direct = (size_t)n < l->need ? (size_t)n : (size_t)l->need;
	l->received += direct;
	l->need -= direct;
	l->in_len += (size_t)n - direct;
	return n;
}

/* 0: read what there was, or the turns are over. */
static int read_some(struct link *l)
{
	for (int turn = 0; turn < TURNS; turn++) {
		ssize_t n = read_once(l);
		int rc;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return ERR_IO;
		rc = parse(l);
		publish_received(l);
		if (rc)
			return rc;
		/* A short read emptied the socket. */
		if (!l->need && (size_t)n < sizeof(l->in))
			return 0;
	}
	return 0;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* A silent link is asked, then given up: a half-dead one gives no error by itself. */
static int check_silence(struct link *l)
{
	int64_t now = util_mono_ms(), ping = clamp(l->conf.away_ms / 6, 50, 5000);

	if (now - l->heard_ms > clamp(l->conf.away_ms / 2, 200, 20000))
		return ERR_IO;
	if (now - l->heard_ms >= ping && now - l->pinged_ms >= ping) {
		l->pinged_ms = now;
		l->ping_due = 1;
	}
	return 0;
}

/* Best effort: the peer learns the reason at once instead of waiting for its limit. */
static void send_abort(struct link *l, enum wire_reason reason)
{
	int64_t deadline = util_mono_ms() + ABORT_MS;
	uint8_t frame[WIRE_FRAME];
	int rc = 0;

	wire_put_frame(frame, WIRE_ABORT, 0, reason);
	while (rc == 0 && (l->head_at < l->head_len || l->data_at < l->data_end ||
			   (reason == WIRE_ENDED && has_output(l)))) {
		rc = write_some(l);
		if (rc == 0)
			rc = io_wait(l->fd, POLLOUT, deadline, -1);
		else if (rc > 0)
			rc = 0;
	}
	if (rc == 0)
		(void)!io_write(l->fd, frame, sizeof(frame), deadline, -1);
}

static int sleep_until_needed(struct link *l, int all_out, short *events)
{
	struct pollfd p[2] = { { .fd = l->fd, .events = POLLIN }, { .fd = l->wake, .events = POLLIN } };
	int64_t nap = clamp(l->conf.away_ms / 12, 25, 1000);
	eventfd_t count;
	int n;

	if (!all_out)
		p[0].events |= POLLOUT;
	atomic_store(&l->awake, 0);
	/* What was published between the last write and the store above raised no wake-up. */
	if (all_out && (has_output(l) || atomic_load(&l->stop)))
		nap = 0;
	pthread_mutex_unlock(&l->io);
	n = poll(p, 2, (int)nap);
	pthread_mutex_lock(&l->io);
	atomic_store(&l->awake, 1);
	*events = n > 0 ? p[0].revents : 0;
	if (n > 0 && p[1].revents)
		(void)!eventfd_read(l->wake, &count);
	return n < 0 && errno != EINTR ? ERR_INTERNAL : 0;
}

static int pump_once(struct link *l)
{
	short events;
	int rc = write_some(l);

	if (rc < 0)
		return rc;
	if (l->done_sent && rc == 1 && l->peer_done)
		return 0;
	rc = sleep_until_needed(l, rc, &events);
	if (rc)
		return rc;
	if (events & (POLLIN | POLLHUP | POLLERR)) {
		l->heard_ms = util_mono_ms();
		rc = read_some(l);
	} else {
		rc = check_silence(l);
	}
	return rc ? rc : 1;
}

int link_send_now(struct link *l)
{
	int rc = 0;

	if (pthread_mutex_trylock(&l->io) != 0)
		return 0;
	/* Bulk is the helper's: it overlaps with what the user does next. */
	if (l->live && !atomic_load(&l->stop) && atomic_load(&l->tx.head) - l->sent <= SMALL)
		rc = write_some(l);
	pthread_mutex_unlock(&l->io);
	return rc == 1;
}

static int pump(struct link *l)
{
	int rc, stop;

	do {
		stop = atomic_load(&l->stop);
		if (stop) {
			send_abort(l, stop);
			return ERR_CANCELED;
		}
		rc = pump_once(l);
	} while (rc == 1);
	if (rc == ERR_PEER && !l->need)
		send_abort(l, WIRE_PROTOCOL);
	/* Nothing of a connection that ends after both sides have everything is missed. */
	if (rc == ERR_IO && l->done_sent)
		return 0;
	return rc;
}

int link_pump(struct link *l)
{
	int rc;

	pthread_mutex_lock(&l->io);
	l->live = 1;
	rc = pump(l);
	l->live = 0;
	pthread_mutex_unlock(&l->io);
	return rc;
}
