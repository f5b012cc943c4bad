/* Small helpers that every layer needs: time, randomness, hex, whole files. */
#ifndef PET_BASE_UTIL_H
#define PET_BASE_UTIL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Monotonic milliseconds: for leases and timeouts, so that clock jumps change nothing. */
int64_t util_mono_ms(void);
int64_t util_wall_us(void);

/* Kernel randomness; ends the process when the kernel has none, since nothing may go on without it. */
void util_random(void *out, size_t len);

/* out holds 2*len+1 bytes. */
void util_hex(char *out, const void *in, size_t len);
/* Exactly 2*len lower- or upper-case digits, nothing else. */
int util_unhex(void *out, size_t len, const char *hex) PET_MUST_USE;

/* `j_` + base-36 milliseconds + `_` + 128 random bits in hex; out holds UTIL_JOB_ID_MAX bytes. */
#define UTIL_JOB_ID_MAX 64
void util_job_id(char out[UTIL_JOB_ID_MAX]);
/* The pattern that a client's own id must match: j_[a-z0-9_]{16,60}. */
int util_job_id_ok(const char *id) PET_MUST_USE;

/* Whole file into b (appended); more than max bytes is ERR_INPUT. errno tells the rest. */
int util_read_file(struct buf *b, const char *path, size_t max) PET_MUST_USE;
/* Written beside, fsynced, renamed: there is never half a file. */
int util_write_file(const char *path, const void *data, size_t len, unsigned mode) PET_MUST_USE;
/* write(2) until all is out. */
int util_write_all(int fd, const void *data, size_t len) PET_MUST_USE;
/* mkdir -p. */
int util_mkdirs(const char *path, unsigned mode) PET_MUST_USE;

/* Damerau-free edit distance, for "did you mean"; names over 64 bytes count as far away. */
unsigned util_distance(const char *a, const char *b);

#endif
