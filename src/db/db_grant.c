#include "db/db_grant.h"

#include <stdio.h>
#include <stdlib.h>

int db_grant_list(struct db *db, const char *peer, const char *mission, struct data_grant **out, size_t *count)
{
	struct db_rows *r = NULL;
	struct data_grant *list = NULL;
	size_t n = 0;
	int rc;

	*out = NULL;
	*count = 0;
	TRY(db_query(db, &r, "SELECT mission, input_path, output_dir FROM data_grant "
		     "WHERE peer = ? AND mission IN (?, '*') ORDER BY id", DB_ARGS(db_s(peer), db_s(mission))));
	while ((rc = db_next(r)) > 0) {
		struct data_grant *bigger = realloc(list, (n + 1) * sizeof(*list));

		if (!bigger) {
			rc = ERR_NOMEM;
			goto out;
		}
		list = bigger;
		snprintf(list[n].mission, sizeof(list[n].mission), "%s", db_text(r, 0));
		snprintf(list[n].input_path, sizeof(list[n].input_path), "%s", db_text(r, 1));
		snprintf(list[n].output_dir, sizeof(list[n].output_dir), "%s", db_text(r, 2));
		n++;
	}
	if (rc != 0)
		goto out;
	*out = list;
	*count = n;
	list = NULL;
out:
	db_done(r);
	free(list);
	return rc;
}
