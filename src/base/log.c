#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *log_name = "pet";
static enum log_level log_max = LOG_INFO;

void log_init(const char *name)
{
	static const struct { const char *word; enum log_level level; } words[] = {
		{ "error", LOG_ERROR }, { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
		{ "info", LOG_INFO }, { "debug", LOG_DEBUG },
	};
	const char *want = getenv("PET_LOG");

	log_name = name;
	for (size_t i = 0; want && i < PET_ARRAY_SIZE(words); i++)
		if (strcmp(want, words[i].word) == 0)
			log_max = words[i].level;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int head, body;
	size_t n;

	if (level > log_max)
		return;
	head = snprintf(line, sizeof(line), "<%d>%s: ", (int)level, log_name);
	if (head < 0 || (size_t)head >= sizeof(line) - 1)
		return;
	va_start(ap, fmt);
	body = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	if (body < 0)
		return;
	n = (size_t)head + (size_t)body;
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	/* A value must not be able to forge a second line. */
	for (size_t i = (size_t)head; i < n; i++)
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;	/* nowhere left to say it */
}
