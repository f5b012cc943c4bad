/*
 * A picture of the own part of the graph. Places by springs: Fruchterman and
 * Reingold, "Graph Drawing by Force-directed Placement", Software: Practice and
 * Experience 21, 1991, begun with each community on a place of its own.
 */
#include <math.h>
#include <stdlib.h>

#include "leiden/job.h"
#include "leiden/out.h"

#define SIDE 1000.0
#define STEPS 120

struct place {
	double x, y, dx, dy;
};

static void begin(const struct ljob *j, struct place *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		double c = 2.399963 * (lout_community(j, i) + 1), r = SIDE / 3 * sqrt((lout_community(j, i) + 1.0) / (j->communities + 1.0));
		double turn = 2.399963 * i;

		p[i] = (struct place){ .x = SIDE / 2 + r * cos(c) + 30 * cos(turn), .y = SIDE / 2 + r * sin(c) + 30 * sin(turn) };
	}
}

static void push(struct place *p, uint32_t n, double k)
{
	for (uint32_t i = 0; i < n; i++) {
		p[i].dx = (SIDE / 2 - p[i].x) * 0.02;	/* parts without an edge stay in sight */
		p[i].dy = (SIDE / 2 - p[i].y) * 0.02;
	}
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t l = 0; l < i; l++) {
			double dx = p[i].x - p[l].x, dy = p[i].y - p[l].y, f = k * k / (dx * dx + dy * dy + 1);

			p[i].dx += dx * f;
			p[i].dy += dy * f;
			p[l].dx -= dx * f;
			p[l].dy -= dy * f;
		}
	}
}

static void pull(const struct ljob *j, struct place *p, double k)
{
	for (size_t e = 0; e < j->in.edges; e++) {
		struct place *a = &p[j->in.edge[e].u], *b = &p[j->in.edge[e].v];
		double dx = a->x - b->x, dy = a->y - b->y, f = sqrt(dx * dx + dy * dy) / k;

		a->dx -= dx * f;
		a->dy -= dy * f;
		b->dx += dx * f;
		b->dy += dy * f;
	}
}

static double within(double v)
{
	return v < 10 ? 10 : v > SIDE - 10 ? SIDE - 10 : v;
}

static void settle(const struct ljob *j, struct place *p, uint32_t n)
{
	double k = 0.6 * SIDE / sqrt(n + 1.0);

	for (int step = 0; step < STEPS && !op_canceled(j->ctx); step++) {
		double heat = SIDE / 10 * (1 - (double)step / STEPS);

		push(p, n, k);
		pull(j, p, k);
		for (uint32_t i = 0; i < n; i++) {
			double d = sqrt(p[i].dx * p[i].dx + p[i].dy * p[i].dy) + 1e-9, m = d < heat ? d : heat;

			p[i].x = within(p[i].x + p[i].dx / d * m);
			p[i].y = within(p[i].y + p[i].dy / d * m);
		}
	}
}

/* Own nodes are round, the other party's square; the name is shown where the pointer rests. */
static void draw_node(const struct ljob *j, FILE *f, const struct place *p, uint32_t i, double r)
{
	char colour[8];
	size_t len;
	const char *t = names_get(&j->in.names, i, &len);

	lout_colour(lout_community(j, i), colour);
	if (j->in.is_local[i])
		fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" stroke=\"#333\"><title>", p->x, p->y, r, colour);
	else
		fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" stroke=\"#999\"><title>", p->x - r, p->y - r, 2 * r, 2 * r, colour);
	lout_xml(f, t, len);
	fprintf(f, ": %u</title></%s>\n", lout_community(j, i), j->in.is_local[i] ? "circle" : "rect");
}

int lwrite_picture(const struct ljob *j)
{
	const char *path = op_output(j->ctx, "picture", 0);
	uint32_t n = j->in.names.n;
	struct place *p;
	FILE *f;

	if (!path)
		return 0;
	p = calloc((size_t)n + 1, sizeof(*p));
	if (!p)
		return ERR_NOMEM;
	f = fopen(path, "wbe");
	if (!f) {
		free(p);
		return lout_error(j, "picture");
	}
	begin(j, p, n);
	settle(j, p, n);
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", SIDE, SIDE);
	for (size_t e = 0; e < j->in.edges; e++) {
		const struct place *a = &p[j->in.edge[e].u], *b = &p[j->in.edge[e].v];

		fprintf(f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#bbb\"/>\n", a->x, a->y, b->x, b->y);
	}
	for (uint32_t i = 0; i < n; i++)
		draw_node(j, f, &p[i], i, n > 200 ? 4 : 9);
	fputs("</svg>\n", f);
	free(p);
	return lout_close(j, "picture", f);
}
