#include "db/split.h"

#include "test.h"

static char seen[4096];

static int note(const char *sql, size_t len, void *arg)
{
	size_t n = strlen(seen);

	snprintf(seen + n, sizeof(seen) - n, "<%.*s>", (int)len, sql);
	++*(int *)arg;
	return 0;
}

static int stop(const char *sql, size_t len, void *arg)
{
	(void)sql;
	(void)len;
	return ++*(int *)arg == 2 ? ERR_DB : 0;
}

static int split(const char *text, int *count, struct errmsg *em)
{
	seen[0] = '\0';
	*count = 0;
	memset(em, 0, sizeof(*em));
	return split_sql(text, strlen(text), "0001_x.sql", note, count, em);
}

TEST(good)
{
	struct errmsg em;
	int n;

	CHECK_INT(split("", &n, &em), 0);
	CHECK_INT(n, 0);
	CHECK_INT(split("-- only a comment\n\n  ", &n, &em), 0);
	CHECK_INT(n, 0);
	CHECK_INT(split("-- c; c\nA 'x;y' B; -- after\n  C `q;` \"d;\";\n", &n, &em), 0);
	CHECK_STR(seen, "<A 'x;y' B><C `q;` \"d;\">");
	CHECK_INT(split("SELECT 'it''s; -- not a comment';", &n, &em), 0);
	CHECK_STR(seen, "<SELECT 'it''s; -- not a comment'>");
	CHECK_INT(split("A -- mid; dle\n B;", &n, &em), 0);
	CHECK_STR(seen, "<A \n B>");
}

static void refused(const char *text, const char *part)
{
	struct errmsg em;
	int n;

	CHECK_INT(split(text, &n, &em), ERR_INPUT);
	CHECK_HAS(em.local, "0001_x.sql");
	CHECK_HAS(em.local, part);
}

TEST(bad)
{
	struct errmsg em;
	int n = 0;

	refused("A", "does not end with ;");
	refused("A;;", "empty statement");
	refused(";", "empty statement");
	refused("A;\n'x", "line 2: a quote that is not closed");
	refused("A 'x\\' b';", "backslash");
	refused("DELIMITER //\n;", "DELIMITER");
	refused("/* c */ A;", "only comments");
	refused("# c\nA;", "only comments");
	refused("A --c\n;", "without a space");
	CHECK_INT(split_sql("A\0B;", 4, "0001_x.sql", note, &n, &em), ERR_INPUT);
	CHECK_HAS(em.local, "NUL");
	CHECK_INT(split_sql("A;B;C;", 6, "f", stop, &n, &em), ERR_DB);
	CHECK_INT(n, 2);
}

TEST_MAIN(CASE(good), CASE(bad))
