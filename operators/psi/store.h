/*
 * The digests of all rows, in the order of the file: in memory while they are
 * few, else in one file of chunks. A chunk holds rows of one of 1024 parts, by
 * the first ten bits of the digest; a bucket is a run of parts.
 */
#ifndef PET_PSI_STORE_H
#define PET_PSI_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "psi/bins.h"
#include "psi/keys.h"

#define PSI_PARTS PSI_BUCKETS_MAX

struct psi_record {
	uint8_t digest[PSI_DIGEST_BYTES];
	uint32_t row;
};

struct psi_store {
	uint64_t count;			/* records */
	uint64_t limit;			/* so many stay in memory */
	struct psi_record *memory;	/* owned; NULL once they went to the file */
	uint64_t cap;
	int fd;				/* the file, or -1 */
	struct psi_record *buffer;	/* owned: a chunk being filled for every part */
	uint32_t fill[PSI_PARTS];
	uint32_t *chunk;		/* owned: part << 16 | records, of every chunk of the file */
	size_t chunks, chunks_cap;
};

/* s is zeroed by the caller. psi_store_fini is legal after PSI_STORE_NONE alone. */
#define PSI_STORE_NONE { .fd = -1 }
int psi_store_init(struct psi_store *s, uint64_t limit) PET_MUST_USE;
/* path: the file, should it be needed. ERR_IO with errno. */
int psi_store_add(struct psi_store *s, const struct psi_record *r, const char *path) PET_MUST_USE;
/* Moves what is in memory to the file, or writes out what the file still lacks; with `durable`, brings it to disk. */
int psi_store_spill(struct psi_store *s, const char *path, int durable) PET_MUST_USE;
/* A file that psi_store_spill left, with its chunks (owned from now on, also after an error). */
int psi_store_reopen(struct psi_store *s, const char *path, uint32_t *chunk, size_t chunks) PET_MUST_USE;
int psi_store_spilled(const struct psi_store *s);
/* The bucket that a digest falls into. */
unsigned psi_store_bucket(const uint8_t digest[PSI_DIGEST_BYTES], unsigned buckets);
/* Calls fn for every record of a bucket; records of one digest come in the order of the file. Any thread. */
typedef int psi_store_fn(void *arg, const struct psi_record *r);
int psi_store_each(const struct psi_store *s, unsigned bucket, unsigned buckets, psi_store_fn *fn, void *arg) PET_MUST_USE;
void psi_store_fini(struct psi_store *s);

#endif
