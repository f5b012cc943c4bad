#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dial.h"

/* A batch in records of 16 KiB, with what the records add, and room for handshake and key update messages. */
#define OUT_SIZE (TLS_BATCH + 20480)
/* RFC 8446, 5.5 allows 2^24.5 full records under one AES-GCM key, about 2^38 bytes; we change it far earlier. */
#define REKEY_BYTES ((uint64_t)1 << 36)

struct pin {
	const char *party;	/* borrowed from the party file */
	X509_STORE *store;
};

struct tls_ctx {
	SSL_CTX *ssl[2];	/* connecting, accepting */
	struct pin pin[PARTY_MAX];
	size_t count;
};

struct tls {
	SSL *ssl;
	struct tls_ctx *ctx;
	int fd;
	const char *expect;
	char peer[PARTY_NAME_MAX];
	char why[160];			/* why a certificate was refused */
	uint64_t keyed;			/* bytes under the present key */
	size_t out_at, out_len;
	unsigned char out[OUT_SIZE];	/* ciphertext on its way to the socket: one write for a whole batch */
};

static int tls_error(struct errmsg *em, int rc, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	ERR_clear_error();
	return errmsg_set(em, rc, "TLS", "%s: %s", what, reason ? reason : strerror(errno));
}

/* --- the write side: SSL writes records into t->out, tls_flush sends them ------------------ */

static int out_write(BIO *b, const char *data, int len)
{
	struct tls *t = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (t->out_at == t->out_len)
		t->out_at = t->out_len = 0;
	if (OUT_SIZE - t->out_len < (size_t)len) {
		memmove(t->out, t->out + t->out_at, t->out_len - t->out_at);
		t->out_len -= t->out_at;
		t->out_at = 0;
	}
	if (OUT_SIZE - t->out_len < (size_t)len) {
		BIO_set_retry_write(b);
		return -1;
	}
	memcpy(t->out + t->out_len, data, (size_t)len);
	t->out_len += (size_t)len;
	return len;
}

static long out_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static int out_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

/* One for the process: connections outlive the contexts they were made from. */
static BIO_METHOD *batch;
static pthread_once_t batch_once = PTHREAD_ONCE_INIT;

static void batch_free(void)
{
	BIO_meth_free(batch);
}

static void batch_init(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "batch");

	if (m && BIO_meth_set_write(m, out_write) && BIO_meth_set_ctrl(m, out_ctrl) &&
	    BIO_meth_set_create(m, out_create) && atexit(batch_free) == 0)
		batch = m;
	else
		BIO_meth_free(m);
}

/* --- whom to trust -------------------------------------------------------------------------- */

static int add_pems(X509_STORE *store, const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	X509 *cert;
	int n = 0;

	while (b && (cert = PEM_read_bio_X509(b, NULL, NULL, NULL))) {
		n += X509_STORE_add_cert(store, cert) == 1;
		X509_free(cert);
	}
	BIO_free(b);
	ERR_clear_error();
	return n;
}

static int pin_party(struct tls_ctx *ctx, const struct party *p, struct errmsg *em)
{
	X509_STORE *store = X509_STORE_new();

	if (!store)
		return ERR_NOMEM;
	ctx->pin[ctx->count++] = (struct pin){ p->name, store };
	/* What is pinned is trusted by itself, be it a CA or the certificate of the gateway. */
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	for (size_t i = 0; i < p->net_count; i++)
		if (add_pems(store, p->net[i].certificates) < 1)
			return errmsg_set(em, ERR_INPUT, "BAD_PARTY_FILE",
					  "%s.petnet[%zu].certificates: holds no certificate", p->name, i);
	return 0;
}

static int chain_ok(const struct pin *pin, X509 *leaf, STACK_OF(X509) *more, int accepting, int *why)
{
	X509_STORE_CTX *x = X509_STORE_CTX_new();
	int ok = 0;

	*why = X509_V_ERR_OUT_OF_MEM;
	if (x && X509_STORE_CTX_init(x, pin->store, leaf, more) == 1 &&
	    X509_STORE_CTX_set_default(x, accepting ? "ssl_client" : "ssl_server") == 1) {
		ok = X509_verify_cert(x) == 1;
		*why = X509_STORE_CTX_get_error(x);
	}
	X509_STORE_CTX_free(x);
	return ok;
}

/* The certificate's name picks the party, that party's pins decide; called inside the handshake. */
static int verify(X509_STORE_CTX *x, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_get_app_data(ssl);
	X509 *leaf = X509_STORE_CTX_get0_cert(x);
	int why = X509_V_ERR_HOSTNAME_MISMATCH;

	(void)arg;
	snprintf(t->why, sizeof(t->why), "its certificate names no party of the party file");
	for (size_t i = 0; i < t->ctx->count; i++) {
		const struct pin *pin = &t->ctx->pin[i];

		if (X509_check_host(leaf, pin->party, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) != 1)
			continue;
		if (t->expect && strcmp(t->expect, pin->party) != 0) {
			snprintf(t->why, sizeof(t->why), "its certificate names %s, not %s", pin->party, t->expect);
			continue;
		}
		if (chain_ok(pin, leaf, X509_STORE_CTX_get0_untrusted(x), SSL_is_server(ssl), &why)) {
			memcpy(t->peer, pin->party, strlen(pin->party) + 1);
			X509_STORE_CTX_set_error(x, X509_V_OK);
			return 1;
		}
		snprintf(t->why, sizeof(t->why), "the certificate for %s is not the pinned one: %s",
			 pin->party, X509_verify_cert_error_string(why));
	}
	X509_STORE_CTX_set_error(x, why == X509_V_OK ? X509_V_ERR_HOSTNAME_MISMATCH : why);
	return 0;
}

/* --- contexts ------------------------------------------------------------------------------- */

static int set_up(SSL_CTX *c, const char *cert, const char *key, struct errmsg *em)
{
	char what[300];

	/* 128 bits is the platform's security level, and the fastest here. */
	if (SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
				     "TLS_CHACHA20_POLY1305_SHA256") != 1)
		return tls_error(em, ERR_INTERNAL, "TLS 1.3 is not available");
	SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION |
			    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_num_tickets(c, 0);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_default_read_buffer_len(c, TLS_BATCH);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(c, verify, NULL);
	snprintf(what, sizeof(what), "PET_TLS_CERT %s", cert);
	if (SSL_CTX_use_certificate_chain_file(c, cert) != 1)
		return tls_error(em, ERR_INPUT, what);
	snprintf(what, sizeof(what), "PET_TLS_KEY %s", key);
	if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(c) != 1)
		return tls_error(em, ERR_INPUT, what);
	return 0;
}

int tls_ctx_new(const char *cert, const char *key, const struct party_file *pf, const char *self,
		struct tls_ctx **out, struct errmsg *em)
{
	struct tls_ctx *ctx = calloc(1, sizeof(*ctx));
	int rc = ERR_NOMEM;

	if (!ctx)
		return ERR_NOMEM;
	ctx->ssl[0] = SSL_CTX_new(TLS_client_method());
	ctx->ssl[1] = SSL_CTX_new(TLS_server_method());
	pthread_once(&batch_once, batch_init);
	if (!ctx->ssl[0] || !ctx->ssl[1] || !batch)
		goto out;
	for (int i = 0; i < 2; i++)
		TRY(set_up(ctx->ssl[i], cert, key, em));
	for (size_t i = 0; i < pf->count; i++)
		if (strcmp(pf->party[i].name, self) != 0)
			TRY(pin_party(ctx, &pf->party[i], em));
	*out = ctx;
	return 0;
out:
	tls_ctx_free(ctx);
	return rc;
}

void tls_ctx_free(struct tls_ctx *ctx)
{
	if (!ctx)
		return;
	for (size_t i = 0; i < ctx->count; i++)
		X509_STORE_free(ctx->pin[i].store);
	SSL_CTX_free(ctx->ssl[0]);
	SSL_CTX_free(ctx->ssl[1]);
	free(ctx);
}

/* --- connections ---------------------------------------------------------------------------- */

static int handshake(struct tls *t, int64_t deadline, int wake, struct errmsg *em)
{
	for (;;) {
		int n, e, blocked, rc;

		ERR_clear_error();
		n = SSL_do_handshake(t->ssl);
		e = SSL_get_error(t->ssl, n);
		blocked = tls_flush(t);
		if (n == 1 && blocked == 0)
			return 0;
		if (n != 1 && e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE) {
			if (t->why[0] && !t->peer[0])
				return errmsg_set(em, ERR_DENIED, "TLS", "%s", t->why);
			return tls_error(em, ERR_PEER, "TLS handshake");
		}
		if (blocked < 0)
			return tls_error(em, ERR_PEER, "TLS handshake");
		rc = io_wait(t->fd, blocked ? POLLOUT : POLLIN, deadline, wake);
		if (rc)
			return errmsg_set(em, rc, "TLS", rc == ERR_TIMEOUT ? "the TLS handshake took too long"
						       : "the TLS handshake was broken off");
	}
}

int tls_open(struct tls_ctx *ctx, int fd, const char *expect, int64_t deadline, int wake,
	     struct tls **out, struct errmsg *em)
{
	struct tls *t = malloc(sizeof(*t));
	BIO *in = NULL, *wr = NULL;
	int rc = ERR_NOMEM;

	if (!t) {
		close(fd);
		return rc;
	}
	/* Not calloc: the pages of `out` stay untouched until data flows. */
	memset(t, 0, offsetof(struct tls, out));
	t->ctx = ctx;
	t->fd = fd;
	t->expect = expect;
	t->ssl = SSL_new(ctx->ssl[expect == NULL]);
	in = BIO_new_socket(fd, BIO_NOCLOSE);
	wr = BIO_new(batch);
	if (!t->ssl || !in || !wr) {
		BIO_free(in);
		BIO_free(wr);
		goto out;
	}
	BIO_set_data(wr, t);
	SSL_set_bio(t->ssl, in, wr);
	SSL_set_app_data(t->ssl, t);
	if (expect)
		SSL_set_connect_state(t->ssl);
	else
		SSL_set_accept_state(t->ssl);
	TRY(handshake(t, deadline, wake, em));
	t->expect = NULL;
	*out = t;
	return 0;
out:
	tls_close(t);
	return rc;
}

void tls_close(struct tls *t)
{
	if (!t)
		return;
	if (t->ssl && SSL_is_init_finished(t->ssl)) {
		ERR_clear_error();
		(void)SSL_shutdown(t->ssl);
	}
	/* The alert of a refused handshake goes out here too. */
	(void)!tls_flush(t);
	SSL_free(t->ssl);
	close(t->fd);
	ERR_clear_error();
	free(t);
}

const char *tls_peer(const struct tls *t)
{
	return t->peer;
}

int tls_fd(const struct tls *t)
{
	return t->fd;
}

int tls_pending(const struct tls *t)
{
	return t->out_at < t->out_len;
}

int tls_flush(struct tls *t)
{
	while (t->out_at < t->out_len) {
		ssize_t n = send(t->fd, t->out + t->out_at, t->out_len - t->out_at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : ERR_IO;
		t->out_at += (size_t)n;
	}
	return 0;
}

ssize_t tls_read(struct tls *t, void *data, size_t len)
{
	unsigned char *p = data;
	size_t got = 0;

	while (got < len) {
		size_t n = 0;
		int e;

		ERR_clear_error();
		if (SSL_read_ex(t->ssl, p + got, len - got, &n) == 1) {
			got += n;
			continue;
		}
		if (got)
			break;	/* an end or an error shows again at the next call */
		e = SSL_get_error(t->ssl, 0);
		if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
			return 0;
		return e == SSL_ERROR_ZERO_RETURN ? ERR_PEER : ERR_IO;
	}
	return (ssize_t)got;
}

int tls_write(struct tls *t, const void *data, size_t len)
{
	const unsigned char *p = data;

	t->keyed += len;
	if (t->keyed >= REKEY_BYTES) {
		t->keyed = 0;
		if (SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1)
			return ERR_INTERNAL;
	}
	while (len) {
		size_t n = 0;

		ERR_clear_error();
		if (SSL_write_ex(t->ssl, p, len, &n) != 1)
			return ERR_IO;
		p += n;
		len -= n;
	}
	return 0;
}

int tls_read_all(struct tls *t, void *data, size_t len, int64_t deadline, int wake)
{
	unsigned char *p = data;

	while (len) {
		ssize_t n = tls_read(t, p, len);
		int rc;

		if (n < 0)
			return (int)n;
		p += n;
		len -= (size_t)n;
		if (n || !len)
			continue;
		rc = io_wait(t->fd, POLLIN, deadline, wake);
		if (rc)
			return rc;
	}
	return 0;
}

int tls_write_all(struct tls *t, const void *data, size_t len, int64_t deadline, int wake)
{
	int rc = tls_write(t, data, len);

	while (rc == 0 && (rc = tls_flush(t)) == 1)
		rc = io_wait(t->fd, POLLOUT, deadline, wake);
	return rc;
}
