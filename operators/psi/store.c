#include "psi/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define CHUNK 1638	/* records: 32 KiB */
#define CHUNK_BYTES (CHUNK * sizeof(struct psi_record))

_Static_assert(sizeof(struct psi_record) == PSI_DIGEST_BYTES + 4, "records lie in the file without gaps");
_Static_assert(CHUNK < 1 << 16, "a chunk's size fits its word");

int psi_store_init(struct psi_store *s, uint64_t limit)
{
	s->fd = -1;
	s->limit = limit;
	s->cap = limit < 4096 ? limit : 4096;
	s->memory = calloc(s->cap + 1, sizeof(*s->memory));
	return s->memory ? 0 : ERR_NOMEM;
}

int psi_store_spilled(const struct psi_store *s)
{
	return s->fd >= 0;
}

static unsigned part_of(const uint8_t *digest)
{
	return ((unsigned)digest[0] << 8 | digest[1]) / (65536 / PSI_PARTS);
}

unsigned psi_store_bucket(const uint8_t digest[PSI_DIGEST_BYTES], unsigned buckets)
{
	return part_of(digest) / (PSI_PARTS / buckets);
}

/* --- to the file -------------------------------------------------------------------- */

static int write_chunk(struct psi_store *s, unsigned part)
{
	uint32_t *list;
	int rc = 0;

	if (!s->fill[part])
		return 0;
	if (s->chunks == s->chunks_cap) {
		s->chunks_cap = s->chunks_cap ? s->chunks_cap * 2 : 1024;
		list = reallocarray(s->chunk, s->chunks_cap, sizeof(*list));
		if (!list)
			return ERR_NOMEM;
		s->chunk = list;
	}
	/* whole chunks, so that number i lies at i times the size */
	rc = util_write_all(s->fd, s->buffer + (size_t)part * CHUNK, CHUNK_BYTES);
	if (rc == 0)
		s->chunk[s->chunks++] = part << 16 | s->fill[part];
	s->fill[part] = 0;
	return rc;
}

static int add_to_file(struct psi_store *s, const struct psi_record *r)
{
	unsigned part = part_of(r->digest);

	s->buffer[(size_t)part * CHUNK + s->fill[part]++] = *r;
	return s->fill[part] == CHUNK ? write_chunk(s, part) : 0;
}

static int start_file(struct psi_store *s, const char *path)
{
	int rc = 0;

	s->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return ERR_IO;
	s->buffer = calloc((size_t)PSI_PARTS * CHUNK, sizeof(*s->buffer));
	if (!s->buffer)
		return ERR_NOMEM;
	for (uint64_t i = 0; rc == 0 && i < s->count; i++)
		rc = add_to_file(s, &s->memory[i]);
	free(s->memory);
	s->memory = NULL;
	return rc;
}

int psi_store_add(struct psi_store *s, const struct psi_record *r, const char *path)
{
	int rc;

	if (s->fd < 0 && s->count == s->limit)
		TRY(start_file(s, path));
	if (s->fd >= 0) {
		TRY(add_to_file(s, r));
		s->count++;
		return 0;
	}
	if (s->count == s->cap) {
		uint64_t cap = s->cap * 2 < s->limit ? s->cap * 2 : s->limit;
		struct psi_record *list = reallocarray(s->memory, cap, sizeof(*list));

		if (!list)
			return ERR_NOMEM;
		s->memory = list;
		s->cap = cap;
	}
	s->memory[s->count++] = *r;
	rc = 0;
out:
	return rc;
}

int psi_store_spill(struct psi_store *s, const char *path, int durable)
{
	int rc = 0;

	if (s->fd < 0)
		rc = start_file(s, path);
	for (unsigned part = 0; rc == 0 && s->buffer && part < PSI_PARTS; part++)
		rc = write_chunk(s, part);
	free(s->buffer);
	s->buffer = NULL;
	if (rc == 0 && durable && fsync(s->fd) != 0)
		rc = ERR_IO;
	return rc;
}

int psi_store_reopen(struct psi_store *s, const char *path, uint32_t *chunk, size_t chunks)
{
	off_t size;

	free(s->memory);
	s->memory = NULL;
	s->chunk = chunk;
	s->chunks = s->chunks_cap = chunks;
	s->count = 0;
	for (size_t i = 0; i < chunks; i++) {
		if (chunk[i] >> 16 >= PSI_PARTS || (chunk[i] & 0xffff) > CHUNK)
			return ERR_INPUT;
		s->count += chunk[i] & 0xffff;
	}
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	size = s->fd >= 0 ? lseek(s->fd, 0, SEEK_END) : -1;
	return size >= 0 && (uint64_t)size == chunks * CHUNK_BYTES ? 0 : ERR_NOTFOUND;
}

/* --- and back ------------------------------------------------------------------------- */

static int each_in_memory(const struct psi_store *s, unsigned bucket, unsigned buckets, psi_store_fn *fn, void *arg)
{
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < s->count; i++) {
		if (buckets == 1 || psi_store_bucket(s->memory[i].digest, buckets) == bucket)
			rc = fn(arg, &s->memory[i]);
	}
	return rc;
}

int psi_store_each(const struct psi_store *s, unsigned bucket, unsigned buckets, psi_store_fn *fn, void *arg)
{
	struct psi_record *r;
	int rc = 0;

	if (s->fd < 0)
		return each_in_memory(s, bucket, buckets, fn, arg);
	r = malloc(CHUNK_BYTES);
	if (!r)
		return ERR_NOMEM;
	for (size_t i = 0; rc == 0 && i < s->chunks; i++) {
		uint32_t n = s->chunk[i] & 0xffff;

		if ((s->chunk[i] >> 16) / (PSI_PARTS / buckets) != bucket)
			continue;
		if (pread(s->fd, r, n * sizeof(*r), (off_t)(i * CHUNK_BYTES)) != (ssize_t)(n * sizeof(*r)))
			rc = ERR_IO;
		for (uint32_t k = 0; rc == 0 && k < n; k++)
			rc = fn(arg, &r[k]);
	}
	free(r);
	return rc;
}

void psi_store_fini(struct psi_store *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->memory);
	free(s->buffer);
	free(s->chunk);
	memset(s, 0, sizeof(*s));
	s->fd = -1;
}
