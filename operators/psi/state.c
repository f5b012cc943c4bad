#define _GNU_SOURCE 1
/*
 * The work folder: what a later attempt at the same task may go on from.
 *
 *	digests		the store's file
 *	chunks		its index
 *	state.json	key and session, and what they are bound to: the input file, the
 *			own parameters, this program's protocol; written last
 *	bucket.N	the rows of a finished bucket
 *
 * Everything is written beside and renamed; nothing of it leaves this party.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "psi/job.h"

#define STATE_VERSION "psi-2"	/* of these files; another program's are not taken */
#define STATE_MAX (1 << 16)
#define INDEX_MAX ((size_t)64 << 20)

/* The head of a bucket's file; behind it the rows, matched ones first. */
struct bucket_head {
	uint8_t session[PSI_SESSION_BYTES];
	uint64_t matched, dropped, matches;
};

int psi_work_path(struct psi_job *j, const char *name, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s", j->dir, name);
	return util_mkdirs(j->dir, 0700);
}

int psi_input_identify(struct psi_job *j, struct psi_input_id *out, struct errmsg *em)
{
	struct stat st;

	memset(out, 0, sizeof(*out));
	errno = 0;
	if (stat(op_input(j->ctx, "data", 0), &st) != 0 || !S_ISREG(st.st_mode)) {
		errmsg_set(em, ERR_IO, "INPUT_UNREADABLE", "an input file cannot be read");
		errmsg_local(em, "%s cannot be read: %s", op_input_name(j->ctx, "data", 0),
			     errno ? strerror(errno) : "not a regular file, which can be read twice");
		return ERR_IO;
	}
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->size = (uint64_t)st.st_size;
	out->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	out->ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
	return 0;
}

/* A digest of all that must be as it was. */
static int bound_to(struct psi_job *j, char out[65])
{
	char *params = json_dumps(op_params(j->ctx), JSON_COMPACT | JSON_SORT_KEYS), *text = NULL;
	unsigned char md[32];
	int rc = ERR_NOMEM;

	if (params && asprintf(&text, "%s %s %s %s %llx %llx %llx %llx %llx", STATE_VERSION, op_role(j->ctx), op_peer(j->ctx), params,
			       (unsigned long long)j->id.dev, (unsigned long long)j->id.ino, (unsigned long long)j->id.size,
			       (unsigned long long)j->id.mtime_ns, (unsigned long long)j->id.ctime_ns) > 0 &&
	    EVP_Digest(text, strlen(text), md, NULL, EVP_sha256(), NULL)) {
		util_hex(out, md, sizeof(md));
		rc = 0;
	}
	free(text);
	free(params);
	return rc;
}

int psi_state_save(struct psi_job *j)
{
	char path[PATH_MAX], bound[65], key[33], session[33], *text = NULL;
	json_t *o = NULL;
	int rc;

	TRY(bound_to(j, bound));
	util_hex(key, j->hash_key, sizeof(j->hash_key));
	util_hex(session, j->session, sizeof(j->session));
	TRY(psi_work_path(j, "chunks", path));
	TRY(util_write_file(path, j->store.chunk ? (const void *)j->store.chunk : "", j->store.chunks * sizeof(*j->store.chunk), 0600));
	o = json_pack("{s:s, s:s, s:s}", "bound", bound, "key", key, "session", session);
	text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	rc = text ? psi_work_path(j, "state.json", path) : ERR_NOMEM;
	if (rc == 0)
		rc = util_write_file(path, text, strlen(text), 0600);
out:
	json_decref(o);
	free(text);
	return rc;
}

static int load_keys(struct psi_job *j, const json_t *o)
{
	const char *key = json_string_value(json_object_get(o, "key")), *session = json_string_value(json_object_get(o, "session"));
	const char *bound = json_string_value(json_object_get(o, "bound"));
	char want[65];
	int rc;

	if (!key || !session || !bound)
		return ERR_INPUT;
	TRY(bound_to(j, want));
	if (strcmp(bound, want) != 0)
		return ERR_NOTFOUND;
	TRY(util_unhex(j->hash_key, sizeof(j->hash_key), key));
	rc = util_unhex(j->session, sizeof(j->session), session);
out:
	return rc;
}

static int load_store(struct psi_job *j)
{
	struct buf chunks = { 0 };
	char path[PATH_MAX];
	int rc;

	TRY(psi_work_path(j, "chunks", path));
	TRY(util_read_file(&chunks, path, INDEX_MAX));
	TRY(psi_work_path(j, "digests", path));
	if (chunks.len % sizeof(uint32_t) || !chunks.data) {
		rc = ERR_INPUT;
		goto out;
	}
	rc = psi_store_reopen(&j->store, path, (uint32_t *)(void *)chunks.data, chunks.len / sizeof(uint32_t));
	chunks.data = NULL;	/* the store's now */
out:
	buf_free(&chunks);
	return rc;
}

/* A bucket's file counts only when it is of this session: an older one may lie there still. */
static int bucket_done(struct psi_job *j, unsigned bucket)
{
	uint8_t session[PSI_SESSION_BYTES];
	char path[PATH_MAX];
	int fd, ok;

	snprintf(path, sizeof(path), "%s/bucket.%u", j->dir, bucket);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ok = read(fd, session, sizeof(session)) == (ssize_t)sizeof(session) &&
	     memcmp(session, j->session, sizeof(session)) == 0;
	close(fd);
	return ok;
}

void psi_state_load(struct psi_job *j)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	json_t *o = NULL;
	int rc;

	TRY(psi_work_path(j, "state.json", path));
	TRY(util_read_file(&text, path, STATE_MAX));
	o = json_loadb(text.data, text.len, 0, NULL);
	TRY(load_keys(j, o));
	TRY(load_store(j));
	j->resumable = 1;
	for (unsigned b = 0; b < PSI_BUCKETS_MAX; b++) {
		if (bucket_done(j, b))
			j->done[b / 8] |= (uint8_t)(1 << (b % 8));
	}
out:
	if (rc)
		psi_state_forget(j);
	json_decref(o);
	buf_free(&text);
}

void psi_state_forget(struct psi_job *j)
{
	static const char *const names[] = { "state.json", "chunks", "digests" };
	char path[PATH_MAX];

	for (size_t i = 0; i < PET_ARRAY_SIZE(names); i++)
		if (psi_work_path(j, names[i], path) == 0)
			unlink(path);
	memset(j->done, 0, sizeof(j->done));
	j->resumable = 0;
	psi_store_fini(&j->store);
}

int psi_state_bucket_save(const struct psi_job *j, unsigned bucket, const struct psi_found *f)
{
	struct bucket_head head = { .matched = f->matched_count, .dropped = f->dropped_count, .matches = f->matches };
	struct buf b = { 0 };
	char path[PATH_MAX];
	int rc;

	memcpy(head.session, j->session, sizeof(head.session));
	snprintf(path, sizeof(path), "%s/bucket.%u", j->dir, bucket);
	TRY(buf_add(&b, &head, sizeof(head)));
	TRY(buf_add(&b, f->matched ? (const void *)f->matched : "", f->matched_count * sizeof(uint32_t)));
	TRY(buf_add(&b, f->dropped ? (const void *)f->dropped : "", f->dropped_count * sizeof(uint32_t)));
	rc = util_write_file(path, b.data, b.len, 0600);
out:
	buf_free(&b);
	return rc;
}

/* Own files, but a disk may lie: every number is checked before a bit is set. */
static int apply(struct psi_job *j, const struct buf *b)
{
	struct psi_found f = { 0 };
	struct bucket_head head;
	uint32_t *rows;

	if (b->len < sizeof(head))
		return ERR_INPUT;
	memcpy(&head, b->data, sizeof(head));
	if (memcmp(head.session, j->session, sizeof(head.session)) != 0 || head.matched > j->rows || head.dropped > j->rows ||
	    b->len != sizeof(head) + (head.matched + head.dropped) * sizeof(*rows))
		return ERR_INPUT;
	rows = (uint32_t *)(void *)(b->data + sizeof(head));
	for (uint64_t i = 0; i < head.matched + head.dropped; i++)
		if (rows[i] >= j->rows)
			return ERR_INPUT;
	f.matched = rows;
	f.matched_count = head.matched;
	f.dropped = rows + head.matched;
	f.dropped_count = head.dropped;
	f.matches = head.matches;
	psi_found_apply(j, &f);
	return 0;
}

int psi_state_bucket_load(struct psi_job *j, unsigned bucket)
{
	struct buf b = { 0 };
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/bucket.%u", j->dir, bucket);
	TRY(util_read_file(&b, path, sizeof(struct bucket_head) + (size_t)8 * PSI_ROWS_MAX));
	rc = apply(j, &b);
out:
	buf_free(&b);
	if (rc == ERR_INPUT)
		errmsg_set(op_errmsg(j->ctx), ERR_IO, "WORK_FOLDER", "a file of the task's work folder is damaged");
	return rc == ERR_INPUT ? ERR_IO : rc;
}
