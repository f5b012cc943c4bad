/*
 * How an end of a channel gets a connection to the other end's, one attempt at
 * a time: through the gateway on its unix socket, or plain TCP (where the
 * listening side plays the gateway's part itself).
 */
#ifndef PET_NET_DIAL_H
#define PET_NET_DIAL_H

#include <stdint.h>

#include "net/chan.h"
#include "net/wire.h"

struct dial;

/* Keeps copies of what it needs of conf; binds the port when conf->listen. Reference-counted: one for the caller. */
int dial_new(const struct chan_conf *conf, struct dial **out, struct errmsg *em) PET_MUST_USE;
struct dial *dial_ref(struct dial *d);
void dial_unref(struct dial *d);

/*
 * One attempt. Ends early when `wake` becomes readable. 0: fd is connected to
 * the peer's end. ERR_DENIED: it makes no sense to try again. Others: later.
 */
int dial_connect(struct dial *d, const struct wire_id *id, int64_t deadline, int wake,
		 int *fd, struct errmsg *em) PET_MUST_USE;

/* I/O on a non-blocking fd up to a deadline (util_mono_ms); wake < 0: none. ERR_CANCELED when woken. */
int io_wait(int fd, short events, int64_t deadline, int wake) PET_MUST_USE;
int io_read(int fd, void *data, size_t len, int64_t deadline, int wake) PET_MUST_USE;
int io_write(int fd, const void *data, size_t len, int64_t deadline, int wake) PET_MUST_USE;
/* One opening message, head and body as they came, into raw[WIRE_MSG_MAX]. */
int io_read_msg(int fd, enum wire_msg want, uint8_t *raw, size_t *len, int64_t deadline,
		int wake, struct errmsg *em) PET_MUST_USE;

/* Connected, non-blocking, close-on-exec sockets. TCP: no delay. */
int dial_unix(const char *path, int *fd, struct errmsg *em) PET_MUST_USE;
int dial_tcp(const char *address, int64_t deadline, int wake, int *fd, struct errmsg *em) PET_MUST_USE;
/* A listening TCP socket on host:port. */
int dial_listen(const char *address, int *fd, struct errmsg *em) PET_MUST_USE;
void dial_tune(int fd);

#endif
