/* The part of errors and results that crosses between the parties: db_step.h's last functions. */
#include <stdlib.h>
#include <string.h>

#include "db/db_step.h"

#define ERRORS_MAX 128

int step_errors(struct db *db, const struct job_row *j, json_t **out)
{
	struct db_rows *r = NULL;
	json_t *list = json_array();
	int rc;

	TRY(db_query(db, &r, "SELECT party, task, code, message, cause FROM job_error WHERE job = ? AND epoch = ? "
		     "ORDER BY cause, id LIMIT 128", DB_ARGS(db_i(j->id), db_i(j->epoch))));
	while ((rc = db_next(r)) > 0)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I}", "party", db_text(r, 0), "task", db_text(r, 1),
						      "code", db_text(r, 2), "message", db_text(r, 3),
						      "cause", (json_int_t)db_int(r, 4)));
	if (rc == 0) {
		*out = list;
		list = NULL;
	}
out:
	db_done(r);
	json_decref(list);
	return rc;
}

/* Only the two parties of the job may be named, whatever the message says. */
static int named_right(const struct job_row *j, const char *party)
{
	return strcmp(party, j->self) == 0 || strcmp(party, j->peer) == 0;
}

int step_take_errors(struct db *db, const struct job_row *j, const json_t *errors)
{
	const json_t *v;
	size_t i;
	int rc = 0;

	if (!errors)
		return 0;
	if (!json_is_array(errors) || json_array_size(errors) > ERRORS_MAX)
		return ERR_INPUT;
	json_array_foreach(errors, i, v) {
		const char *party, *task, *code, *message;
		int cause;

		if (json_unpack((json_t *)v, "{s:s, s:s, s:s, s:s, s:i}", "party", &party, "task", &task, "code", &code,
				"message", &message, "cause", &cause) != 0 || !named_right(j, party))
			return ERR_INPUT;
		TRY(row_error(db, j, party, task, code, message, "", cause != 0));
	}
out:
	return rc;
}

/* task.result of own tasks is {"public": {…}, "private": {…}}; of the other party's: its public object. */
static json_t *public_part(const char *result)
{
	json_t *all = json_loads(result, 0, NULL), *pub = NULL;

	if (all)
		pub = json_incref(json_object_get(all, "public"));
	json_decref(all);
	return pub ? pub : json_object();
}

int step_results(struct db *db, const struct job_row *j, const struct group_row *g, json_t **out)
{
	struct db_rows *r = NULL;
	json_t *list = json_array();
	int rc;

	TRY(db_query(db, &r, "SELECT name, result, bytes_sent, bytes_received, rounds, peak_rss_bytes FROM task "
		     "WHERE job_group = ? AND party = ? ORDER BY id", DB_ARGS(db_i(g->id), db_s(j->self))));
	while ((rc = db_next(r)) > 0)
		json_array_append_new(list, json_pack("{s:s, s:o, s:I, s:I, s:I, s:I}", "name", db_text(r, 0),
						      "context", public_part(db_text(r, 1)),
						      "bytes_sent", (json_int_t)db_int(r, 2),
						      "bytes_received", (json_int_t)db_int(r, 3),
						      "rounds", (json_int_t)db_int(r, 4),
						      "peak_rss_bytes", (json_int_t)db_int(r, 5)));
	if (rc == 0) {
		*out = list;
		list = NULL;
	}
out:
	db_done(r);
	json_decref(list);
	return rc;
}

static int take_result(struct db *db, struct job_row *j, const json_t *v)
{
	json_int_t sent, received, rounds, rss;
	const char *name;
	json_t *context;
	struct task_row *t;
	char *text;
	int rc;

	if (json_unpack((json_t *)v, "{s:s, s:o, s:I, s:I, s:I, s:I}", "name", &name, "context", &context, "bytes_sent", &sent,
			"bytes_received", &received, "rounds", &rounds, "peak_rss_bytes", &rss) != 0 ||
	    !json_is_object(context) || sent < 0 || received < 0 || rounds < 0 || rss < 0)
		return ERR_INPUT;
	t = row_task(j, name);
	if (!t || t->own)
		return ERR_INPUT;
	text = json_dumps(context, JSON_COMPACT);
	if (!text)
		return ERR_NOMEM;
	rc = db_exec(db, "UPDATE task SET result = ?, bytes_sent = ?, bytes_received = ?, rounds = ?, peak_rss_bytes = ? WHERE id = ?",
		     DB_ARGS(db_s(text), db_i(sent), db_i(received), db_i(rounds), db_i(rss), db_i(t->id)));
	free(text);
	return rc;
}

int step_take_results(struct db *db, struct job_row *j, const json_t *tasks)
{
	const json_t *v;
	size_t i;
	int rc = 0;

	if (!tasks)
		return 0;
	if (!json_is_array(tasks))
		return ERR_INPUT;
	json_array_foreach(tasks, i, v)
		TRY(take_result(db, j, v));
out:
	return rc;
}
