/*
 * Splits a migration file into statements. Simple and strict: statements end
 * with `;`, comments are `-- …` lines or ends of lines, strings are '…' with ''
 * inside. Backslashes in strings, DELIMITER, unterminated strings and a last
 * statement without `;` are refused with the line.
 */
#ifndef PET_DB_SPLIT_H
#define PET_DB_SPLIT_H

#include <stddef.h>

#include "base/err.h"

/* Calls `each` per statement (text without comments before it, without the `;`). Its error ends the walk. */
int split_sql(const char *text, size_t len, const char *file,
	      int (*each)(const char *sql, size_t len, void *arg), void *arg, struct errmsg *em) PET_MUST_USE;

#endif
