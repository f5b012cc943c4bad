#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table/csv.h"
#include "xgb/xgb.h"

void xtable_free(struct xtable *t)
{
	for (uint32_t i = 0; t->name && i < t->columns; i++)
		free(t->name[i]);
	free(t->name);
	if (t->v)
		explicit_bzero(t->v, (size_t)t->columns * t->rows * sizeof(*t->v));
	if (t->label)
		explicit_bzero(t->label, t->rows * sizeof(*t->label));
	free(t->v);
	free(t->label);
	*t = (struct xtable){ 0 };
}

static int table_new(struct xtable *t, uint32_t columns, uint32_t rows, int label)
{
	*t = (struct xtable){ .rows = rows, .columns = columns };
	t->name = calloc((size_t)columns + 1, sizeof(*t->name));
	t->v = calloc((size_t)columns * rows + 1, sizeof(*t->v));
	if (label)
		t->label = calloc((size_t)rows + 1, sizeof(*t->label));
	return t->name && t->v && (t->label || !label) ? 0 : ERR_NOMEM;
}

/* --- reading -------------------------------------------------------------------- */

struct reading {
	struct csv *csv;
	struct csv_field *field;
	struct buf text;
	struct errmsg *em;
};

static int bad_number(struct reading *r, uint64_t row, size_t column)
{
	errmsg_set(r->em, ERR_INPUT, "BAD_NUMBER", "an input file has a value that is no finite number");
	errmsg_local(r->em, "%s, line %llu, column \"%s\": expected a finite number (missing values are not supported)", csv_name(r->csv),
		     (unsigned long long)csv_line(r->csv, row), csv_header(r->csv, column));
	return ERR_INPUT;
}

static int number_of(struct reading *r, uint64_t row, size_t column, double *out)
{
	char *end;
	int rc;

	buf_clear(&r->text);
	rc = csv_field_text(&r->field[column], &r->text);
	if (rc == 0)
		rc = buf_add(&r->text, "", 1);
	if (rc)
		return rc;
	*out = strtod(r->text.data, &end);
	return end == r->text.data || (size_t)(end - r->text.data) + 1 != r->text.len || !isfinite(*out) ? bad_number(r, row, column) : 0;
}

/* Which of the file's columns are read, and whether one of them is the label. */
struct pick {
	size_t *column, count, label;
	int has_label;
};

static int pick_wanted(struct reading *r, struct pick *p, char **want, uint32_t wanted)
{
	int rc = 0;

	for (uint32_t i = 0; i < wanted; i++)
		TRY(csv_find(r->csv, want[i], &p->column[p->count++], r->em));
out:
	return rc;
}

static int pick_columns(struct reading *r, struct pick *p, const char *label, char **want, uint32_t wanted)
{
	p->column = calloc(csv_columns(r->csv) + wanted + 1, sizeof(*p->column));
	if (!p->column)
		return ERR_NOMEM;
	for (size_t i = 0; i < csv_columns(r->csv); i++) {
		const char *name = csv_header(r->csv, i);

		if (strcmp(name, label) == 0) {
			p->label = i;
			p->has_label = 1;
		} else if (!want && strcmp(name, "id") != 0) {
			p->column[p->count++] = i;
		}
	}
	if (want)
		return pick_wanted(r, p, want, wanted);
	if (p->count > XGB_FEATURES_MAX)
		return errmsg_set(r->em, ERR_INPUT, "TOO_MANY_COLUMNS", "an input file has more than %u features", XGB_FEATURES_MAX);
	return 0;
}

static int read_rows(struct reading *r, struct xtable *t, const struct pick *p)
{
	int rc = 0;

	for (uint32_t row = 0; row < t->rows; row++) {
		TRY(csv_row(r->csv, row, r->field));
		for (size_t i = 0; i < p->count; i++)
			TRY(number_of(r, row, p->column[i], &t->v[i * t->rows + row]));
		if (t->label)
			TRY(number_of(r, row, p->label, &t->label[row]));
	}
out:
	return rc;
}

int xtable_read(struct xtable *t, const struct op_ctx *ctx, const char *slot, char **want, uint32_t wanted, struct errmsg *em)
{
	struct reading r = { .em = em };
	struct pick p = { 0 };
	int rc;

	*t = (struct xtable){ 0 };
	TRY(csv_open(&r.csv, op_input(ctx, slot, 0), op_input_name(ctx, slot, 0), NULL, em));
	r.field = calloc(csv_columns(r.csv) + 1, sizeof(*r.field));
	rc = r.field ? pick_columns(&r, &p, op_str(ctx, "label_name"), want, wanted) : ERR_NOMEM;
	if (rc)
		goto out;
	if (csv_rows(r.csv) > XGB_ROWS_MAX) {
		rc = errmsg_set(em, ERR_INPUT, "TOO_MANY_ROWS", "an input file has more than %u rows", XGB_ROWS_MAX);
		goto out;
	}
	TRY(table_new(t, (uint32_t)p.count, (uint32_t)csv_rows(r.csv), p.has_label && !want));
	for (size_t i = 0; i < p.count; i++) {
		t->name[i] = strdup(csv_header(r.csv, p.column[i]));
		if (!t->name[i]) {
			rc = ERR_NOMEM;
			goto out;
		}
	}
	rc = read_rows(&r, t, &p);
out:
	if (rc == ERR_INPUT && !em->code[0])
		errmsg_set(em, rc, "INPUT_CHANGED", "an input file was changed while it was read");
	free(p.column);
	free(r.field);
	buf_free(&r.text);
	csv_free(r.csv);
	if (rc)
		xtable_free(t);
	return rc;
}

/* --- orders ------------------------------------------------------------------------ */

struct by_name {
	const char *name;
	uint32_t at;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct by_name *)a)->name, ((const struct by_name *)b)->name);
}

int xtable_sort(struct xtable *t)
{
	struct by_name *order = calloc((size_t)t->columns + 1, sizeof(*order));
	struct xtable out = { 0 };
	int rc = ERR_NOMEM;

	if (!order)
		goto out;
	TRY(table_new(&out, t->columns, t->rows, 0));
	for (uint32_t i = 0; i < t->columns; i++)
		order[i] = (struct by_name){ t->name[i], i };
	qsort(order, t->columns, sizeof(*order), compare);
	for (uint32_t i = 0; i < t->columns; i++) {
		memcpy(out.v + (size_t)i * t->rows, t->v + (size_t)order[i].at * t->rows, t->rows * sizeof(*t->v));
		out.name[i] = t->name[order[i].at];
		t->name[order[i].at] = NULL;
	}
	out.label = t->label;
	t->label = NULL;
	xtable_free(t);
	*t = out;
	out = (struct xtable){ 0 };
out:
	xtable_free(&out);
	free(order);
	return rc;
}

int xtable_rows(struct xtable *out, const struct xtable *t, const uint32_t *keep, uint32_t n)
{
	int rc = table_new(out, t->columns, n, t->label != NULL);

	for (uint32_t c = 0; c < t->columns && !rc; c++) {
		out->name[c] = strdup(t->name[c]);
		rc = out->name[c] ? 0 : ERR_NOMEM;
		for (uint32_t i = 0; i < n; i++)
			out->v[(size_t)c * n + i] = t->v[(size_t)c * t->rows + keep[i]];
	}
	for (uint32_t i = 0; i < n && t->label && !rc; i++)
		out->label[i] = t->label[keep[i]];
	if (rc)
		xtable_free(out);
	return rc;
}
