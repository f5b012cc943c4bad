/*
 * TLS 1.3 between two gateways: both sides show a certificate, and the one of
 * the peer must name a party of the party file and chain to (or be) what is
 * pinned there for that party. Non-blocking; one thread per connection.
 */
#ifndef PET_NET_TLS_H
#define PET_NET_TLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/party.h"

/* Bytes per call of tls_read and tls_write that keep system calls rare; what a relay's buffers should hold. */
#define TLS_BATCH ((size_t)128 << 10)

struct tls_ctx;
struct tls;

/* `cert` (chain) and `key`: PEM paths. The trust comes from pf, borrowed while ctx lives; `self` is never accepted as a peer. */
int tls_ctx_new(const char *cert, const char *key, const struct party_file *pf, const char *self,
		struct tls_ctx **out, struct errmsg *em) PET_MUST_USE;
void tls_ctx_free(struct tls_ctx *ctx);

/* Takes fd over in every case. `expect` NULL: the accepting side, which takes any party of the file. */
int tls_open(struct tls_ctx *ctx, int fd, const char *expect, int64_t deadline, int wake,
	     struct tls **out, struct errmsg *em) PET_MUST_USE;
/* Says goodbye if the socket takes it at once; closes the fd. Legal with NULL. */
void tls_close(struct tls *t);
/* The party that the peer's certificate proved. */
const char *tls_peer(const struct tls *t);
int tls_fd(const struct tls *t);

/* > 0: bytes read. 0: nothing now. ERR_PEER: orderly end. ERR_IO: anything else. */
ssize_t tls_read(struct tls *t, void *data, size_t len);
/* Encrypts up to TLS_BATCH bytes; only after tls_flush has returned 0. */
int tls_write(struct tls *t, const void *data, size_t len) PET_MUST_USE;
/* 0: everything is out. 1: the socket is full. */
int tls_flush(struct tls *t) PET_MUST_USE;
int tls_pending(const struct tls *t);

/* Whole buffers, up to a deadline; for opening messages. */
int tls_read_all(struct tls *t, void *data, size_t len, int64_t deadline, int wake) PET_MUST_USE;
int tls_write_all(struct tls *t, const void *data, size_t len, int64_t deadline, int wake) PET_MUST_USE;

#endif
