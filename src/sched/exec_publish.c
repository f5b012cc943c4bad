/* Publishing: the lease's owner renames staged outputs, which may be repeated, then the group is DONE. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/safepath.h"
#include "base/spawnc.h"
#include "sched/exec_impl.h"

static int note_paths(struct db *db, const struct publish_row *p, const json_t *outputs)
{
	char clean[SAFEPATH_MAX];
	const char *slot;
	json_t *v, *one;
	size_t i;
	int rc = 0;

	json_object_foreach((json_t *)outputs, slot, v) {
		json_t *list = json_is_array(v) ? json_incref(v) : json_pack("[O]", v);

		json_array_foreach(list, i, one)
			if (rc == 0 && json_is_string(one) && safepath_clean(json_string_value(one), clean, NULL) == 0)
				rc = db_run_published(db, p, clean);
		json_decref(list);
	}
	return rc;
}

static int publish_task(struct db *db, const struct publish_row *p)
{
	json_t *outputs = json_loads(p->outputs, 0, NULL), *record = NULL, *replace = NULL;
	struct errmsg em = { 0 };
	struct task_id id;
	int rc;

	TRY(task_id_set(&id, p->job_id, (uint32_t)p->epoch, (uint32_t)p->idx, (uint32_t)p->attempt, p->task_name));
	if (!outputs || json_object_size(outputs) == 0) {
		rc = 0;
		goto out;
	}
	TRY(exec_replace(db, outputs, p->owner, &replace));
	rc = taskdir_exit(&id, &record);
	/* Folders of a committed task go only after it was published: this database is older than that. */
	if (rc == ERR_NOTFOUND) {
		log_warning("job %s task %s: nothing is staged; its outputs were published before", p->job_id, p->task_name);
		rc = note_paths(db, p, outputs);
		goto out;
	}
	if (rc == 0)
		rc = spawnc_publish(&id, outputs, record, replace, &em);
	if (rc != 0) {
		log_error("job %s task %s: its outputs are not published yet: %s", p->job_id, p->task_name,
			  em.local[0] ? em.local : "its exit record is gone");
		if (db_run_unpublished(db, p, em.pub[0] ? em.pub : "its exit record cannot be read") != 0)
			log_debug("the status does not say so yet");
		goto out;
	}
	rc = note_paths(db, p, outputs);
out:
	json_decref(outputs);
	json_decref(record);
	json_decref(replace);
	return rc;
}

static void clean(const struct publish_row *p)
{
	struct errmsg em;
	struct task_id id;

	if (task_id_set(&id, p->job_id, (uint32_t)p->epoch, (uint32_t)p->idx, (uint32_t)p->attempt, p->task_name) == 0 &&
	    spawnc_clean(&id, &em) != 0)
		log_debug("folders of %s are left for later: %s", p->task_name, em.local);
}

int exec_publish(struct exec *x, struct db *db, unsigned *did)
{
	struct publish_row *rows = NULL;
	size_t n = 0, end;
	int rc;

	TRY(db_run_publish(db, &x->s->who, &rows, &n));
	for (size_t i = 0; i < n; i = end) {
		int done = 1;

		for (end = i; end < n && rows[end].group == rows[i].group; end++)
			if (publish_task(db, &rows[end]) != 0)
				done = 0;	/* committed is committed: tried again at the next round */
		if (!done)
			continue;
		rc = db_run_done(db, &x->s->who, rows[i].group, rows[i].lease_gen);
		if (rc == ERR_CONFLICT)
			continue;	/* the lease is another's now, and the renames were the same */
		if (rc != 0)
			goto out;
		++*did;
		for (size_t k = i; k < end; k++)
			clean(&rows[k]);
	}
	rc = 0;
out:
	publish_free(rows, n);
	return rc;
}

int exec_sweep(struct exec *x, struct db *db)
{
	struct errmsg em = { 0 };
	json_t *names = NULL, *v;
	struct task_id id;
	size_t i;
	int wanted, rc = 0;

	(void)x;
	if (spawnc_list(&names, &em) != 0)
		return 0;	/* pet-spawn is away: later */
	json_array_foreach(names, i, v) {
		if (!json_is_string(v) || task_id_parse(&id, json_string_value(v)) != 0)
			continue;
		TRY(db_run_wanted(db, id.job, id.epoch, id.group, id.attempt, &wanted));
		if (!wanted && spawnc_clean(&id, &em) != 0)
			log_debug("folders of %s stay: %s", json_string_value(v), em.local);
	}
out:
	json_decref(names);
	return rc;
}
