/* Two real gateways, operators' ends in this process: what must arrive, what must be refused, what must be survived. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "fixture.h"
#include "net/dial.h"
#include "net/wire.h"
#include "test.h"

static struct fixture fix;

struct end {
	pthread_t thread;
	struct chan_conf conf;
	char address[108];
	struct chan *c;
	struct errmsg em;
	unsigned side;
	size_t len;
	int rc, ok, pause_ms;
	_Atomic size_t done;
};

static unsigned char byte_at(unsigned side, uint64_t pos)
{
	uint64_t x = (pos + 1) * UINT64_C(0x9e3779b97f4a7c15) + side * 77;

	return (unsigned char)(x >> 32 ^ x >> 56);
}

/* len bytes each way, in pieces, every byte compared. */
static int bulk(struct end *e, struct chan *c)
{
	enum { PIECE = 100000 };
	unsigned char *out = malloc(PIECE), *in = malloc(PIECE);
	int rc = ERR_INTERNAL;

	e->ok = 1;
	for (size_t at = 0; at < e->len; ) {
		size_t n = e->len - at < PIECE ? e->len - at : PIECE;

		for (size_t i = 0; i < n; i++)
			out[i] = byte_at(e->side, at + i);
		TRY(chan_exchange(c, out, n, in, n));
		for (size_t i = 0; i < n; i++)
			e->ok &= in[i] == byte_at(!e->side, at + i);
		at += n;
		atomic_store(&e->done, at);
		if (e->pause_ms)
			usleep((useconds_t)e->pause_ms * 1000);
	}
	TRY(chan_close(c));
	rc = 0;
out:
	free(out);
	free(in);
	return rc;
}

static void *end_main(void *arg)
{
	struct end *e = arg;

	e->rc = chan_open(&e->conf, &e->c, &e->em);
	if (!e->rc && e->len)
		e->rc = bulk(e, e->c);
	return NULL;
}

static void ends_init(struct end e[2], size_t len)
{
	memset(e, 0, 2 * sizeof(*e));
	for (unsigned i = 0; i < 2; i++) {
		e[i].side = i;
		e[i].len = len;
		fixture_conf(&fix, (int)i, e[i].address, &e[i].conf);
		e[i].conf.address = e[i].address;
	}
}

static void ends_start(struct end e[2])
{
	for (int i = 0; i < 2; i++)
		CHECK_INT(pthread_create(&e[i].thread, NULL, end_main, &e[i]), 0);
}

static void ends_join(struct end e[2])
{
	for (int i = 0; i < 2; i++)
		pthread_join(e[i].thread, NULL);
}

static void ends_good(struct end e[2])
{
	for (int i = 0; i < 2; i++) {
		CHECK_INT(e[i].rc, 0);
		CHECK(e[i].ok);
		if (e[i].rc)
			printf("# side %d: %s %s\n", i, e[i].em.local, e[i].c ? chan_error(e[i].c) : "");
		chan_free(e[i].c);
	}
}

static void ends_free(struct end e[2])
{
	chan_free(e[0].c);
	chan_free(e[1].c);
}

TEST(start)
{
	CHECK_INT(fixture_init(&fix), 0);
	CHECK_INT(fixture_start(&fix, 0, NULL), 0);
	CHECK_INT(fixture_start(&fix, 1, NULL), 0);
}

TEST(both_ways)
{
	struct end e[2];

	ends_init(e, (20 << 20) + 3);
	ends_start(e);
	ends_join(e);
	ends_good(e);
}

static void wait_done(struct end e[2], size_t at_least)
{
	for (int64_t end = util_mono_ms() + 20000; util_mono_ms() < end; usleep(1000))
		if (atomic_load(&e[0].done) >= at_least && atomic_load(&e[1].done) >= at_least)
			return;
	CHECK(!"the transfer got no further");
}

/* kill -9 and restart of either gateway in mid-stream: identical bytes, no error. */
TEST(gateway_killed)
{
	struct end e[2];

	ends_init(e, 6 << 20);
	e[0].pause_ms = e[1].pause_ms = 3;
	ends_start(e);
	for (int side = 0; side < 2; side++) {
		wait_done(e, (size_t)(side + 1) << 20);
		CHECK_INT(fixture_stop(&fix, side, SIGKILL), 128 + SIGKILL);
		CHECK_INT(fixture_start(&fix, side, NULL), 0);
	}
	wait_done(e, 4 << 20);
	/* An orderly restart must cost no more than a crash. */
	CHECK_INT(fixture_stop(&fix, 1, SIGTERM), 0);
	CHECK_INT(fixture_start(&fix, 1, NULL), 0);
	ends_join(e);
	ends_good(e);
}

static void *stream_main(void *arg)
{
	struct end *e = arg;

	e->rc = bulk(e, e->c);
	return NULL;
}

#define STREAMS 64

TEST(many_streams)
{
	static struct end sub[2][STREAMS];
	struct end e[2];

	ends_init(e, 0);
	ends_start(e);
	ends_join(e);
	memset(sub, 0, sizeof(sub));
	for (int i = 0; i < 2; i++) {
		CHECK_INT(e[i].rc, 0);
		for (int s = 0; e[i].c && s < STREAMS; s++) {
			sub[i][s].side = (unsigned)i;
			sub[i][s].len = 300000;
			CHECK_INT(chan_sub(e[i].c, (uint16_t)(s + 1), &sub[i][s].c), 0);
			CHECK_INT(pthread_create(&sub[i][s].thread, NULL, stream_main, &sub[i][s]), 0);
		}
	}
	for (int i = 0; i < 2; i++)
		for (int s = 0; s < STREAMS && sub[i][s].c; s++) {
			pthread_join(sub[i][s].thread, NULL);
			CHECK_INT(sub[i][s].rc, 0);
			CHECK(sub[i][s].ok);
			chan_free(sub[i][s].c);
		}
#ifndef __SANITIZE_ADDRESS__
	for (int i = 0; i < 2; i++) {
		long rss = fixture_rss(fix.pid[i]);

		printf("# gateway %d: peak %ld MiB\n", i, rss >> 20);
		CHECK(rss > 0 && rss < 64 << 20);
	}
#endif
	ends_free(e);
}

TEST(wrong_key)
{
	static const uint8_t other[32] = { 9 };
	struct end e[2];

	ends_init(e, 0);
	e[1].conf.key = other;
	e[0].conf.connect_ms = e[1].conf.connect_ms = 700;
	ends_start(e);
	ends_join(e);
	CHECK_INT(e[0].rc, ERR_PEER);
	CHECK_INT(e[1].rc, ERR_PEER);
	CHECK(strstr(e[0].em.local, "did not prove the key") || strstr(e[1].em.local, "did not prove the key"));
}

TEST(unknown_party)
{
	struct end e[2];

	ends_init(e, 0);
	e[0].conf.peer = "party_x";
	e[1].conf.self = "party_y";
	ends_start(e);
	ends_join(e);
	CHECK_INT(e[0].rc, ERR_PEER);
	CHECK_HAS(e[0].em.local, "party_x is not in the party file");
	CHECK_INT(e[1].rc, ERR_PEER);
	CHECK_HAS(e[1].em.local, "this is the gateway of party_b, not of party_y");
}

TEST(peer_never_comes)
{
	struct end e[2];

	ends_init(e, 0);
	e[0].conf.connect_ms = e[1].conf.connect_ms = 400;
	e[1].conf.job = "j_another";
	ends_start(e);
	ends_join(e);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(e[i].rc, ERR_PEER);
		CHECK_HAS(e[i].em.local, "did not come within 400 ms");
	}
}

static int open_pair(struct end e[2])
{
	ends_start(e);
	ends_join(e);
	return e[0].rc ? e[0].rc : e[1].rc;
}

TEST(peer_away_too_long)
{
	struct end e[2];
	char b;

	ends_init(e, 0);
	e[0].conf.away_ms = e[1].conf.away_ms = 500;
	CHECK_INT(open_pair(e), 0);
	fixture_stop(&fix, 1, SIGKILL);
	CHECK_INT(chan_recv(e[0].c, &b, 1), ERR_PEER);
	CHECK_HAS(chan_error(e[0].c), "party_b was lost and did not come back within 500 ms");
	CHECK_INT(chan_recv(e[1].c, &b, 1), ERR_PEER);
	CHECK_HAS(chan_error(e[1].c), "cannot reach the gateway");
	ends_free(e);
	CHECK_INT(fixture_start(&fix, 1, NULL), 0);
}

/* A second operator must neither take nor disturb a channel that is open. */
TEST(stranger_on_the_socket)
{
	struct end e[2], s[2];

	ends_init(e, 2 << 20);
	e[0].pause_ms = e[1].pause_ms = 20;
	ends_start(e);
	wait_done(e, 100000);
	ends_init(s, 0);
	s[0].conf.connect_ms = 300;
	end_main(&s[0]);
	CHECK_INT(s[0].rc, ERR_PEER);
	CHECK_HAS(s[0].em.local, "open here already");
	ends_join(e);
	ends_good(e);
}

static int raw_local(int side)
{
	struct chan_conf conf;
	char address[108];
	int fd = -1;

	fixture_conf(&fix, side, address, &conf);
	CHECK_INT(dial_unix(address, &fd, NULL), 0);
	return fd;
}

static void told(int fd, enum wire_state state, const char *part)
{
	int64_t deadline = util_mono_ms() + 15000;
	uint8_t msg[WIRE_MSG_MAX];
	struct wire_status st = { 0 };
	size_t len = WIRE_HEAD;

	CHECK_INT(io_read_msg(fd, WIRE_STATUS, msg, &len, deadline, -1, NULL), 0);
	CHECK_INT(wire_get_status(msg + WIRE_HEAD, len - WIRE_HEAD, &st, NULL), 0);
	CHECK_INT(st.state, state);
	CHECK_HAS(st.text, part);
}

static size_t route_of(uint8_t *msg, int side, const char *job)
{
	struct wire_route r = { .wait_ms = 3000 };

	snprintf(r.id.from, sizeof(r.id.from), "%s", fix.name[side]);
	snprintf(r.id.to, sizeof(r.id.to), "%s", fix.name[!side]);
	snprintf(r.id.job, sizeof(r.id.job), "%s", job);
	return wire_put_route(msg, &r);
}

TEST(other_major)
{
	uint8_t msg[WIRE_MSG_MAX];
	size_t len = route_of(msg, 0, "j_major");
	int fd = raw_local(0);

	msg[4] = WIRE_MAJOR + 1;
	CHECK_INT(io_write(fd, msg, len, util_mono_ms() + 5000, -1), 0);
	told(fd, WIRE_REFUSED, "speaks wire version 2.0, this side 1.0");
	close(fd);
}

/* An end by hand at side 0, a real one at side 1. */
static int fake_end(struct end *real, const char *job, uint8_t major, int *fd)
{
	int64_t deadline = util_mono_ms() + 15000;
	struct wire_hello own = { .credit = 1 << 20 }, peer;
	uint8_t mine[WIRE_MSG_MAX], theirs[WIRE_MSG_MAX], msg[WIRE_MSG_MAX], mac[32];
	size_t mine_len, theirs_len, len;
	int rc = ERR_INTERNAL;

	real->conf.job = job;
	pthread_create(&real->thread, NULL, end_main, real);
	*fd = raw_local(0);
	TRY(io_write(*fd, msg, route_of(msg, 0, job), deadline, -1));
	TRY(io_read_msg(*fd, WIRE_STATUS, msg, &len, deadline, -1, NULL));
	strcpy(own.id.from, "party_a");
	strcpy(own.id.to, "party_b");
	snprintf(own.id.job, sizeof(own.id.job), "%s", job);
	mine_len = wire_put_hello(mine, &own);
	mine[4] = major;
	TRY(io_write(*fd, mine, mine_len, deadline, -1));
	TRY(io_read_msg(*fd, WIRE_HELLO, theirs, &theirs_len, deadline, -1, NULL));
	TRY(wire_get_hello(theirs + WIRE_HEAD, theirs_len - WIRE_HEAD, &peer, NULL));
	TRY(wire_mac(fix.key, mine, mine_len, theirs, theirs_len, mac));
	TRY(io_write(*fd, msg, wire_put_auth(msg, mac), deadline, -1));
	TRY(io_read_msg(*fd, WIRE_AUTH, msg, &len, deadline, -1, NULL));
	rc = 0;
out:
	return rc;
}

TEST(other_major_end_to_end)
{
	struct end e[2];
	int fd;

	ends_init(e, 0);
	CHECK(fake_end(&e[1], "j_majorend", 7, &fd) != 0);
	pthread_join(e[1].thread, NULL);
	CHECK_INT(e[1].rc, ERR_PEER);
	CHECK_HAS(e[1].em.local, "the other side speaks wire version 7.0, this side 1.0");
	close(fd);
}

/* An authenticated peer that breaks the rules is cut, with a sentence, whatever it sends. */
static void breaks(const char *job, const uint8_t *frame, size_t len, const char *part)
{
	struct end e[2];
	char b;
	int fd;

	ends_init(e, 0);
	CHECK_INT(fake_end(&e[1], job, WIRE_MAJOR, &fd), 0);
	pthread_join(e[1].thread, NULL);
	CHECK_INT(e[1].rc, 0);
	CHECK_INT(io_write(fd, frame, len, util_mono_ms() + 5000, -1), 0);
	if (e[1].c) {
		CHECK_INT(chan_recv(e[1].c, &b, 1), ERR_PEER);
		CHECK_HAS(chan_error(e[1].c), part);
	}
	chan_free(e[1].c);
	close(fd);
}

TEST(bad_frames)
{
	uint8_t f[WIRE_FRAME + 8] = { 0 };

	wire_put_frame(f, WIRE_DATA, WIRE_DATA_MAX + 1, 0);
	breaks("j_oversized", f, WIRE_FRAME, "a frame of type 1 with 262145 bytes");
	wire_put_frame(f, WIRE_DATA, UINT32_MAX, 0);
	breaks("j_huge", f, WIRE_FRAME, "no such frame");
	wire_put_frame(f, WIRE_DATA, 0, 0);
	breaks("j_empty", f, WIRE_FRAME, "no such frame");
	wire_put_frame(f, WIRE_DATA, 4, 5);
	breaks("j_gap", f, WIRE_FRAME, "does not continue");
	wire_put_frame(f, WIRE_CLOSE, 0, 5);
	breaks("j_close", f, WIRE_FRAME, "closed at another offset");
	wire_put_frame(f, WIRE_ACK, 8, 1);
	wire_put_u64(f + WIRE_FRAME, 1 << 20);
	breaks("j_ack", f, sizeof(f), "were not sent");
	wire_put_frame(f, WIRE_ACK, 8, 0);
	wire_put_u64(f + WIRE_FRAME, 1);
	breaks("j_credit", f, sizeof(f), "took back credit");
	wire_put_u64(f + WIRE_FRAME, UINT64_MAX);
	breaks("j_credit2", f, sizeof(f), "more than a window");
	wire_put_frame(f, (enum wire_type)77, 0, 0);
	breaks("j_type", f, WIRE_FRAME, "a frame of type 77");
}

/* More than the credit that was given: 4 MiB fit, the next byte does not. */
TEST(credit_is_enforced)
{
	static unsigned char f[WIRE_FRAME + WIRE_DATA_MAX];
	struct end e[2];
	int fd, rc = 0;

	ends_init(e, 0);
	CHECK_INT(fake_end(&e[1], "j_creditlimit", WIRE_MAJOR, &fd), 0);
	pthread_join(e[1].thread, NULL);
	for (uint64_t at = 0; at <= 4 << 20 && rc == 0; at += WIRE_DATA_MAX) {
		wire_put_frame(f, WIRE_DATA, WIRE_DATA_MAX, at);
		rc = io_write(fd, f, sizeof(f), util_mono_ms() + 5000, -1);
	}
	if (e[1].c) {
		for (int64_t end = util_mono_ms() + 15000; !chan_error(e[1].c)[0] && util_mono_ms() < end; )
			usleep(1000);
		CHECK_HAS(chan_error(e[1].c), "more than it had credit for");
	}
	chan_free(e[1].c);
	close(fd);
}

TEST(bad_certificates)
{
	static const struct { const char *cert, *part; } bad[] = {
		{ "stranger", "certificate" }, { "forged", "certificate" }, { "party_b", "certificate" },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(bad); i++) {
		struct end e[2];

		fixture_stop(&fix, 0, SIGTERM);
		CHECK_INT(fixture_start(&fix, 0, bad[i].cert), 0);
		ends_init(e, 0);
		e[0].conf.connect_ms = e[1].conf.connect_ms = 700;
		ends_start(e);
		ends_join(e);
		CHECK_INT(e[0].rc, ERR_PEER);
		CHECK_HAS(e[0].em.local, bad[i].part);
		CHECK_INT(e[1].rc, ERR_PEER);
	}
	/* And the other way: the accepting gateway has the wrong one. */
	fixture_stop(&fix, 0, SIGTERM);
	CHECK_INT(fixture_start(&fix, 0, NULL), 0);
	fixture_stop(&fix, 1, SIGTERM);
	CHECK_INT(fixture_start(&fix, 1, "stranger"), 0);
	{
		struct end e[2];

		ends_init(e, 0);
		e[0].conf.connect_ms = e[1].conf.connect_ms = 500;
		ends_start(e);
		ends_join(e);
		CHECK_INT(e[0].rc, ERR_PEER);
		CHECK_HAS(e[0].em.local, "its certificate names no party");
	}
	fixture_stop(&fix, 1, SIGTERM);
	CHECK_INT(fixture_start(&fix, 1, NULL), 0);
}

/* New certificates by SIGHUP: new channels use them, an open one does not notice. */
TEST(reload)
{
	struct end e[2], later[2];

	ends_init(e, 2 << 20);
	e[0].pause_ms = e[1].pause_ms = 20;
	ends_start(e);
	wait_done(e, 100000);
	CHECK_INT(fixture_cert(&fix, "party_a", "party_a"), 0);
	for (int i = 0; i < 2; i++)
		kill(fix.pid[i], SIGHUP);
	ends_init(later, 100000);
	later[0].conf.job = later[1].conf.job = "j_reloaded";
	ends_start(later);
	ends_join(later);
	ends_good(later);
	ends_join(e);
	ends_good(e);
}

static void open_jobs(const char *prefix, int count)
{
	for (int k = 0; k < count; k++) {
		struct end e[2];
		char job[32];

		snprintf(job, sizeof(job), "%s%d", prefix, k);
		ends_init(e, 1000);
		e[0].conf.job = e[1].conf.job = job;
		ends_start(e);
		ends_join(e);
		ends_good(e);
	}
}

/* Two gateways at party_b, the operator at one of them: found whichever the hash names first, dead or alive. */
TEST(several_gateways)
{
	pid_t more;

	fix.extra_port = fixture_port();
	fixture_stop(&fix, 0, SIGTERM);
	CHECK_INT(fixture_start(&fix, 0, NULL), 0);
	open_jobs("j_dead", 6);
	more = fixture_more(&fix, 1, 2, fix.extra_port, "party_b");
	CHECK(more > 0);
	open_jobs("j_other", 6);
	if (more > 0) {
		kill(more, SIGTERM);
		waitpid(more, NULL, 0);
	}
	fix.extra_port = 0;
	fixture_stop(&fix, 0, SIGTERM);
	CHECK_INT(fixture_start(&fix, 0, NULL), 0);
}

/* Connections that say nothing may take their share of places, not more. */
TEST(limits)
{
	int fd[10], closed = 0;

	setenv("PET_NET_MAX_OPENING", "4", 1);
	fixture_stop(&fix, 1, SIGTERM);
	CHECK_INT(fixture_start(&fix, 1, NULL), 0);
	for (int i = 0; i < 10; i++)
		fd[i] = raw_local(1);
	for (int64_t end = util_mono_ms() + 15000; closed < 6 && util_mono_ms() < end; usleep(1000)) {
		closed = 0;
		for (int i = 0; i < 10; i++)
			closed += io_wait(fd[i], POLLIN, util_mono_ms() + 1, -1) == 0;
	}
	/* The probe that waited for its start may have had a place for a moment. */
	CHECK(closed >= 6 && closed < 10);
	for (int i = 0; i < 10; i++)
		close(fd[i]);
	open_jobs("j_afterlimit", 1);
	unsetenv("PET_NET_MAX_OPENING");
	fixture_stop(&fix, 1, SIGTERM);
	CHECK_INT(fixture_start(&fix, 1, NULL), 0);
}

static int exit_status(const char *const argv[])
{
	pid_t pid = fixture_spawn(&fix, argv, (const char *const[]){ "PARTY=party_a", "PET_TLS_CERT=/nonexistent",
								     "PET_TLS_KEY=/nonexistent", "CONFIG_FILE=/nonexistent", NULL });
	int status;

	CHECK_INT(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(command_line)
{
	char netd[512];
	const char *dir = getenv("abs_top_builddir");

	snprintf(netd, sizeof(netd), "%s/pet-netd", dir ? dir : ".");
	CHECK_INT(exit_status((const char *const[]){ netd, NULL }), 78);
	CHECK_INT(exit_status((const char *const[]){ netd, "--job", "j", NULL }), 64);
	CHECK_INT(exit_status((const char *const[]){ netd, "--task", "--job", "j", NULL }), 64);
	CHECK_INT(exit_status((const char *const[]){ netd, "--task", "--epoch", "-1", NULL }), 64);
	CHECK_INT(exit_status((const char *const[]){ netd, "--frobnicate", NULL }), 64);
	CHECK_INT(exit_status((const char *const[]){ netd, "x", NULL }), 64);
}

/* A TLS client of our own, to say what no gateway would say. */
static SSL *tls_client(int version, const char *cert, int *fd)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	char address[32], path[128];
	SSL *ssl;

	SSL_CTX_set_max_proto_version(ctx, version);
	if (cert) {
		snprintf(path, sizeof(path), "%s/%s.crt", fix.dir, cert);
		CHECK_INT(SSL_CTX_use_certificate_chain_file(ctx, path), 1);
		snprintf(path, sizeof(path), "%s/%s.key", fix.dir, cert);
		CHECK_INT(SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM), 1);
	}
	snprintf(address, sizeof(address), "127.0.0.1:%d", fix.port[1]);
	CHECK_INT(dial_tcp(address, util_mono_ms() + 5000, -1, fd, NULL), 0);
	fcntl(*fd, F_SETFL, 0);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(ssl, *fd);
	return ssl;
}

/* Not refused inside the client's half of the handshake, TLS 1.3 tells at the first read. */
static int tls_refused(SSL *ssl)
{
	char b;

	return SSL_connect(ssl) != 1 || SSL_read(ssl, &b, 1) <= 0;
}

TEST(tls_rules)
{
	static const struct { int version; const char *cert; } bad[] = {
		{ TLS1_2_VERSION, "party_a" }, { TLS1_3_VERSION, NULL }, { TLS1_3_VERSION, "stranger" },
		{ TLS1_3_VERSION, "forged" }, { TLS1_3_VERSION, "party_b" },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(bad); i++) {
		int fd;
		SSL *ssl = tls_client(bad[i].version, bad[i].cert, &fd);

		CHECK(tls_refused(ssl));
		SSL_free(ssl);
		close(fd);
	}
}

/* A proper certificate does not allow to speak for someone else, nor to send garbage. */
TEST(tls_claims)
{
	uint8_t msg[WIRE_MSG_MAX], answer[WIRE_MSG_MAX];
	struct wire_status st;
	int fd, n;
	SSL *ssl = tls_client(TLS1_3_VERSION, "party_a", &fd);
	size_t len = route_of(msg, 0, "j_claim");

	msg[WIRE_HEAD + 4 + 20 + 7] = 'c';	/* from: party_c */
	CHECK_INT(SSL_connect(ssl), 1);
	CHECK_INT(SSL_write(ssl, msg, (int)len), len);
	n = SSL_read(ssl, answer, sizeof(answer));
	CHECK(n > WIRE_HEAD);
	if (n > WIRE_HEAD) {
		CHECK_INT(wire_get_status(answer + WIRE_HEAD, (size_t)n - WIRE_HEAD, &st, NULL), 0);
		CHECK_INT(st.state, WIRE_REFUSED);
		CHECK_HAS(st.text, "the certificate is party_a's, the channel claims party_c");
	}
	SSL_free(ssl);
	close(fd);
	ssl = tls_client(TLS1_3_VERSION, "party_a", &fd);
	CHECK_INT(SSL_connect(ssl), 1);
	memset(msg, 0xff, sizeof(msg));
	CHECK(SSL_write(ssl, msg, sizeof(msg)) > 0);
	n = SSL_read(ssl, answer, sizeof(answer));
	CHECK(n <= 0 || answer[3] == 'S');
	SSL_free(ssl);
	close(fd);
}

/* Garbage, half messages and silence at both ports; afterwards everything still works. */
TEST(garbage)
{
	struct end e[2];
	uint8_t junk[700], msg[WIRE_MSG_MAX];
	int fd, silent[20];

	for (int i = 0; i < 60; i++) {
		char address[32];

		util_random(junk, sizeof(junk));
		if (i % 3 == 1)
			memcpy(junk, "PETR\1\0", 6);
		if (i % 3 == 2) {
			size_t len = route_of(msg, 1, "j_garbage");

			memcpy(junk, msg, len);
			junk[8 + (size_t)i % (len - 8)] ^= junk[600];
		}
		fd = raw_local(1);
		(void)!io_write(fd, junk, 1 + (size_t)i * 11, util_mono_ms() + 1000, -1);
		close(fd);
		snprintf(address, sizeof(address), "127.0.0.1:%d", fix.port[1]);
		CHECK_INT(dial_tcp(address, util_mono_ms() + 5000, -1, &fd, NULL), 0);
		if (i % 2)
			memcpy(junk, "\x16\x03\x01\x02\x00\x01", 6);	/* looks like a ClientHello */
		(void)!io_write(fd, junk, 1 + (size_t)i * 11, util_mono_ms() + 1000, -1);
		close(fd);
	}
	for (int i = 0; i < 20; i++)
		silent[i] = raw_local(1);
	ends_init(e, 1 << 20);
	ends_start(e);
	ends_join(e);
	ends_good(e);
	for (int i = 0; i < 20; i++)
		close(silent[i]);
	CHECK_INT(kill(fix.pid[1], 0), 0);
	CHECK_INT(waitpid(fix.pid[1], NULL, WNOHANG), 0);
}

static pid_t slowlink(int port, int to, const char *opt, const char *value)
{
	char path[512], from_text[16], to_text[16], address[32];
	const char *dir = getenv("abs_top_builddir");
	pid_t pid;
	int fd;

	snprintf(path, sizeof(path), "%s/tests/net/slowlink", dir ? dir : ".");
	snprintf(from_text, sizeof(from_text), "%d", port);
	snprintf(to_text, sizeof(to_text), "%d", to);
	pid = fixture_spawn(&fix, (const char *const[]){ path, "--listen", from_text, "--connect", to_text, opt, value, NULL },
			    (const char *const[]){ NULL });
	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	for (int64_t end = util_mono_ms() + 20000; util_mono_ms() < end; usleep(2000))
		if (dial_tcp(address, end, -1, &fd, NULL) == 0) {
			close(fd);
			return pid;
		}
	CHECK(!"slowlink did not start");
	return pid;
}

/* From here a bad link stands between the two gateways. */
static pid_t bad_link(const char *opt, const char *value)
{
	pid_t pid;

	fix.seen_port[1] = fixture_port();
	pid = slowlink(fix.seen_port[1], fix.port[1], opt, value);
	fixture_stop(&fix, 0, SIGTERM);
	CHECK_INT(fixture_start(&fix, 0, NULL), 0);
	return pid;
}

static void good_link(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A reset every 700 kB; and both close in order at the end. */
TEST(link_cut_again_and_again)
{
	pid_t link = bad_link("--cut-after", "700000");
	struct end e[2];

	ends_init(e, 3 << 20);
	ends_start(e);
	ends_join(e);
	ends_good(e);
	good_link(link);
}

/* Nothing passes, nothing is closed: the ends notice by themselves, and resume on a new connection. */
TEST(half_dead_link)
{
	pid_t link = bad_link("--delay-ms", "2");
	struct end e[2];

	ends_init(e, 3 << 20);
	/* Silence counts as a loss after half of it. */
	e[0].conf.away_ms = e[1].conf.away_ms = 4000;
	e[0].pause_ms = e[1].pause_ms = 2;
	ends_start(e);
	wait_done(e, 500000);
	kill(link, SIGUSR2);
	ends_join(e);
	ends_good(e);
	good_link(link);
}

TEST(slow_link)
{
	pid_t link = bad_link("--delay-ms", "20");
	struct end e[2];

	ends_init(e, 2 << 20);
	ends_start(e);
	ends_join(e);
	ends_good(e);
	good_link(link);
}

static pid_t task_gateway(int side, const char *mode, int port, const char *sock)
{
	char path[512], address[32], env[4][192];
	const char *dir = getenv("abs_top_builddir");

	snprintf(path, sizeof(path), "%s/pet-netd", dir ? dir : ".");
	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	snprintf(env[0], sizeof(env[0]), "PARTY=%s", fix.name[side]);
	snprintf(env[1], sizeof(env[1]), "CONFIG_FILE=%s/party_%d.json", fix.dir, side);
	snprintf(env[2], sizeof(env[2]), "PET_TLS_CERT=%s/%s.crt", fix.dir, fix.name[side]);
	snprintf(env[3], sizeof(env[3]), "PET_TLS_KEY=%s/%s.key", fix.dir, fix.name[side]);
	return fixture_spawn(&fix, (const char *const[]){
		path, "--task", "--job", "j_task", "--epoch", "0", "--group", "2", "--attempt", "1", "--peer",
		fix.name[!side], mode, address, "--socket", sock, "--idle-seconds", "1", NULL },
		(const char *const[]){ env[0], env[1], env[2], env[3], NULL });
}

/* Scheme socket: a gateway per task, which serves nothing else and ends by itself. */
TEST(per_task)
{
	char sock[2][108];
	struct end e[2], other[2];
	pid_t pid[2];
	int port = fixture_port(), status;

	ends_init(e, 1 << 20);
	ends_init(other, 0);
	for (int i = 0; i < 2; i++) {
		snprintf(sock[i], sizeof(sock[i]), "%s/task%d.sock", fix.dir, i);
		/* party_b connects here: the direction is the command line's, not the names'. */
		pid[i] = task_gateway(i, i ? "--connect" : "--listen", port, sock[i]);
		e[i].conf.address = other[i].conf.address = sock[i];
		e[i].conf.job = other[i].conf.job = "j_task";
		e[i].conf.group = other[i].conf.group = 2;
		e[i].conf.attempt = 1;
		other[i].conf.connect_ms = 20000;
	}
	ends_start(e);
	ends_join(e);
	ends_good(e);
	end_main(&other[0]);
	CHECK_INT(other[0].rc, ERR_PEER);
	CHECK_HAS(other[0].em.local, "serves another task's channel only");
	for (int i = 0; i < 2; i++) {
		CHECK_INT(waitpid(pid[i], &status, 0), pid[i]);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		CHECK(access(sock[i], F_OK) != 0);
	}
}

TEST(end)
{
	char sock[108];
	struct chan_conf conf;

	for (int i = 0; i < 2; i++) {
		fixture_conf(&fix, i, sock, &conf);
		CHECK_INT(fixture_stop(&fix, i, SIGTERM), 0);
		CHECK(access(sock, F_OK) != 0);
	}
	if (test_failed)
		setenv("PET_TEST_KEEP", "1", 1);
	fixture_fini(&fix);
}

TEST_MAIN(CASE(start), CASE(both_ways), CASE(gateway_killed), CASE(many_streams), CASE(wrong_key),
	  CASE(unknown_party), CASE(peer_never_comes), CASE(peer_away_too_long), CASE(stranger_on_the_socket),
	  CASE(other_major), CASE(other_major_end_to_end), CASE(bad_frames), CASE(credit_is_enforced),
	  CASE(bad_certificates), CASE(reload), CASE(several_gateways),
	  CASE(limits), CASE(command_line), CASE(tls_rules), CASE(tls_claims), CASE(garbage),
	  CASE(link_cut_again_and_again), CASE(half_dead_link), CASE(slow_link), CASE(per_task), CASE(end))
