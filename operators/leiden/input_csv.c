/* The same from CSV, window by window. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "leiden/input.h"
#include "table/csv.h"

struct columns {
	struct csv_field *field;	/* of a row: csv_columns of them */
	size_t source, target, weight;
	int weighted;
	struct buf text[2];
};

static int row_error(const struct csv *c, uint64_t row, const char *code, const char *pub, const char *more, struct errmsg *em)
{
	errmsg_set(em, ERR_INPUT, code, "%s", pub);
	errmsg_local(em, "%s, row %llu: %s", csv_name(c), (unsigned long long)(csv_first(c) + row + 1), more);
	return ERR_INPUT;
}

static int text_of(struct columns *k, const struct csv *c, uint64_t row, size_t column, int which, struct errmsg *em)
{
	buf_clear(&k->text[which]);
	if (csv_row(c, row, k->field) != 0)
		return row_error(c, row, "INPUT_CHANGED", "an input file was changed while it was read", "the file was changed while it was read", em);
	return csv_field_text(&k->field[column], &k->text[which]);
}

static int weight_of(struct columns *k, const struct csv *c, uint64_t row, double *w, struct errmsg *em)
{
	char *end;
	int rc;

	*w = 1;
	if (!k->weighted)
		return 0;
	rc = text_of(k, c, row, k->weight, 0, em);
	if (rc == 0)
		rc = buf_add(&k->text[0], "", 1);	/* ends the text */
	if (rc)
		return rc;
	*w = strtod(k->text[0].data, &end);
	if (end == k->text[0].data || (size_t)(end - k->text[0].data) + 1 != k->text[0].len || !(*w >= 0) || isinf(*w))
		return row_error(c, row, "BAD_WEIGHT", "an input file has a weight that is none", "weight: expected a number that is not negative", em);
	return 0;
}

static int name_of(struct linput *in, struct columns *k, const struct csv *c, uint64_t row, size_t column, uint32_t *out, struct errmsg *em)
{
	int rc = text_of(k, c, row, column, 1, em);

	return rc ? rc : linput_name(in, k->text[1].data, k->text[1].len, out, csv_name(c), em);
}

static int one_edge(struct linput *in, struct columns *k, const struct csv *c, uint64_t row, struct errmsg *em)
{
	uint32_t u, v;
	double w;
	int rc;

	TRY(weight_of(k, c, row, &w, em));
	TRY(name_of(in, k, c, row, k->source, &u, em));
	TRY(name_of(in, k, c, row, k->target, &v, em));
	if (w > 0)
		TRY(linput_add(in, u < v ? u : v, u < v ? v : u, w, csv_first(c) + row + 1));
out:
	return rc;
}

static int by_ends(const void *a, const void *b)
{
	const struct wedge *x = a, *y = b;

	if (x->u != y->u)
		return x->u < y->u ? -1 : 1;
	if (x->v != y->v)
		return x->v < y->v ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static int each_once(struct linput *in, const struct csv *c, struct errmsg *em)
{
	qsort(in->edge, in->edges, sizeof(*in->edge), by_ends);
	for (size_t i = 1; i < in->edges; i++) {
		const struct wedge *a = &in->edge[i - 1], *b = &in->edge[i];

		if (a->u != b->u || a->v != b->v)
			continue;
		errmsg_set(em, ERR_INPUT, "DUPLICATE_EDGE", "an input file has an edge twice");
		errmsg_local(em, "%s, rows %llu and %llu are the same edge: expected each edge once, in one direction", csv_name(c),
			     (unsigned long long)a->row, (unsigned long long)b->row);
		return ERR_INPUT;
	}
	return 0;
}

static int has_column(const struct csv *c, const char *name)
{
	for (size_t i = 0; i < csv_columns(c); i++)
		if (strcmp(csv_header(c, i), name) == 0)
			return 1;
	return 0;
}

static int out_of_memory(int rc, struct errmsg *em)
{
	return rc == ERR_NOMEM && !em->code[0] ? errmsg_set(em, rc, "NO_MEMORY", "not enough memory for an input file") : rc;
}

static void columns_free(struct columns *k)
{
	free(k->field);
	buf_free(&k->text[0]);
	buf_free(&k->text[1]);
}

int linput_edges_csv(struct linput *in, const char *path, const char *name, struct errmsg *em)
{
	struct columns k = { 0 };
	struct csv *c = NULL;
	int rc;

	TRY(csv_stream(&c, path, name, NULL, em));
	TRY(csv_find(c, "source", &k.source, em));
	TRY(csv_find(c, "target", &k.target, em));
	k.weighted = has_column(c, "weight");
	if (k.weighted || csv_columns(c) > 2)
		TRY(csv_find(c, "weight", &k.weight, em));
	k.field = calloc(csv_columns(c), sizeof(*k.field));
	rc = k.field ? 0 : ERR_NOMEM;
	while (rc == 0 && (rc = csv_next(c, em)) == 0 && csv_rows(c))
		for (uint64_t i = 0; rc == 0 && i < csv_rows(c); i++)
			rc = one_edge(in, &k, c, i, em);
	if (rc == 0)
		rc = each_once(in, c, em);
out:
	columns_free(&k);
	csv_free(c);
	return out_of_memory(rc, em);
}

/* Names first, marks afterwards: only then is it known how many there are. */
int linput_local_csv(struct linput *in, const char *path, const char *name, struct errmsg *em)
{
	struct columns k = { 0 };
	struct csv *c = NULL;
	uint32_t *node = NULL;
	size_t n = 0;
	int rc;

	TRY(csv_open(&c, path, name, NULL, em));
	TRY(csv_find(c, "node", &k.source, em));
	k.field = calloc(csv_columns(c), sizeof(*k.field));
	node = calloc(csv_rows(c) + 1, sizeof(*node));
	rc = k.field && node ? 0 : ERR_NOMEM;
	for (uint64_t i = 0; rc == 0 && i < csv_rows(c); i++)
		rc = name_of(in, &k, c, i, k.source, &node[n++], em);
	if (rc)
		goto out;
	in->local = calloc((size_t)in->names.n + 1, sizeof(*in->local));
	in->is_local = calloc((size_t)in->names.n + 1, 1);
	rc = in->local && in->is_local ? 0 : ERR_NOMEM;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = linput_own(in, node[i], name, em);
out:
	free(node);
	columns_free(&k);
	csv_free(c);
	return out_of_memory(rc, em);
}
