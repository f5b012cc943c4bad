#include "db/db_uri.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* Copies [s, end) with %XX decoded; a part that is too long or badly encoded is an error that names the part. */
static int decode(char *out, size_t cap, const char *s, const char *end)
{
	size_t n = 0;

	for (; s < end; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '%') {
			char hex[3] = { 0 };

			if (end - s < 3)
				return ERR_INPUT;
			memcpy(hex, s + 1, 2);
			if (util_unhex(&c, 1, hex) != 0 || c == 0)
				return ERR_INPUT;
			s += 2;
		}
		if (n + 1 >= cap)
			return ERR_INPUT;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return 0;
}

static int bad(struct errmsg *em, const char *part)
{
	return errmsg_set(em, ERR_INPUT, "BAD_DB_URI",
			  "PLATFORM_DB_URI: the %s is wrong; expected mysql://user:password@host:port/db "
			  "or mysql:///db?unix_socket=/path", part);
}

static int parse_port(struct db_uri *u, const char *s, const char *end)
{
	char text[8];
	char *stop;
	long v;

	if (decode(text, sizeof(text), s, end) != 0 || !*text)
		return ERR_INPUT;
	v = strtol(text, &stop, 10);
	if (*stop || v < 1 || v > 65535 || text[0] == '+' || text[0] == '-')
		return ERR_INPUT;
	u->port = (unsigned)v;
	return 0;
}

static int parse_authority(struct db_uri *u, const char *s, const char *end, struct errmsg *em)
{
	const char *at = NULL, *colon;

	for (const char *p = s; p < end; p++)
		if (*p == '@')
			at = p;
	if (at) {
		colon = memchr(s, ':', (size_t)(at - s));
		if (decode(u->user, sizeof(u->user), s, colon ? colon : at) != 0)
			return bad(em, "user");
		if (colon && decode(u->password, sizeof(u->password), colon + 1, at) != 0)
			return bad(em, "password");
		s = at + 1;
	}
	colon = memchr(s, ':', (size_t)(end - s));
	if (*s == '[') {	/* an IPv6 address */
		const char *close = memchr(s, ']', (size_t)(end - s));

		if (!close || decode(u->host, sizeof(u->host), s + 1, close) != 0)
			return bad(em, "host");
		colon = close + 1 < end && close[1] == ':' ? close + 1 : NULL;
		if (!colon && close + 1 != end)
			return bad(em, "host");
	} else if (decode(u->host, sizeof(u->host), s, colon ? colon : end) != 0) {
		return bad(em, "host");
	}
	if (colon && parse_port(u, colon + 1, end) != 0)
		return bad(em, "port");
	return 0;
}

static int parse_option(struct db_uri *u, const char *s, const char *end, struct errmsg *em)
{
	const struct { const char *name; char *out; size_t cap; } known[] = {
		{ "unix_socket=", u->socket, sizeof(u->socket) },
		{ "user=", u->user, sizeof(u->user) },
		{ "password=", u->password, sizeof(u->password) },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(known); i++) {
		size_t n = strlen(known[i].name);

		if ((size_t)(end - s) >= n && strncmp(s, known[i].name, n) == 0)
			return decode(known[i].out, known[i].cap, s + n, end) == 0 ? 0 : bad(em, "option's value");
	}
	/* charset and the like come with URIs of other programs; this one always speaks utf8mb4. */
	if ((size_t)(end - s) >= 8 && strncmp(s, "charset=", 8) == 0)
		return 0;
	return bad(em, "option (known: unix_socket, user, password, charset)");
}

int db_uri_parse(struct db_uri *out, const char *uri, struct errmsg *em)
{
	static const char *const schemes[] = { "mysql://", "mariadb://", "mysql+pymysql://" };
	const char *s = NULL, *slash, *query, *end = uri + strlen(uri);
	int rc;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < PET_ARRAY_SIZE(schemes); i++)
		if (strncmp(uri, schemes[i], strlen(schemes[i])) == 0)
			s = uri + strlen(schemes[i]);
	if (!s)
		return bad(em, "scheme (state is kept in MariaDB only)");
	query = strchr(s, '?');
	slash = memchr(s, '/', (size_t)((query ? query : end) - s));
	if (!slash)
		return bad(em, "database's name");
	rc = parse_authority(out, s, slash, em);
	if (rc != 0)
		return rc;
	if (decode(out->db, sizeof(out->db), slash + 1, query ? query : end) != 0 || !out->db[0] || strchr(out->db, '/'))
		return bad(em, "database's name");
	while (query) {
		const char *next = strchr(query + 1, '&');

		rc = parse_option(out, query + 1, next ? next : end, em);
		if (rc != 0)
			return rc;
		query = next;
	}
	if (out->socket[0] && out->socket[0] != '/')
		return bad(em, "unix_socket (an absolute path)");
	return 0;
}
