#include "api/status_cache.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

/* FNV-1a: job ids end in random digits. */
static struct status_entry *slot_of(struct status_cache *cache, const char *job_id)
{
	uint32_t h = 2166136261u;

	for (; *job_id; job_id++)
		h = (h ^ (unsigned char)*job_id) * 16777619u;
	return &cache->slot[h % STATUS_CACHE_SLOTS];
}

const struct status_entry *status_cache_find(struct status_cache *cache, const char *job_id)
{
	struct status_entry *e = cache ? slot_of(cache, job_id) : NULL;

	if (!e || strcmp(e->job_id, job_id) != 0 || util_mono_ms() - e->at_ms >= STATUS_CACHE_MS)
		return NULL;
	return e;
}

void status_cache_keep(struct status_cache *cache, const struct job_status *s, int finished, const struct buf *body)
{
	struct status_entry *e = cache ? slot_of(cache, s->job_id) : NULL;

	if (!e)
		return;
	e->job_id[0] = '\0';
	buf_clear(&e->body);
	if (s->derived || body->len > STATUS_CACHE_BODY_MAX || buf_add(&e->body, body->data, body->len) != 0)
		return;
	e->rev = s->rev;
	e->at_ms = util_mono_ms();
	e->finished = finished;
	snprintf(e->owner, sizeof(e->owner), "%s", s->owner);
	snprintf(e->submitter, sizeof(e->submitter), "%s", s->submitter);
	snprintf(e->job_id, sizeof(e->job_id), "%s", s->job_id);
}

void status_cache_fini(struct status_cache *cache)
{
	for (size_t i = 0; cache && i < STATUS_CACHE_SLOTS; i++) {
		buf_free(&cache->slot[i].body);
		cache->slot[i].job_id[0] = '\0';
	}
}
