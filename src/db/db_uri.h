/*
 * PLATFORM_DB_URI: mysql://user:password@host:port/db, or
 * mysql:///db?unix_socket=/path&user=name&password=…. Parts may be percent-encoded.
 */
#ifndef PET_DB_DB_URI_H
#define PET_DB_DB_URI_H

#include "base/err.h"

struct db_uri {
	char user[81];		/* empty: the operating system's user, as the client library does */
	char password[256];
	char host[256];
	unsigned port;
	char db[65];
	char socket[256];
};

/* Another scheme is refused with the reason; the sentence never repeats the password. */
int db_uri_parse(struct db_uri *out, const char *uri, struct errmsg *em) PET_MUST_USE;

#endif
