/* Wakes this party's scheduler: a datagram to $PET_RUN_DIR/sched.sock. A lost one costs one poll interval, no more. */
#ifndef PET_BASE_WAKE_H
#define PET_BASE_WAKE_H

#include <stddef.h>

#include "base/err.h"

/* The socket's path; a folder that is too long for one is ERR_INPUT. */
int wake_path(char *out, size_t cap) PET_MUST_USE;
void wake_sched(void);
/* The scheduler's end: a bound, non-blocking datagram socket that any local process of the group may write to. */
int wake_listen(int *fd, struct errmsg *em) PET_MUST_USE;
/* Reads all pending datagrams away. */
void wake_drain(int fd);

#endif
