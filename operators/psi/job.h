/*
 * One run of op-psi, from the request to the output. Shared by the files of
 * operators/psi only. The way of a run:
 *
 *	psi_state_load		what an earlier attempt left in the work folder
 *	psi_agree_start		both parties: the key of the digests, or the earlier one
 *	psi_read		every row's digest; in a file when there are many
 *	psi_agree_sizes		both parties: padded row counts, and with them the buckets
 *	psi_intersect		bucket by bucket; each one's result is kept when there are several
 *	psi_write		the rows that matched, ordered by key
 */
#ifndef PET_PSI_JOB_H
#define PET_PSI_JOB_H

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>

#include "mpc/psi.h"
#include "op.h"
#include "psi/bins.h"
#include "psi/keys.h"
#include "psi/store.h"
#include "table/csv.h"

#define PSI_ROWS_MAX UINT32_C(0x7fffffff)
#define PSI_SESSION_BYTES 16
#define PSI_WORKERS_MAX 3	/* buckets in flight: bounds memory */
#define PSI_DONE_BYTES (PSI_BUCKETS_MAX / 8)

enum psi_duplicates { PSI_DUP_ERROR, PSI_DUP_FIRST, PSI_DUP_ALL };

/* Which file it was: an input is never read in two forms by one run. */
struct psi_input_id {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};

/* The rows that a bucket's result speaks of. */
struct psi_found {
	uint32_t *matched, *dropped;	/* owned */
	size_t matched_count, dropped_count, matched_cap, dropped_cap;
	uint64_t matches;
};

struct psi_job {
	/* the request */
	struct op_ctx *ctx;
	struct csv_opts csv_opts;
	struct psi_norm norm;
	enum psi_protocol protocol;
	enum psi_duplicates duplicates;
	unsigned receivers;
	int receives, left, power_of_two, aggregate;
	uint64_t bucket_rows;
	/* own file */
	struct csv *csv;
	struct psi_keys keys;
	struct psi_input_id id;
	struct psi_store store;
	uint64_t rows, padded;
	/* agreed with the other party */
	uint8_t hash_key[PSI_HASH_KEY_BYTES], session[PSI_SESSION_BYTES];
	uint64_t peer_padded;
	unsigned buckets;
	uint64_t capacity;		/* keys of a bucket, padded to this; with one bucket, `padded` */
	int workers;
	/* the result: a bit per row */
	uint64_t *matched, *dropped;	/* owned; dropped: repeats the key of an earlier row (duplicates: first) */
	_Atomic uint64_t matches;	/* keys in common; 0 at a party that does not receive */
	uint64_t rows_out;
	/* what an earlier attempt, and this one, finished */
	int resumable;			/* the work folder holds a state that fits file and request */
	uint8_t done[PSI_DONE_BYTES], both_done[PSI_DONE_BYTES];
	char dir[PATH_MAX - 64];	/* the work folder; made when it is first needed */
};

static inline int psi_bit(const uint64_t *bits, uint64_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

/* state.c: the work folder. */
int psi_input_identify(struct psi_job *j, struct psi_input_id *out, struct errmsg *em) PET_MUST_USE;
void psi_state_load(struct psi_job *j);		/* sets resumable, and what follows from it, or leaves all as it is */
void psi_state_forget(struct psi_job *j);	/* both parties start anew */
int psi_state_save(struct psi_job *j) PET_MUST_USE;	/* once the sizes are agreed and the digests are on disk */
int psi_state_bucket_save(const struct psi_job *j, unsigned bucket, const struct psi_found *f) PET_MUST_USE;
int psi_state_bucket_load(struct psi_job *j, unsigned bucket) PET_MUST_USE;
int psi_work_path(struct psi_job *j, const char *name, char out[PATH_MAX]) PET_MUST_USE;

/* agree.c */
int psi_agree_start(struct psi_job *j) PET_MUST_USE;
int psi_agree_sizes(struct psi_job *j) PET_MUST_USE;

/* read.c */
int psi_read(struct psi_job *j) PET_MUST_USE;
int psi_changed(const struct psi_job *j, struct errmsg *em) PET_MUST_USE;	/* the error of an input that changed */
/* A file of the work folder could not be read or written (errno), or memory is out; other errors pass. */
int psi_disk_error(const struct psi_job *j, int rc, struct errmsg *em) PET_MUST_USE;

/* bucket.c */
void psi_found_free(struct psi_found *f);
void psi_found_apply(struct psi_job *j, const struct psi_found *f);
int psi_bucket_run(struct psi_job *j, struct psi_session *s, unsigned bucket, struct psi_found *out,
		   struct errmsg *em) PET_MUST_USE;

/* intersect.c */
int psi_intersect(struct psi_job *j) PET_MUST_USE;

/* aggregate.c: the way of output: count and sum, after psi_agree_sizes */
int psi_aggregate(struct psi_job *j) PET_MUST_USE;

/* write.c */
int psi_write(struct psi_job *j) PET_MUST_USE;

#endif
