/*
 * Configuration: environment variables, and below them a `key=value` file
 * (PET_CONF, default /etc/petplatform/petplatform.conf, which may be absent).
 * The environment wins. docs/configuration.md lists every variable.
 */
#ifndef PET_BASE_CONF_H
#define PET_BASE_CONF_H

#include <stdint.h>

#include "base/err.h"

/* Reads the file once; errors name file and line. Call before any conf_get. */
int conf_init(struct errmsg *em) PET_MUST_USE;
void conf_fini(void);

/* Borrowed until conf_fini; the fallback (may be NULL) when the variable is absent or empty. */
const char *conf_get(const char *name, const char *fallback);
/* A missing one is an error that names the variable. */
int conf_need(const char *name, const char **out, struct errmsg *em) PET_MUST_USE;
/* A decimal integer within [low, high]; anything else is an error that names variable, value and range. */
int conf_int(const char *name, int64_t fallback, int64_t low, int64_t high,
	     int64_t *out, struct errmsg *em) PET_MUST_USE;

#endif
