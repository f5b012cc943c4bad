/* Publishing: the lease's owner renames staged outputs, which may be repeated, then the group is DONE. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/safepath.h"
#include "base/spawnc.h"
#include "sched/exec_impl.h"
#include "sched/published.h"

#define UNKNOWN_KEEP_S (7 * 86400)

/* Calls `each` for every path of the outputs, cleaned, until one is not 0. */
static int for_paths(const json_t *outputs, int (*each)(const char *path, void *arg), void *arg)
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
				rc = each(clean, arg);
		json_decref(list);
	}
	return rc;
}

struct note {
	struct db *db;
	const struct publish_row *p;
	int all;	/* noted before */
};

static int note_path(const char *path, void *arg)
{
	const struct note *n = arg;

	return db_run_published(n->db, n->p, path);
}

static int look_at_path(const char *path, void *arg)
{
	struct note *n = arg;
	int noted, rc = db_run_noted(n->db, n->p, path, &noted);

	n->all &= noted;
	return rc;
}

/*
 * Nothing is staged: was it published before? This database may be older than
 * that; the mark in the state folder is not. Or somebody who put the files back
 * by hand says so in table `output`.
 */
static int published_before(struct db *db, const struct publish_row *p, const struct task_id *id, const json_t *outputs)
{
	struct note n = { .db = db, .p = p, .all = 1 };
	int rc;

	if (published_known(id))
		return 0;
	rc = for_paths(outputs, look_at_path, &n);
	return rc != 0 ? rc : n.all ? 0 : ERR_NOTFOUND;
}

static int lost(struct errmsg *em)
{
	return errmsg_set(em, ERR_NOTFOUND, "OUTPUT_LOST", "an output is neither staged nor published");
}

/* Puts the outputs in their places, or finds that they have been put there. */
static int place(struct db *db, const struct publish_row *p, const struct task_id *id, const json_t *outputs, struct errmsg *em)
{
	json_t *record = NULL, *replace = NULL;
	int rc;

	TRY(exec_replace(db, outputs, p->owner, &replace));
	rc = taskdir_exit(id, &record);
	if (rc == 0)
		rc = spawnc_publish(id, outputs, record, replace, em);
	else if (rc == ERR_NOTFOUND)
		lost(em);
	else
		errmsg_set(em, rc, "BAD_RECORD", "its exit record cannot be read");
	if (rc == ERR_NOTFOUND) {
		rc = published_before(db, p, id, outputs);
		if (rc == 0)
			log_warning("job %s task %s: nothing is staged; its outputs were published before", p->job_id, p->task_name);
	}
	if (rc == 0)
		rc = published_note(id, em);
out:
	json_decref(record);
	json_decref(replace);
	return rc;
}

static int publish_task(struct db *db, const struct publish_row *p)
{
	struct note n = { .db = db, .p = p };
	struct errmsg em = { 0 };
	json_t *outputs = NULL;
	struct task_id id;
	int rc;

	TRY(task_id_set(&id, p->job_id, (uint32_t)p->epoch, (uint32_t)p->idx, (uint32_t)p->attempt, p->task_name));
	if (*p->outputs)
		outputs = json_loads(p->outputs, 0, NULL);
	else
		rc = exec_outputs(db, p, &outputs, &em);
	if (rc == 0 && json_object_size(outputs) == 0)
		goto out;
	if (rc == 0)
		rc = place(db, p, &id, outputs, &em);
	if (rc == 0) {
		rc = for_paths(outputs, note_path, &n);
		goto out;
	}
	log_error("job %s task %s: its outputs are not published yet: %s", p->job_id, p->task_name,
		  em.local[0] ? em.local : err_name(rc));
	if (em.pub[0] && db_run_unpublished(db, p, em.pub) != 0)
		log_debug("the status does not say so yet");
out:
	json_decref(outputs);
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

/* Folders that this database does not know may belong to what it will learn from the other party. */
static int is_old(const struct task_id *id)
{
	char path[PATH_MAX];
	struct stat st;

	/* Without the control folder there is no exit record: nobody could publish what is staged. */
	if (taskdir_control(id, path) != 0 || stat(path, &st) != 0)
		return 1;
	return time(NULL) - st.st_mtime > UNKNOWN_KEEP_S;
}

static int sweep_one(struct db *db, const struct task_id *id)
{
	enum run_wanted wanted;
	struct errmsg em;
	int rc;

	TRY(db_run_wanted(db, id, &wanted));
	if (wanted == RUN_WANTED || (wanted == RUN_UNKNOWN && !is_old(id)))
		goto out;
	if (spawnc_clean(id, &em) != 0)
		log_debug("folders of %s of job %s stay: %s", id->task, id->job, em.local);
out:
	return rc;
}

int exec_sweep(struct exec *x, struct db *db)
{
	struct errmsg em = { 0 };
	json_t *names = NULL, *v;
	struct task_id id;
	size_t i;
	int rc = 0;

	(void)x;
	published_sweep();
	if (spawnc_list(&names, &em) != 0)
		return 0;	/* pet-spawn is away: later */
	json_array_foreach(names, i, v)
		if (rc == 0 && json_is_string(v) && task_id_parse(&id, json_string_value(v)) == 0)
			rc = sweep_one(db, &id);
	json_decref(names);
	return rc;
}
