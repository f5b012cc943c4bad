/* Own nodes' communities, and the own part of the graph for a viewer. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "leiden/job.h"
#include "leiden/out.h"
#include "table/csv.h"

int lout_error(const struct ljob *j, const char *slot)
{
	int error = errno;

	errmsg_set(j->em, ERR_IO, "OUTPUT_UNWRITABLE", "an output file cannot be written");
	errmsg_local(j->em, "%s cannot be written: %s", op_output_name(j->ctx, slot, 0), strerror(error));
	return ERR_IO;
}

uint32_t lout_community(const struct ljob *j, uint32_t name)
{
	return j->label[j->un.id[name]];
}

int lwrite_clusters(const struct ljob *j)
{
	struct csv_writer *w = NULL;
	char number[16];
	int rc;

	TRY(csv_writer_open(&w, op_output(j->ctx, "cluster", 0), 0));
	TRY(csv_write_field(w, "user_id", 7));
	TRY(csv_write_field(w, "cluster_id", 10));
	TRY(csv_write_end(w));
	for (uint32_t i = 0; i < j->in.locals; i++) {
		size_t len;
		const char *t = names_get(&j->in.names, j->in.local[i], &len);
		int n = snprintf(number, sizeof(number), "%u", lout_community(j, j->in.local[i]));

		TRY(csv_write_field(w, t, len));
		TRY(csv_write_field(w, number, (size_t)n));
		TRY(csv_write_end(w));
	}
	rc = csv_writer_close(w);
	w = NULL;
out:
	csv_writer_free(w);
	return rc ? lout_error(j, "cluster") : 0;
}

/* --- graphs -------------------------------------------------------------------------- */

void lout_xml(FILE *f, const char *t, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)t[i];

		if (c == '&')
			fputs("&amp;", f);
		else if (c == '<')
			fputs("&lt;", f);
		else if (c == '>')
			fputs("&gt;", f);
		else if (c == '"')
			fputs("&quot;", f);
		else if (c < 32)
			fprintf(f, c == '\t' || c == '\n' || c == '\r' ? "&#%u;" : "?", c);	/* XML 1.0 has no other controls */
		else
			putc(c, f);
	}
}

/* Colours as far apart as the golden angle puts them; saturation and lightness of pastel. */
void lout_colour(uint32_t community, char out[8])
{
	unsigned hue = (unsigned)((uint64_t)community * 137508 / 1000 % 360), part = hue / 60, rise = hue % 60 * 110 / 60;
	unsigned low = 110, high = 220, up = low + rise, down = high - rise, rgb[3];
	const unsigned table[6][3] = {
		{ high, up, low }, { down, high, low }, { low, high, up }, { low, down, high }, { up, low, high }, { high, low, down },
	};

	memcpy(rgb, table[part], sizeof(rgb));
	snprintf(out, 8, "#%02x%02x%02x", rgb[0] & 255, rgb[1] & 255, rgb[2] & 255);
}

static void graphml(const struct ljob *j, FILE *f)
{
	const struct names *s = &j->in.names;
	size_t len;

	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
	      "<key id=\"name\" for=\"node\" attr.name=\"label\" attr.type=\"string\"/>\n"
	      "<key id=\"community\" for=\"node\" attr.name=\"community\" attr.type=\"int\"/>\n"
	      "<key id=\"own\" for=\"node\" attr.name=\"own\" attr.type=\"boolean\"/>\n"
	      "<key id=\"color\" for=\"node\" attr.name=\"color\" attr.type=\"string\"/>\n"
	      "<key id=\"weight\" for=\"edge\" attr.name=\"weight\" attr.type=\"double\"/>\n<graph edgedefault=\"undirected\">\n", f);
	for (uint32_t i = 0; i < s->n; i++) {
		const char *t = names_get(s, i, &len);
		char colour[8];

		lout_colour(lout_community(j, i), colour);
		fprintf(f, "<node id=\"n%u\"><data key=\"name\">", i);
		lout_xml(f, t, len);
		fprintf(f, "</data><data key=\"community\">%u</data><data key=\"own\">%s</data><data key=\"color\">%s</data></node>\n",
			lout_community(j, i), j->in.is_local[i] ? "true" : "false", colour);
	}
	for (size_t i = 0; i < j->in.edges; i++)
		fprintf(f, "<edge source=\"n%u\" target=\"n%u\"><data key=\"weight\">%.17g</data></edge>\n", j->in.edge[i].u, j->in.edge[i].v,
			j->in.edge[i].w);
	fputs("</graph>\n</graphml>\n", f);
}

static void dot_text(FILE *f, const char *t, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (t[i] == '"' || t[i] == '\\')
			putc('\\', f);
		putc(t[i] == '\n' ? ' ' : t[i], f);
	}
}

static void dot(const struct ljob *j, FILE *f)
{
	const struct names *s = &j->in.names;
	size_t len;

	fputs("graph communities {\n\tnode [style=filled];\n", f);
	for (uint32_t i = 0; i < s->n; i++) {
		const char *t = names_get(s, i, &len);
		char colour[8];

		lout_colour(lout_community(j, i), colour);
		fprintf(f, "\tn%u [label=\"", i);
		dot_text(f, t, len);
		fprintf(f, "\", fillcolor=\"%s\", community=%u%s];\n", colour, lout_community(j, i), j->in.is_local[i] ? "" : ", shape=box");
	}
	for (size_t i = 0; i < j->in.edges; i++)
		fprintf(f, "\tn%u -- n%u [weight=%.17g];\n", j->in.edge[i].u, j->in.edge[i].v, j->in.edge[i].w);
	fputs("}\n", f);
}

int lout_close(const struct ljob *j, const char *slot, FILE *f)
{
	int bad = fflush(f) != 0 || ferror(f) || fsync(fileno(f)) != 0;

	if (fclose(f) != 0 || bad)
		return lout_error(j, slot);
	return 0;
}

int lwrite_graph(const struct ljob *j)
{
	const char *path = op_output(j->ctx, "graph", 0), *name = op_output_name(j->ctx, "graph", 0);
	FILE *f;

	if (!path)
		return 0;
	f = fopen(path, "wbe");
	if (!f)
		return lout_error(j, "graph");
	if (strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".dot") == 0)
		dot(j, f);
	else
		graphml(j, f);
	return lout_close(j, "graph", f);
}
