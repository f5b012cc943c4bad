/* A task's document: arguments with their references filled in, channel, folders. docs/operators.md draws it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plan.h"
#include "base/safepath.h"
#include "base/util.h"
#include "sched/exec_impl.h"

static int add_path(struct db *db, const json_t *v, const char *owner, json_t *list)
{
	char clean[SAFEPATH_MAX];
	int own, rc;

	if (!json_is_string(v) || safepath_clean(json_string_value(v), clean, NULL) != 0)
		return 0;	/* pet-spawn refuses it with the reason */
	rc = db_run_replaces(db, clean, owner, &own);
	if (rc == 0 && own && json_array_append_new(list, json_string(json_string_value(v))) != 0)
		rc = ERR_NOMEM;
	return rc;
}

int exec_replace(struct db *db, const json_t *outputs, const char *owner, json_t **replace)
{
	json_t *list = json_array(), *v, *one;
	const char *slot;
	size_t i;
	int rc = 0;

	json_object_foreach((json_t *)outputs, slot, v) {
		if (!json_is_array(v)) {
			TRY(add_path(db, v, owner, list));
			continue;
		}
		json_array_foreach(v, i, one)
			TRY(add_path(db, one, owner, list));
	}
	*replace = list;
	list = NULL;
out:
	json_decref(list);
	return rc;
}

static int fill_args(struct db *db, const struct run_row *r, json_t **args, struct errmsg *em)
{
	struct run_texts texts = { 0 };
	json_t *tmpl = NULL, *context = NULL;
	struct plan_contexts contexts = { 0 };
	int rc;

	TRY(db_run_texts(db, r, &texts));
	tmpl = json_loads(texts.args, 0, NULL);
	contexts.job = context = json_loads(texts.job_context, 0, NULL);
	rc = ERR_INTERNAL;
	if (tmpl && context)
		rc = plan_fill(args, tmpl, &contexts, r->task_name, r->role, em);
out:
	run_texts_clear(&texts);
	json_decref(tmpl);
	json_decref(context);
	return rc;
}

static json_t *part(const json_t *args, const char *key)
{
	json_t *v = json_object_get(args, key);

	return json_is_object(v) ? json_incref(v) : json_object();
}

int exec_outputs(struct db *db, const struct publish_row *p, json_t **outputs, struct errmsg *em)
{
	struct run_row r = { .task = p->task };
	json_t *args = NULL;
	int rc;

	*outputs = NULL;
	snprintf(r.job_id, sizeof(r.job_id), "%s", p->job_id);
	snprintf(r.task_name, sizeof(r.task_name), "%s", p->task_name);
	snprintf(r.role, sizeof(r.role), "%s", p->role);
	TRY(fill_args(db, &r, &args, em));
	*outputs = part(args, "outputs");
	rc = *outputs ? 0 : ERR_NOMEM;
out:
	json_decref(args);
	return rc;
}

static json_t *channel(const struct sched *s, const struct run_row *r)
{
	char key[65], address[256];
	json_t *c;

	util_hex(key, r->key, sizeof(r->key));
	/* pet-spawn, which starts the gateway of scheme socket, writes that one's address */
	snprintf(address, sizeof(address), "%s/net.sock", r->port ? "" : s->conf.run_dir);
	c = json_pack("{s:s, s:s, s:s}", "scheme", "agent", "address", address, "key", key);
	explicit_bzero(key, sizeof(key));
	return c;
}

static json_t *document(const struct sched *s, const struct run_row *r, const json_t *args)
{
	json_t *d = json_pack("{s:i, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:I}", "version", 1,
			      "job_id", r->job_id, "epoch", (json_int_t)r->epoch, "group", (json_int_t)r->idx,
			      "attempt", (json_int_t)r->attempt, "task", r->task_name, "self", r->self, "role", r->role,
			      "operator", r->op, "params", part(args, "params"), "inputs", part(args, "inputs"),
			      "outputs", part(args, "outputs"), "lease_seconds", (json_int_t)s->conf.lease_seconds,
			      "threads", (json_int_t)s->conf.threads);

	if (d && r->paired) {
		json_object_set_new(d, "peer", json_string(r->peer));
		json_object_set_new(d, "channel", channel(s, r));
	}
	return d;
}

/* The lower-named party listens: it chose the port, and knows what is free on its machine. */
int exec_gateway(const struct sched *s, const struct run_row *r, json_t **gateway, struct errmsg *em)
{
	int listens = strcmp(r->self, r->peer) < 0;
	const struct party *peer;
	const char *address;
	char place[300];
	int host;

	*gateway = NULL;
	if (!r->paired || r->port == 0)
		return 0;
	peer = party_find(s->parties, r->peer);
	address = listens ? s->conf.gateway_listen : peer ? peer->net[0].address : NULL;
	if (!address || !strrchr(address, ':'))
		return errmsg_set(em, ERR_INPUT, "NO_GATEWAY", "the party file has no gateway of %s", listens ? r->self : r->peer);
	host = (int)(strrchr(address, ':') - address);
	snprintf(place, sizeof(place), "%.*s:%d", host < 280 ? host : 280, address, (int)r->port);
	*gateway = json_pack("{s:s}", listens ? "listen" : "connect", place);
	return *gateway ? 0 : ERR_NOMEM;
}

int exec_document(struct sched *s, struct db *db, const struct run_row *r, json_t **doc, json_t **replace, struct errmsg *em)
{
	json_t *args = NULL;
	char *outputs = NULL;
	int rc;

	*doc = *replace = NULL;
	if (r->paired && !r->has_key)
		return errmsg_set(em, ERR_INTERNAL, "NO_KEY", "the group has no channel key");
	TRY(fill_args(db, r, &args, em));
	*doc = document(s, r, args);
	outputs = *doc ? json_dumps(json_object_get(*doc, "outputs"), JSON_COMPACT) : NULL;
	if (!outputs) {
		rc = ERR_NOMEM;
		goto out;
	}
	TRY(db_run_outputs(db, r, outputs));
	rc = exec_replace(db, json_object_get(*doc, "outputs"), r->owner, replace);
out:
	json_decref(args);
	free(outputs);
	return rc;
}
