/*
 * All buckets, a few at a time: every worker has a sub-channel and a session of
 * its own and takes each so-and-so-many-th bucket that is left, so that both
 * parties' workers are at the same ones. With one worker it is the channel itself.
 */
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "psi/job.h"

struct shared {
	struct psi_job *j;
	unsigned left[PSI_BUCKETS_MAX], count;	/* buckets to do */
	_Atomic unsigned finished;
	_Atomic int failed;
};

struct worker {
	struct shared *sh;
	unsigned index;
	struct chan *chan;		/* borrowed: the channel, or owned: a sub-channel */
	pthread_t thread;
	int rc;
	struct errmsg em;
};

static int is_set(const uint8_t *bits, unsigned i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

/* One bucket shows its own course, several how many are finished. */
static void on_progress(void *arg, double fraction, const char *stage)
{
	struct worker *w = arg;
	struct psi_job *j = w->sh->j;
	char text[32];

	if (j->buckets == 1) {
		op_progress(j->ctx, 0.2 + 0.7 * fraction, stage);
		return;
	}
	snprintf(text, sizeof(text), "bucket %u/%u", j->buckets - w->sh->count + w->sh->finished + 1, j->buckets);
	op_progress(j->ctx, 0.2 + 0.7 * w->sh->finished / w->sh->count, text);
}

/* Whatever must be the same at both, or the lists would not fit each other. */
static void bind(const struct psi_job *j, uint8_t out[PSI_BINDING_BYTES])
{
	uint64_t words[3] = { j->keys.columns, j->buckets, (uint64_t)j->workers };
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, PSI_BINDING_BYTES);
	crypto_generichash_update(&st, (const uint8_t *)words, sizeof(words));
	crypto_generichash_update(&st, j->session, sizeof(j->session));
	crypto_generichash_final(&st, out, PSI_BINDING_BYTES);
}

static unsigned buckets_of(const struct shared *sh, unsigned worker)
{
	unsigned n = 0;

	for (unsigned i = worker; i < sh->count; i += (unsigned)sh->j->workers)
		n++;
	return n;
}

static int one_bucket(struct worker *w, struct psi_session *s, unsigned bucket)
{
	struct psi_job *j = w->sh->j;
	struct psi_found found;
	int rc;

	on_progress(w, 0, "psi");
	TRY(psi_bucket_run(j, s, bucket, &found, &w->em));
	/* kept before it counts: what is marked finished is on disk */
	if (j->buckets > 1)
		TRY(psi_disk_error(j, psi_state_bucket_save(j, bucket, &found), &w->em));
	psi_found_apply(j, &found);
	w->sh->finished++;
out:
	psi_found_free(&found);
	return rc;
}

static int work(struct worker *w)
{
	struct shared *sh = w->sh;
	struct psi_job *j = sh->j;
	int threads = op_threads(j->ctx) / j->workers;
	struct psi_conf conf = {
		.protocol = j->protocol, .first = op_is_first(j->ctx), .receivers = j->receivers,
		.expected = buckets_of(sh, w->index) * j->capacity, .lists = buckets_of(sh, w->index), .threads = threads > 0 ? threads : 1,
		.progress = on_progress, .arg = w,
	};
	struct psi_session *s = NULL;
	int rc;

	bind(j, conf.binding);
	TRY(psi_session_new(&s, w->chan, &conf, &w->em));
	for (unsigned i = w->index; i < sh->count && !sh->failed; i += (unsigned)j->workers)
		TRY(one_bucket(w, s, sh->left[i]));
out:
	psi_session_free(s);
	return rc;
}

static void *work_thread(void *arg)
{
	struct worker *w = arg;
	struct psi_job *j = w->sh->j;
	int none = 0;

	w->rc = work(w);
	/* the first error ends the others, and is the one that is told */
	if (w->rc && atomic_compare_exchange_strong(&w->sh->failed, &none, 1)) {
		*op_errmsg(j->ctx) = w->em;
		chan_cancel(op_chan(j->ctx));
	}
	return NULL;
}

static int several(struct shared *sh)
{
	struct worker w[PSI_WORKERS_MAX] = { 0 };
	int n = sh->j->workers, started = 0, rc = 0;

	for (int i = 0; rc == 0 && i < n; i++) {
		w[i].sh = sh;
		w[i].index = (unsigned)i;
		rc = chan_sub(op_chan(sh->j->ctx), (uint16_t)(i + 1), &w[i].chan);
	}
	for (; rc == 0 && started < n; started++) {
		if (pthread_create(&w[started].thread, NULL, work_thread, &w[started]) != 0) {
			rc = errmsg_set(op_errmsg(sh->j->ctx), ERR_INTERNAL, "NO_THREAD", "cannot start a thread");
			chan_cancel(op_chan(sh->j->ctx));
			break;
		}
	}
	for (int i = 0; i < started; i++) {
		pthread_join(w[i].thread, NULL);
		/* not the echo of the first error in the others */
		if (w[i].rc && (rc == 0 || rc == ERR_CANCELED))
			rc = w[i].rc;
	}
	for (int i = 0; i < n; i++) {
		if (rc == 0 && w[i].chan)
			rc = chan_close(w[i].chan);
		chan_free(w[i].chan);
	}
	return rc;
}

static int alone(struct shared *sh)
{
	struct worker w = { .sh = sh, .chan = op_chan(sh->j->ctx) };
	int rc = work(&w);

	if (rc)
		*op_errmsg(sh->j->ctx) = w.em;
	return rc;
}

int psi_intersect(struct psi_job *j)
{
	struct shared *sh = calloc(1, sizeof(*sh));
	int rc = 0;

	if (!sh)
		return ERR_NOMEM;
	sh->j = j;
	for (unsigned b = 0; rc == 0 && b < j->buckets; b++) {
		if (is_set(j->both_done, b))
			rc = psi_disk_error(j, psi_state_bucket_load(j, b), op_errmsg(j->ctx));
		else
			sh->left[sh->count++] = b;
	}
	if (j->resumable)
		log_info("going on from an earlier attempt: %u of %u buckets are finished at both parties", j->buckets - sh->count, j->buckets);
	if (j->workers > (int)sh->count)
		j->workers = (int)sh->count;
	if (rc == 0 && sh->count)
		rc = j->workers > 1 ? several(sh) : alone(sh);
	free(sh);
	return rc;
}
