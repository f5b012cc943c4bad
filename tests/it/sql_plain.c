/*
 * A query on tables of both parties in one SQLite, as tests compare op-sql with:
 *
 *	sql_plain QUERY TABLE FILE 'COLUMN TYPE, …' [TABLE FILE 'COLUMN TYPE, …' …]
 *
 * prints header and rows, numbers with at most six decimals. An empty field is NULL. NULL is printed
 * as 0, as op-sql's sums of nothing, unless SQL_PLAIN_NULL is in the environment: then as nothing.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int ok, sqlite3 *db)
{
	if (ok)
		return;
	fprintf(stderr, "sql_plain: %s\n", db ? sqlite3_errmsg(db) : "bad arguments");
	exit(2);
}

static void load(sqlite3 *db, const char *table, const char *path, const char *columns)
{
	char line[4096], text[8192];
	FILE *in = fopen(path, "r");

	must(in != NULL, NULL);
	snprintf(text, sizeof(text), "CREATE TABLE %s (%s)", table, columns);
	must(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK, db);
	must(fgets(line, sizeof(line), in) != NULL, NULL);
	while (fgets(line, sizeof(line), in)) {
		int n = snprintf(text, sizeof(text), "INSERT INTO %s VALUES (", table), first = 1;

		char *rest = line, *p;

		line[strcspn(line, "\r\n")] = '\0';
		for (; (p = strsep(&rest, ",")); first = 0)
			n += *p ? snprintf(text + n, sizeof(text) - (size_t)n, "%s'%s'", first ? "" : ",", p)
				: snprintf(text + n, sizeof(text) - (size_t)n, "%sNULL", first ? "" : ",");
		snprintf(text + n, sizeof(text) - (size_t)n, ")");
		must(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK, db);
	}
	fclose(in);
}

static void number(double d)
{
	char out[64];
	size_t n;

	snprintf(out, sizeof(out), "%.6f", d);
	for (n = strlen(out); out[n - 1] == '0'; n--)
		;
	out[out[n - 1] == '.' ? n - 1 : n] = '\0';
	fputs(strcmp(out, "-0") == 0 ? "0" : out, stdout);
}

int main(int argc, char **argv)
{
	sqlite3 *db;
	sqlite3_stmt *st;

	must(argc >= 5 && argc % 3 == 2, NULL);
	must(sqlite3_open(":memory:", &db) == SQLITE_OK, db);
	for (int i = 2; i < argc; i += 3)
		load(db, argv[i], argv[i + 1], argv[i + 2]);
	must(sqlite3_exec(db, "PRAGMA case_sensitive_like = ON", NULL, NULL, NULL) == SQLITE_OK, db);
	must(sqlite3_prepare_v2(db, argv[1], -1, &st, NULL) == SQLITE_OK, db);
	for (int i = 0; i < sqlite3_column_count(st); i++)
		printf("%s%s", i ? "," : "", sqlite3_column_name(st, i));
	putchar('\n');
	while (sqlite3_step(st) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			if (i)
				putchar(',');
			if (sqlite3_column_type(st, i) == SQLITE_FLOAT)
				number(sqlite3_column_double(st, i));
			else
				fputs(sqlite3_column_type(st, i) == SQLITE_NULL ? getenv("SQL_PLAIN_NULL") ? "" : "0" : (const char *)sqlite3_column_text(st, i), stdout);
		}
		putchar('\n');
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	return 0;
}
