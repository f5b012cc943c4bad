#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "base/log.h"

void reply_reset(struct reply *r)
{
	r->status = 200;
	r->allow[0] = '\0';
	r->retry_after = 0;
	r->wait.job_id[0] = '\0';
	buf_clear(&r->body);
}

void reply_free(struct reply *r)
{
	buf_free(&r->body);
}

const char *reply_reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 409: return "Conflict";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	case 429: return "Too Many Requests";
	case 503: return "Service Unavailable";
	default: return "Internal Server Error";
	}
}

/* Length of the UTF-8 sequence at s (RFC 3629: no overlong form, no surrogate), or 0. */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 :
		   s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static int plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static int escaped(struct buf *b, unsigned char c)
{
	if (c == '"' || c == '\\')
		return buf_fmt(b, "\\%c", c);
	if (c == '\n')
		return buf_str(b, "\\n");
	return buf_fmt(b, "\\u%04x", c);
}

int reply_string(struct buf *b, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	int rc = buf_add(b, "\"", 1);

	while (rc == 0 && *p) {
		size_t n = 0;

		while (plain(p[n]))
			n++;
		if (n) {
			rc = buf_add(b, p, n);
		} else if (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f) {
			n = 1;
			rc = escaped(b, *p);
		} else {
			n = utf8_len(p);
			rc = n ? buf_add(b, p, n) : buf_add(b, "?", 1);
			n = n ? n : 1;
		}
		p += n;
	}
	return rc ? rc : buf_add(b, "\"", 1);
}

static int write_error(struct reply *r, const char *code, const char *text)
{
	int rc;

	buf_clear(&r->body);
	TRY(buf_fmt(&r->body, "{\"success\": false, \"error_code\": \"%s\", \"error_message\": ", code));
	TRY(reply_string(&r->body, text));
	TRY(buf_str(&r->body, "}\n"));
	rc = 0;
out:
	return rc;
}

int reply_error(struct reply *r, int status, const char *code, const char *fmt, ...)
{
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->status = status;
	r->wait.job_id[0] = '\0';
	return write_error(r, code, text);
}

int reply_fail(struct reply *r, int rc, const struct errmsg *em)
{
	const char *code = em && em->code[0] ? em->code : NULL;
	const char *text = em && em->local[0] ? em->local : NULL;

	switch (rc) {
	case ERR_INPUT:
		return reply_error(r, 400, code ? code : "BAD_REQUEST", "%s", text ? text : "the request is not valid");
	case ERR_DENIED:
		return reply_error(r, 403, code ? code : "NOT_ALLOWED", "%s", text ? text : "this is not allowed");
	case ERR_NOTFOUND:
		return reply_error(r, 404, code ? code : "NOT_FOUND", "%s", text ? text : "there is no such thing");
	case ERR_CONFLICT:
		return reply_error(r, 409, code ? code : "CONFLICT", "%s", text ? text : "the state does not allow this");
	case ERR_BUSY:
		r->retry_after = 1;
		return reply_error(r, 429, code ? code : "BUSY", "%s", text ? text : "too many requests: try again later");
	case ERR_PEER:
	case ERR_TIMEOUT:
		r->retry_after = 2;
		return reply_error(r, 503, code ? code : "PEER_AWAY", "%s", text ? text : "the other party does not answer: try again later");
	case ERR_DB:
	case ERR_DB_RETRY:
		/* What the database said names tables and statements: it belongs in the log only. */
		log_warning("database: %s", text ? text : err_name(rc));
		r->retry_after = 2;
		return reply_error(r, 503, "DATABASE_AWAY", "the database does not answer: try again later");
	default:
		log_error("request failed with %s: %s", err_name(rc), text ? text : "no details");
		return reply_error(r, 500, "INTERNAL", "the server failed: its log tells more");
	}
}

int reply_json(struct reply *r, const json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
	int rc = ERR_NOMEM;

	if (!text)
		goto out;
	buf_clear(&r->body);
	TRY(buf_str(&r->body, text));
	TRY(buf_add(&r->body, "\n", 1));
	rc = 0;
out:
	free(text);
	return rc;
}
