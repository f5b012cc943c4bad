#include "base/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"

#define CONF_MAX 128

static struct { char *key, *value; } conf_rows[CONF_MAX];
static size_t conf_count;
static struct buf conf_text;

static int conf_line(char *line, const char *path, unsigned number, struct errmsg *em)
{
	char *eq, *end;
	size_t n;

	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#')
		return 0;
	eq = strchr(line, '=');
	if (!eq || eq == line)
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG",
				  "%s line %u: expected key=value", path, number);
	if (conf_count == CONF_MAX)
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG",
				  "%s line %u: more than %d settings", path, number, CONF_MAX);
	for (end = eq; end > line && (end[-1] == ' ' || end[-1] == '\t'); end--)
		;
	*end = '\0';
	eq++;
	eq += strspn(eq, " \t");
	n = strlen(eq);
	while (n && (eq[n - 1] == ' ' || eq[n - 1] == '\t' || eq[n - 1] == '\r'))
		eq[--n] = '\0';
	if (n >= 2 && eq[0] == '"' && eq[n - 1] == '"') {
		eq[n - 1] = '\0';
		eq++;
	}
	conf_rows[conf_count].key = line;
	conf_rows[conf_count++].value = eq;
	return 0;
}

int conf_init(struct errmsg *em)
{
	const char *given = getenv("PET_CONF");
	const char *path = given ? given : "/etc/petplatform/petplatform.conf";
	char *line, *next;
	unsigned number = 1;
	int rc;

	conf_fini();
	rc = util_read_file(&conf_text, path, 1 << 20);
	if (rc == ERR_IO && errno == ENOENT && !given)
		return 0;
	if (rc)
		return errmsg_set(em, rc, "BAD_CONFIG", "cannot read %s: %s", path,
				  rc == ERR_IO ? strerror(errno) : "larger than 1 MiB");
	for (line = conf_text.data; line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		rc = conf_line(line, path, number, em);
		if (rc)
			return rc;
	}
	return 0;
}

void conf_fini(void)
{
	conf_count = 0;
	buf_free(&conf_text);
}

const char *conf_get(const char *name, const char *fallback)
{
	const char *v = getenv(name);

	if (v && *v)
		return v;
	for (size_t i = 0; i < conf_count; i++)
		if (strcmp(conf_rows[i].key, name) == 0 && *conf_rows[i].value)
			return conf_rows[i].value;
	return fallback;
}

int conf_need(const char *name, const char **out, struct errmsg *em)
{
	*out = conf_get(name, NULL);
	if (*out)
		return 0;
	return errmsg_set(em, ERR_INPUT, "BAD_CONFIG",
			  "%s is not set: set it in the environment or in the configuration file", name);
}

int conf_int(const char *name, int64_t fallback, int64_t low, int64_t high,
	     int64_t *out, struct errmsg *em)
{
	const char *v = conf_get(name, NULL);
	char *end;
	long long n;

	*out = fallback;
	if (!v)
		return 0;
	errno = 0;
	n = strtoll(v, &end, 10);
	if (errno || end == v || *end || n < low || n > high)
		return errmsg_set(em, ERR_INPUT, "BAD_CONFIG",
				  "%s is '%s': expected an integer from %lld to %lld",
				  name, v, (long long)low, (long long)high);
	*out = n;
	return 0;
}
