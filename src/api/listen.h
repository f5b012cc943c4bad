/* The socket that nginx connects to, and the processes that share it. */
#ifndef PET_API_LISTEN_H
#define PET_API_LISTEN_H

#include "api/api.h"

/* fd 0 when it is a listening socket (systemd's StandardInput=socket), else $PET_RUN_DIR/api.sock, made anew. */
int listen_socket(int *fd, const struct api *api, struct errmsg *em) PET_MUST_USE;

/*
 * Forks `count` processes that each call `run`, starts those again that die,
 * and ends them all at SIGTERM or SIGINT. Returns when the last is gone.
 */
int listen_workers(int count, int (*run)(void *arg), void *arg, struct errmsg *em) PET_MUST_USE;

#endif
