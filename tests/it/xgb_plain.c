/*
 * Boosted trees in plaintext, as tests compare op-xgb with: the same bins, the same ties, doubles instead of shares.
 *
 *	xgb_plain classifier|regressor horizontal|vertical TREES DEPTH LAMBDA ALPHA GAMMA ETA WEIGHT BASE BINS A.csv B.csv
 *
 * prints a margin per row: of A's rows, then of B's (vertical: of all rows once).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 64
#define ROWS 20000
#define BINS 256

static struct file {
	int rows, columns, label;
	char name[COLUMNS][64];
	double v[COLUMNS][ROWS];
} file[2];

static int rows, features, bins, depth, classifier;
static double x[2 * COLUMNS][2 * ROWS], y[2 * ROWS], cut[2 * COLUMNS][BINS], margin[2 * ROWS], g[2 * ROWS], h[2 * ROWS];
static int bin[2 * COLUMNS][2 * ROWS], node[2 * ROWS];
static double lambda, alpha, gamma_, eta, weight;

static void read_file(struct file *f, const char *path)
{
	static char line[65536];
	FILE *in = fopen(path, "r");
	int c;

	if (!in || !fgets(line, sizeof(line), in))
		exit(2);
	f->label = -1;
	for (char *p = strtok(line, ",\r\n"); p; p = strtok(NULL, ",\r\n")) {
		snprintf(f->name[f->columns], sizeof(f->name[0]), "%s", p);
		if (strcmp(p, "label") == 0)
			f->label = f->columns;
		f->columns++;
	}
	for (; fgets(line, sizeof(line), in); f->rows++) {
		c = 0;
		for (char *p = strtok(line, ",\r\n"); p; p = strtok(NULL, ",\r\n"))
			f->v[c++][f->rows] = strtod(p, NULL);
	}
	fclose(in);
}

/* Features of a file in the order of their names. */
static int ordered(const struct file *f, int out[COLUMNS])
{
	int n = 0;

	for (int i = 0; i < f->columns; i++)
		if (i != f->label && strcmp(f->name[i], "id") != 0)
			out[n++] = i;
	for (int i = 1; i < n; i++)
		for (int k = i; k > 0 && strcmp(f->name[out[k]], f->name[out[k - 1]]) < 0; k--) {
			int t = out[k];

			out[k] = out[k - 1];
			out[k - 1] = t;
		}
	return n;
}

static void gather(int vertical)
{
	int order[COLUMNS], at = 0;

	for (int p = 0; p < 2; p++) {
		int n = ordered(&file[p], order), f0 = vertical && p ? features : 0, r0 = vertical ? 0 : at;

		for (int i = 0; i < n; i++)
			for (int r = 0; r < file[p].rows; r++)
				x[f0 + i][r0 + r] = (double)(float)file[p].v[order[i]][r];
		for (int r = 0; r < file[p].rows && file[p].label >= 0; r++)
			y[r0 + r] = file[p].v[file[p].label][r];
		features = f0 + n;
		at = vertical ? file[p].rows : at + file[p].rows;
	}
	rows = at;
}

static int by_value(const void *a, const void *b)
{
	double p = *(const double *)a, q = *(const double *)b;

	return p < q ? -1 : p > q;
}

static void cuts(int vertical)
{
	static double v[2 * ROWS];

	for (int f = 0; f < features; f++) {
		int used = 0, distinct = 0;

		memcpy(v, x[f], (size_t)rows * sizeof(*v));
		qsort(v, (size_t)rows, sizeof(*v), by_value);
		for (int i = 1; i < rows; i++)
			distinct += v[i] != v[i - 1];
		for (int b = 0; b < bins; b++)
			cut[f][b] = INFINITY;
		if (!vertical) {	/* order statistics */
			for (int k = 1; k < bins; k++) {
				double q = v[(long)k * rows / bins + ((long)k * rows % bins != 0) - 1 < 0 ? 0 : (long)k * rows / bins + ((long)k * rows % bins != 0) - 1];

				if (!used || q != cut[f][used - 1])
					cut[f][used++] = q;
			}
		}
		for (int i = 1; i < rows && vertical; i++) {
			double m = v[i - 1] / 2 + v[i] / 2;

			if (v[i] == v[i - 1] || used == bins - 1)
				continue;
			if (distinct <= bins - 1 || (long)i * bins >= (long)(used + 1) * rows)
				cut[f][used++] = m >= v[i - 1] && m < v[i] ? m : v[i - 1];
		}
		for (int r = 0; r < rows; r++)
			for (bin[f][r] = 0; bin[f][r] < bins - 1 && x[f][r] > cut[f][bin[f][r]]; bin[f][r]++)
				;
	}
}

static double soft(double s)
{
	return s > alpha ? s - alpha : s < -alpha ? s + alpha : 0;
}

static double score(double sg, double sh)
{
	return sh + lambda > 0 ? soft(sg) * soft(sg) / (sh + lambda) : 0;
}

/* The first of the best cuts of a node; -1: none is worth it. */
static int best_cut(int which)
{
	double tg = 0, th = 0, top = 0;
	int best = -1;

	for (int r = 0; r < rows; r++) {
		tg += node[r] == which ? g[r] : 0;
		th += node[r] == which ? h[r] : 0;
	}
	for (int f = 0; f < features; f++) {
		double hg[BINS] = { 0 }, hh[BINS] = { 0 }, lg = 0, lh = 0;

		for (int r = 0; r < rows; r++)
			if (node[r] == which) {
				hg[bin[f][r]] += g[r];
				hh[bin[f][r]] += h[r];
			}
		for (int b = 0; b < bins - 1; b++) {
			double gain;

			lg += hg[b];
			lh += hh[b];
			if (lh < weight - 1e-9 || th - lh < weight - 1e-9 || lh < 1e-6 || th - lh < 1e-6)
				continue;
			gain = score(lg, lh) + score(tg - lg, th - lh) - score(tg, th) - gamma_;
			if (gain > top + 1e-4) {	/* nearer ones are ties: the first */
				top = gain;
				best = f * (bins - 1) + b;
			}
		}
	}
	return best;
}

static void one_tree(void)
{
	double sg[2048] = { 0 }, sh[2048] = { 0 };

	memset(node, 0, sizeof(node));
	for (int d = 0; d < depth; d++) {
		int split[1024];

		for (int i = 0; i < 1 << d; i++)
			split[i] = best_cut(i);
		for (int r = 0; r < rows; r++) {
			int s = split[node[r]];

			node[r] = 2 * node[r] + !(s >= 0 && bin[s / (bins - 1)][r] <= s % (bins - 1));
		}
	}
	for (int r = 0; r < rows; r++) {
		sg[node[r]] += g[r];
		sh[node[r]] += h[r];
	}
	for (int r = 0; r < rows; r++)
		margin[r] -= sh[node[r]] + lambda > 0 ? eta * soft(sg[node[r]]) / (sh[node[r]] + lambda) : 0;
}

int main(int argc, char **argv)
{
	int vertical;

	if (argc != 14)
		return 2;
	classifier = strcmp(argv[1], "classifier") == 0;
	vertical = strcmp(argv[2], "vertical") == 0;
	depth = atoi(argv[4]);
	lambda = atof(argv[5]);
	alpha = atof(argv[6]);
	gamma_ = atof(argv[7]);
	eta = atof(argv[8]);
	weight = atof(argv[9]);
	bins = atoi(argv[11]);
	for (int p = 0; p < 2; p++)
		read_file(&file[p], argv[12 + p]);
	gather(vertical);
	cuts(vertical);
	for (int r = 0; r < rows; r++)
		margin[r] = atof(argv[10]);
	for (int t = 0; t < atoi(argv[3]); t++) {
		for (int r = 0; r < rows; r++) {
			double p = 1 / (1 + exp(-margin[r]));

			g[r] = classifier ? p - y[r] : margin[r] - y[r];
			h[r] = classifier ? p * (1 - p) : 1;
		}
		one_tree();
	}
	for (int r = 0; r < rows; r++)
		printf("%.7g\n", margin[r]);
	return 0;
}
