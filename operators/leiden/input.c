#include "leiden/input.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 60	/* bytes of a node's name in a message */

static int shown(size_t len)
{
	return (int)(len < SHOWN ? len : SHOWN);
}

/* --- for both forms ------------------------------------------------------------- */

int linput_add(struct linput *in, uint32_t u, uint32_t v, double w, uint64_t row)
{
	if (in->edges == in->cap) {
		size_t cap = in->cap * 2 + 256;
		struct wedge *e = realloc(in->edge, cap * sizeof(*e));

		if (!e)
			return ERR_NOMEM;
		in->edge = e;
		in->cap = cap;
	}
	in->edge[in->edges++] = (struct wedge){ u, v, w, row };
	return 0;
}

int linput_name(struct linput *in, const char *text, size_t len, uint32_t *out, const char *file, struct errmsg *em)
{
	int rc = names_add(&in->names, text, len, out);

	if (rc != ERR_INPUT)
		return rc;
	errmsg_set(em, rc, "BAD_NODE", "an input file has more than %u nodes, or a node's name of more than %d bytes", NAMES_MAX, NAME_MAX_BYTES);
	errmsg_local(em, "%s has more than %u nodes, or the name \"%.*s…\" of more than %d bytes", file, NAMES_MAX, shown(len), text,
		     NAME_MAX_BYTES);
	return rc;
}

int linput_own(struct linput *in, uint32_t node, const char *file, struct errmsg *em)
{
	if (in->is_local[node]) {
		size_t len;
		const char *t = names_get(&in->names, node, &len);

		errmsg_set(em, ERR_INPUT, "DUPLICATE_NODE", "the list of own nodes names a node twice");
		errmsg_local(em, "%s names the node \"%.*s\" twice: expected each once", file, shown(len), t);
		return ERR_INPUT;
	}
	in->is_local[node] = 1;
	in->local[in->locals++] = node;
	return 0;
}

void linput_free(struct linput *in)
{
	names_free(&in->names);
	if (in->edge)
		explicit_bzero(in->edge, in->edges * sizeof(*in->edge));
	free(in->edge);
	free(in->local);
	free(in->is_local);
	*in = (struct linput){ 0 };
}

static int edge_error(const struct linput *in, const struct wedge *e, const char *code, const char *pub, const char *more,
		      struct errmsg *em)
{
	size_t lu, lv;
	const char *u = names_get(&in->names, e->u, &lu), *v = names_get(&in->names, e->v, &lv);

	errmsg_set(em, ERR_INPUT, code, "%s", pub);
	if (e->row)
		errmsg_local(em, "row %llu, the edge \"%.*s\" – \"%.*s\": %s", (unsigned long long)e->row, shown(lu), u, shown(lv), v, more);
	else
		errmsg_local(em, "the edge \"%.*s\" – \"%.*s\": %s", shown(lu), u, shown(lv), v, more);
	return ERR_INPUT;
}

int linput_scale(const struct linput *in, unsigned bits, struct ledge *out, struct errmsg *em)
{
	double sum = 0;

	for (size_t i = 0; i < in->edges; i++) {
		const struct wedge *e = &in->edge[i];
		double x = ldexp(e->w, (int)bits), r = x < 1 ? 1 : nearbyint(x);

		sum += 2 * r;
		if (fabs(r - x) > x / 100)
			return edge_error(in, e, "WEIGHT_RANGE", "a weight is too small for fraction_bits: it would change by more than a hundredth",
					  "the weight would change by more than a hundredth: use more fraction_bits", em);
		if (!(sum < 0x1p61))
			return edge_error(in, e, "WEIGHT_RANGE", "the weights are too large for fraction_bits",
					  "the weights so far are 2^61 units of 2^-fraction_bits and more: use less fraction_bits", em);
		out[i] = (struct ledge){ e->u, e->v, (uint64_t)r };
	}
	return 0;
}

/* '{' or '[' says JSON. */
static int first_byte(const char *path, const char *name, int *c, struct errmsg *em)
{
	FILE *f = fopen(path, "rbe");

	if (!f) {
		errmsg_set(em, ERR_INPUT, "CANNOT_READ", "an input file cannot be read");
		errmsg_local(em, "%s cannot be read: %s", name, strerror(errno));
		return ERR_INPUT;
	}
	do
		*c = getc(f);
	while (*c == ' ' || *c == '\t' || *c == '\r' || *c == '\n');
	fclose(f);
	return 0;
}

/* --- JSON ------------------------------------------------------------------------- */

static int load_json(const char *path, const char *name, json_t **out, struct errmsg *em)
{
	json_error_t je;

	*out = json_load_file(path, JSON_REJECT_DUPLICATES, &je);
	if (*out)
		return 0;
	errmsg_set(em, ERR_INPUT, "BAD_JSON", "an input file is no JSON");
	errmsg_local(em, "%s, line %d, column %d: %s", name, je.line, je.column, je.text);
	return ERR_INPUT;
}

static int bad_weight(const char *name, const char *u, const char *v, struct errmsg *em)
{
	errmsg_set(em, ERR_INPUT, "BAD_WEIGHT", "an input file has a weight that is none");
	errmsg_local(em, "%s, [\"%.*s\"][\"%.*s\"]: expected a number that is not negative", name, SHOWN, u, SHOWN, v);
	return ERR_INPUT;
}

static int read_neighbours(struct linput *in, const char *name, const char *key, uint32_t u, json_t *all, struct errmsg *em)
{
	const char *other;
	json_t *value;
	uint32_t v;
	int rc = 0;

	json_object_foreach(all, other, value) {
		double w = json_number_value(value);

		if (!json_is_number(value) || !(w >= 0) || isinf(w))
			return bad_weight(name, key, other, em);
		TRY(linput_name(in, other, strlen(other), &v, name, em));
		TRY(linput_add(in, u, v, w, 0));
	}
out:
	return rc;
}

/* Both directions of a pair stand next to each other, the smaller end first. */
static int by_pair(const void *a, const void *b)
{
	const struct wedge *x = a, *y = b;
	uint32_t x0 = x->u < x->v ? x->u : x->v, x1 = x->u ^ x->v ^ x0, y0 = y->u < y->v ? y->u : y->v, y1 = y->u ^ y->v ^ y0;

	if (x0 != y0)
		return x0 < y0 ? -1 : 1;
	if (x1 != y1)
		return x1 < y1 ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* Each edge once. is_key: by name. */
static int unite_directions(struct linput *in, const uint8_t *is_key, struct errmsg *em)
{
	size_t n = 0;

	qsort(in->edge, in->edges, sizeof(*in->edge), by_pair);
	for (size_t i = 0; i < in->edges; i++) {
		struct wedge *e = &in->edge[i], *next = i + 1 < in->edges ? e + 1 : NULL;

		if (next && next->u == e->v && next->v == e->u && e->u != e->v) {
			if (next->w != e->w)
				return edge_error(in, e, "ASYMMETRIC", "an input file is not symmetric", "it has two weights: expected the same in both directions", em);
			i++;
		} else if (e->u != e->v && is_key[e->v] && e->w > 0) {
			return edge_error(in, e, "ASYMMETRIC", "an input file is not symmetric",
					  "the second node does not list the first: expected the edge at both", em);
		}
		if (e->w > 0)
			in->edge[n++] = e->u <= e->v ? *e : (struct wedge){ e->v, e->u, e->w, 0 };
	}
	in->edges = n;
	return 0;
}

static int edges_json(struct linput *in, const char *path, const char *name, struct errmsg *em)
{
	json_t *root = NULL, *value;
	uint8_t *is_key = NULL;
	const char *key;
	uint32_t u;
	int rc;

	TRY(load_json(path, name, &root, em));
	/* keys first, so that they are numbered before those that are neighbours alone */
	json_object_foreach(root, key, value) {
		TRY(linput_name(in, key, strlen(key), &u, name, em));
		if (json_is_object(value))
			continue;
		errmsg_set(em, ERR_INPUT, "BAD_JSON", "an input file's weights are no object of objects");
		errmsg_local(em, "%s, [\"%.*s\"]: expected an object {neighbour: weight}", name, SHOWN, key);
		rc = ERR_INPUT;
		goto out;
	}
	u = in->names.n;
	json_object_foreach(root, key, value)
		TRY(read_neighbours(in, name, key, names_find(&in->names, key, strlen(key)), value, em));
	is_key = calloc((size_t)in->names.n + 1, 1);
	rc = is_key ? 0 : ERR_NOMEM;
	if (rc)
		goto out;
	memset(is_key, 1, u);
	rc = unite_directions(in, is_key, em);
out:
	json_decref(root);
	free(is_key);
	return rc;
}

static int add_local(struct linput *in, const json_t *value, size_t i, const char *name, struct errmsg *em)
{
	char number[32];
	const char *text = number;
	uint32_t node;
	int rc;

	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
	if (json_is_string(value))
		text = json_string_value(value);
	else if (!json_is_integer(value)) {
		errmsg_set(em, ERR_INPUT, "BAD_NODE", "an entry of the list of own nodes is neither a text nor an integer");
		errmsg_local(em, "%s, entry %zu: expected a text or an integer", name, i + 1);
		return ERR_INPUT;
	}
	rc = linput_name(in, text, strlen(text), &node, name, em);
	return rc ? rc : linput_own(in, node, name, em);
}

/* Room for every name there may be. */
static int room_for_local(struct linput *in, size_t more)
{
	size_t n = (size_t)in->names.n + more + 1;

	in->local = calloc(n, sizeof(*in->local));
	in->is_local = calloc(n, 1);
	return in->local && in->is_local ? 0 : ERR_NOMEM;
}

static int local_json(struct linput *in, const char *path, const char *name, struct errmsg *em)
{
	json_t *root = NULL, *value;
	size_t i;
	int rc;

	TRY(load_json(path, name, &root, em));
	TRY(room_for_local(in, json_array_size(root)));
	json_array_foreach(root, i, value)
		TRY(add_local(in, value, i, name, em));
out:
	json_decref(root);
	return rc;
}

int linput_edges(struct linput *in, const char *path, const char *name, struct errmsg *em)
{
	int c, rc = first_byte(path, name, &c, em);

	if (rc)
		return rc;
	return c == '{' ? edges_json(in, path, name, em) : linput_edges_csv(in, path, name, em);
}

int linput_local(struct linput *in, const char *path, const char *name, struct errmsg *em)
{
	int c, rc = first_byte(path, name, &c, em);

	if (rc)
		return rc;
	return c == '[' ? local_json(in, path, name, em) : linput_local_csv(in, path, name, em);
}
