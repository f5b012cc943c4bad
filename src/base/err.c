#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_name(int rc)
{
	static const char *const names[] = {
		"OK", "INTERNAL", "INPUT", "NOMEM", "IO", "DB", "DB_RETRY", "PEER",
		"TIMEOUT", "NOTFOUND", "CONFLICT", "DENIED", "BUSY", "CANCELED",
	};
	if (rc > 0 || (size_t)-rc >= PET_ARRAY_SIZE(names))
		return "UNKNOWN";
	return names[-rc];
}

int errmsg_set(struct errmsg *em, int rc, const char *code, const char *fmt, ...)
{
	va_list ap;

	if (!em)
		return rc;
	snprintf(em->code, sizeof(em->code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(em->local, sizeof(em->local), fmt, ap);
	va_end(ap);
	snprintf(em->pub, sizeof(em->pub), "%.*s", (int)sizeof(em->pub) - 1, em->local);
	return rc;
}

void errmsg_local(struct errmsg *em, const char *fmt, ...)
{
	va_list ap;

	if (!em)
		return;
	va_start(ap, fmt);
	vsnprintf(em->local, sizeof(em->local), fmt, ap);
	va_end(ap);
}
