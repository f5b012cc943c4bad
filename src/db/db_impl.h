/* Shared by db.c (connection, statements, transactions) and db_fetch.c (rows). The only header that knows mysql.h. */
#ifndef PET_DB_DB_IMPL_H
#define PET_DB_DB_IMPL_H

#include <mysql.h>

#include "db/db.h"
#include "db/db_uri.h"

#define STMT_SLOTS 512	/* power of two, well above the number of statements in db_*.c */

struct column {
	char *data;
	unsigned long cap, len;
	my_bool null, error;
	int is_int, is_double;
	int64_t i;
	double d;
};

struct db_rows {
	struct db *db;
	const char *sql;
	MYSQL_STMT *stmt;
	MYSQL_BIND *bind;
	struct column *col;
	unsigned ncol;
	int rebind;	/* a buffer moved: tell the library before the next fetch */
	int open;
};

struct db {
	MYSQL *conn;
	struct db_uri uri;
	struct db_rows *slot[STMT_SLOTS];
	int in_tx, lost, duplicate;
	int64_t affected, insert_id;
	int lose_commits, lose_after;
};

int db_stmt_error(struct db_rows *r);
void db_bind_column(struct db_rows *r, unsigned i);

#endif
