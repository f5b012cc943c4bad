#include "base/yaml_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	struct yaml_json *out;
	const char *file;
	struct errmsg *em;
	unsigned depth;
};

static int line_of(const yaml_event_t *e)
{
	return (int)e->start_mark.line + 1;
}

static int bad(const struct reader *r, int line, const char *what)
{
	return errmsg_set(r->em, ERR_INPUT, "BAD_MISSION", "%s:%d: %s", r->file, line, what);
}

static int next_event(struct reader *r, yaml_event_t *e)
{
	yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(p, e))
		return 0;
	if (p->error == YAML_MEMORY_ERROR)
		return ERR_NOMEM;
	/* A reader error (bad UTF-8) carries no line: the parser's own place is the nearest. */
	return bad(r, (int)(p->error == YAML_READER_ERROR ? p->mark.line : p->problem_mark.line) + 1,
		   p->problem ? p->problem : "not YAML");
}

static int remember(struct yaml_json *y, const json_t *parent, const char *key, size_t index, int line)
{
	if (y->mark_count == y->mark_cap) {
		size_t cap = y->mark_cap ? 2 * y->mark_cap : 64;
		struct yaml_mark *bigger = reallocarray(y->mark, cap, sizeof(*bigger));

		if (!bigger)
			return ERR_NOMEM;
		y->mark = bigger;
		y->mark_cap = cap;
	}
	y->mark[y->mark_count++] = (struct yaml_mark){ parent, key, index, line };
	return 0;
}

/* [-+]?[0-9]+ within 64 bits */
static json_t *as_integer(const char *s)
{
	char *end;
	long long v;

	if (s[strspn(s, "+-0123456789")] != '\0')
		return NULL;
	errno = 0;
	v = strtoll(s, &end, 10);
	return *end || end == s || errno ? NULL : json_integer(v);
}

/* Decimal fractions and exponents only: no hexadecimal, infinity or NaN, and no integer that would lose digits. */
static json_t *as_real(const char *s)
{
	char *end;
	double v;

	if (s[strspn(s, "+-0123456789.eE")] != '\0' || !strpbrk(s, "0123456789") ||
	    !strpbrk(s, ".eE"))
		return NULL;
	v = strtod(s, &end);
	return *end || end == s || !isfinite(v) ? NULL : json_real(v);
}

static int one_of(const char *s, const char *a, const char *b, const char *c)
{
	return strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, c) == 0;
}

static json_t *plain_scalar(const char *s, size_t len)
{
	json_t *v;

	if (len == 0 || strcmp(s, "~") == 0 || one_of(s, "null", "Null", "NULL"))
		return json_null();
	if (one_of(s, "true", "True", "TRUE"))
		return json_true();
	if (one_of(s, "false", "False", "FALSE"))
		return json_false();
	if ((v = as_integer(s)) || (v = as_real(s)))
		return v;
	return json_stringn(s, len);
}

static int read_scalar(const struct reader *r, const yaml_event_t *e, json_t **out)
{
	const char *s = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;

	if (memchr(s, '\0', len))
		return bad(r, line_of(e), "a NUL character has no place in a mission file");
	*out = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_scalar(s, len)
							       : json_stringn(s, len);
	/* jansson refuses what is not UTF-8; libyaml has checked that before */
	return *out ? 0 : ERR_NOMEM;
}

static int read_value(struct reader *r, const yaml_event_t *e, json_t **out);

static int read_list(struct reader *r, json_t *list)
{
	yaml_event_t e;
	json_t *item;
	int rc, line;

	for (;;) {
		if ((rc = next_event(r, &e)))
			return rc;
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&e);
			return 0;
		}
		line = line_of(&e);
		rc = read_value(r, &e, &item);
		yaml_event_delete(&e);
		if (rc)
			return rc;
		if (json_array_append_new(list, item))
			return ERR_NOMEM;
		if ((rc = remember(r->out, list, NULL, json_array_size(list) - 1, line)))
			return rc;
	}
}

static int check_key(const struct reader *r, const yaml_event_t *e, const json_t *map)
{
	const char *key;
	char what[160];

	if (e->type != YAML_SCALAR_EVENT)
		return bad(r, line_of(e), "a key must be a plain word");
	key = (const char *)e->data.scalar.value;
	if (memchr(key, '\0', e->data.scalar.length) || e->data.scalar.length == 0 ||
	    e->data.scalar.anchor || e->data.scalar.tag)
		return bad(r, line_of(e), "a key must be a plain word");
	if (strcmp(key, "<<") == 0)
		return bad(r, line_of(e), "merge keys ('<<') are not used in mission files");
	if (!json_object_get(map, key))
		return 0;
	snprintf(what, sizeof(what), "the key '%.64s' stands twice in one mapping", key);
	return bad(r, line_of(e), what);
}

/* One key and its value; `e` is the key's event. */
static int read_pair(struct reader *r, const yaml_event_t *key_event, json_t *map)
{
	const char *key = (const char *)key_event->data.scalar.value;
	yaml_event_t e;
	json_t *value;
	int rc = check_key(r, key_event, map);

	if (rc || (rc = next_event(r, &e)))
		return rc;
	rc = read_value(r, &e, &value);
	yaml_event_delete(&e);
	if (rc)
		return rc;
	if (json_object_set_new(map, key, value))
		return ERR_NOMEM;
	return remember(r->out, map, json_object_iter_key(json_object_iter_at(map, key)), 0,
			line_of(key_event));
}

static int read_map(struct reader *r, json_t *map)
{
	yaml_event_t e;
	int rc = 0, end = 0;

	while (!end && rc == 0) {
		if ((rc = next_event(r, &e)))
			return rc;
		end = e.type == YAML_MAPPING_END_EVENT;
		if (!end)
			rc = read_pair(r, &e, map);
		yaml_event_delete(&e);
	}
	return rc;
}

/* Anchors could make a small file large or endless, tags could change types unseen. */
static int check_plain(const struct reader *r, const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (e->type) {
	case YAML_SCALAR_EVENT:
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
		break;
	case YAML_ALIAS_EVENT:
		return bad(r, line_of(e), "anchors and aliases are not used in mission files: write the value again");
	default:
		return bad(r, line_of(e), "expected a value");
	}
	if (anchor)
		return bad(r, line_of(e), "anchors and aliases are not used in mission files: write the value again");
	if (tag)
		return bad(r, line_of(e), "tags are not used in mission files: quote a scalar to make it a string");
	return 0;
}

/* On failure nothing is left in *out. */
static int read_value(struct reader *r, const yaml_event_t *e, json_t **out)
{
	int rc = check_plain(r, e);

	*out = NULL;
	if (rc)
		return rc;
	if (e->type == YAML_SCALAR_EVENT)
		return read_scalar(r, e, out);
	if (r->depth == YAML_JSON_DEPTH)
		return bad(r, line_of(e), "nested deeper than 32 levels");
	*out = e->type == YAML_SEQUENCE_START_EVENT ? json_array() : json_object();
	if (!*out)
		return ERR_NOMEM;
	r->depth++;
	rc = e->type == YAML_SEQUENCE_START_EVENT ? read_list(r, *out) : read_map(r, *out);
	r->depth--;
	if (rc) {
		json_decref(*out);
		*out = NULL;
	}
	return rc;
}

/* Reads one event that must be of the given type. */
static int expect(struct reader *r, yaml_event_type_t type, const char *otherwise)
{
	yaml_event_t e;
	int rc = next_event(r, &e), line;
	yaml_event_type_t found;

	if (rc)
		return rc;
	found = e.type;
	line = line_of(&e);
	yaml_event_delete(&e);
	return found == type ? 0 : bad(r, line, otherwise);
}

static int read_document(struct reader *r)
{
	yaml_event_t e;
	int rc;

	TRY(expect(r, YAML_STREAM_START_EVENT, "not YAML"));
	TRY(expect(r, YAML_DOCUMENT_START_EVENT, "the file is empty: expected 'meta' and 'operators'"));
	TRY(next_event(r, &e));
	rc = read_value(r, &e, &r->out->root);
	yaml_event_delete(&e);
	if (rc)
		goto out;
	TRY(expect(r, YAML_DOCUMENT_END_EVENT, "expected the document's end"));
	TRY(expect(r, YAML_STREAM_END_EVENT, "a second document begins here: one mission per file"));
out:
	return rc;
}

int yaml_json_parse(struct yaml_json *out, const char *text, size_t len, const char *file,
		    struct errmsg *em)
{
	struct reader r = { .out = out, .file = file, .em = em };
	int rc;

	memset(out, 0, sizeof(*out));
	if (!yaml_parser_initialize(&r.parser))
		return ERR_NOMEM;
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	rc = read_document(&r);
	yaml_parser_delete(&r.parser);
	if (rc)
		yaml_json_free(out);
	return rc;
}

void yaml_json_free(struct yaml_json *y)
{
	json_decref(y->root);
	free(y->mark);
	memset(y, 0, sizeof(*y));
}

int yaml_json_line(const struct yaml_json *y, const json_t *parent, const char *key, size_t index)
{
	for (size_t i = 0; i < y->mark_count; i++) {
		const struct yaml_mark *m = &y->mark[i];

		if (m->parent != parent || !m->key != !key)
			continue;
		if (key ? strcmp(m->key, key) == 0 : m->index == index)
			return m->line;
	}
	return 0;
}
