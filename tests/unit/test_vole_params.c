/* The VOLE's tuples against docs/parameters.md: no tuple without its estimates, none below 128 bits. */
#include "mpc/vole_params.h"
#include "test.h"

#define COLUMNS 9	/* of estimates, after k, depth, trees, n */

struct row {
	unsigned long k, depth, trees, n;
	double bits[COLUMNS];
};

/* The rows of the document's table "VOLE over GF(2^128)": lines `| vN | k | depth | trees | n | … |`. */
static size_t read_table(struct row *out, size_t most)
{
	const char *dir = getenv("abs_top_srcdir");
	char path[4096], line[1024];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/docs/parameters.md", dir ? dir : PET_SOURCE_DIR);
	f = fopen(path, "r");
	CHECK(f != NULL);
	while (f && fgets(line, sizeof(line), f)) {
		struct row r;
		double *b = r.bits;

		if (n < most && sscanf(line, "| v%*d | %lu | %lu | %lu | %lu | %lf | %lf | %lf | %lf | %lf | %lf | %lf | %lf | %lf |",
				       &r.k, &r.depth, &r.trees, &r.n, b, b + 1, b + 2, b + 3, b + 4, b + 5, b + 6,
				       b + 7, b + 8) == 4 + COLUMNS)
			out[n++] = r;
	}
	if (f)
		fclose(f);
	return n;
}

static int documented(const struct vole_tuple *t, const struct row *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].k == t->k && r[i].depth == t->depth && r[i].trees == t->trees &&
		    r[i].n == (unsigned long)vole_tuple_size(t))
			return 1;
	return 0;
}

TEST(every_tuple_has_its_estimates)
{
	struct row r[VOLE_TUPLES + 8];
	size_t n = read_table(r, VOLE_TUPLES + 8);

	CHECK_INT(n, VOLE_TUPLES);
	for (int i = 0; i < VOLE_TUPLES; i++) {
		struct vole_tuple t = vole_tuples[i];

		CHECK(documented(&t, r, n));
		/* and the check can fail: */
		t.trees += 4;
		CHECK(!documented(&t, r, n));
		t = vole_tuples[i];
		t.k *= 2;
		CHECK(!documented(&t, r, n));
		t = vole_tuples[i];
		t.depth++;
		CHECK(!documented(&t, r, n));
	}
	for (size_t i = 0; i < n; i++)
		for (int c = 0; c < COLUMNS; c++)
			CHECK(r[i].bits[c] >= 128 && r[i].bits[c] < 1000);
}

TEST(shapes)
{
	for (int i = 0; i < VOLE_TUPLES; i++) {
		const struct vole_tuple *t = &vole_tuples[i];

		CHECK_INT(t->k & (t->k - 1), 0);
		CHECK_INT(t->k, 128 << t->depth);
		CHECK_INT(t->trees % 4, 0);
		/* a group's outputs are whole stretches of 64 matrix rows */
		CHECK(t->depth >= 4);
		/* the seed comes from smaller tuples, and one full iteration of theirs is enough */
		CHECK(t->from < i);
		if (t->from >= 0)
			CHECK((uint64_t)t->k + t->trees <= vole_tuple_size(&vole_tuples[t->from]));
		/* and a full iteration leaves more than the next one's seed */
		CHECK(vole_tuple_size(t) > 2 * ((uint64_t)t->k + t->trees));
		if (i)
			CHECK(vole_tuple_size(t) > vole_tuple_size(t - 1));
	}
}

TEST(choice)
{
	CHECK_INT(vole_tuple_for(0), -1);
	CHECK_INT(vole_tuple_for(VOLE_DIRECT_MAX), -1);
	CHECK_INT(vole_tuple_for(VOLE_DIRECT_MAX + 1), 0);
	CHECK_INT(vole_tuple_for(12800), 0);
	CHECK_INT(vole_tuple_for(12801), 1);
	CHECK_INT(vole_tuple_for(UINT64_C(1) << 40), VOLE_TUPLES - 1);
	CHECK_INT(vole_tuple_trees(&vole_tuples[0], 1), 4);
	CHECK_INT(vole_tuple_trees(&vole_tuples[0], 64), 4);
	CHECK_INT(vole_tuple_trees(&vole_tuples[0], 65), 8);
	CHECK_INT(vole_tuple_trees(&vole_tuples[0], 12800), 800);
	CHECK_INT(vole_tuple_cots(-1, 3), 384);
	/* 64 outputs: four trees of depth 4 over 2048 + 4 elements */
	CHECK_INT(vole_tuple_cots(0, 64), 4 * 4 + 128 * (2048 + 4));
}

TEST_MAIN(CASE(every_tuple_has_its_estimates), CASE(shapes), CASE(choice))
