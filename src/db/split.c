#include "db/split.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

struct split {
	const char *file;
	const char *p, *end;
	unsigned line;
	struct buf out;	/* the statement so far, comments left out */
	struct errmsg *em;
};

static int bad(struct split *s, unsigned line, const char *what)
{
	return errmsg_set(s->em, ERR_INPUT, "BAD_MIGRATION", "%s line %u: %s", s->file, line, what);
}

static int skip_comment(struct split *s)
{
	while (s->p < s->end && *s->p != '\n')
		s->p++;
	return 0;
}

/* A string or a quoted name: copied to the closing quote; a doubled quote is part of it. */
static int copy_quoted(struct split *s)
{
	char quote = *s->p;
	unsigned line = s->line;
	const char *start = s->p++;

	for (; s->p < s->end; s->p++) {
		if (*s->p == '\n')
			s->line++;
		if (*s->p == '\\')
			return bad(s, s->line, "a backslash within quotes");
		if (*s->p != quote)
			continue;
		s->p++;
		if (s->p == s->end || *s->p != quote)
			return buf_add(&s->out, start, (size_t)(s->p - start));
	}
	return bad(s, line, "a quote that is not closed");
}

static int copy_char(struct split *s)
{
	char c = *s->p++;

	if (c == '\n')
		s->line++;
	if (s->out.len == 0 && isspace((unsigned char)c))
		return 0;
	return buf_add(&s->out, &c, 1);
}

static int step(struct split *s)
{
	size_t left = (size_t)(s->end - s->p);

	if (*s->p == '\'' || *s->p == '"' || *s->p == '`')
		return copy_quoted(s);
	if (left >= 2 && s->p[0] == '-' && s->p[1] == '-') {
		if (left > 2 && !isspace((unsigned char)s->p[2]))
			return bad(s, s->line, "-- without a space after it");
		return skip_comment(s);
	}
	if (*s->p == '#' || (left >= 2 && s->p[0] == '/' && s->p[1] == '*'))
		return bad(s, s->line, "only comments of the form -- are taken");
	if (*s->p == '\0')
		return bad(s, s->line, "a NUL byte");
	return copy_char(s);
}

int split_sql(const char *text, size_t len, const char *file,
	      int (*each)(const char *sql, size_t len, void *arg), void *arg, struct errmsg *em)
{
	struct split s = { .file = file, .p = text, .end = text + len, .line = 1, .em = em };
	int rc = ERR_INTERNAL;

	while (s.p < s.end) {
		if (*s.p != ';') {
			TRY(step(&s));
			continue;
		}
		s.p++;
		if (s.out.len == 0) {
			rc = bad(&s, s.line, "an empty statement");
			goto out;
		}
		if (s.out.len >= 9 && strncasecmp(s.out.data, "DELIMITER", 9) == 0) {
			rc = bad(&s, s.line, "DELIMITER is the client's word, not SQL");
			goto out;
		}
		TRY(each(s.out.data, s.out.len, arg));
		buf_clear(&s.out);
	}
	rc = s.out.len ? bad(&s, s.line, "the last statement does not end with ;") : 0;
out:
	buf_free(&s.out);
	return rc;
}
