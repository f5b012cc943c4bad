/* Inside of the common main: shared by op*.c and their tests, not by operators. */
#ifndef PET_OPERATORS_OP_IMPL_H
#define PET_OPERATORS_OP_IMPL_H

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sysexits.h>

#include "base/buf.h"
#include "op.h"

#define OP_DOC_VERSION 1
#define OP_DOC_MAX (1u << 20)
#define OP_RECORD_MAX (4u << 20)
#define OP_STAGE_MAX 32
#define OP_LIST_MAX 256
#define OP_EXIT_CANCELED 143	/* what a shell says of a process ended by SIGTERM; sysexits has no word for it */

/* One page shared between the supervisor and the work; plain stores, so that a work that dies inside leaves no lock. */
struct op_shared {
	_Atomic uint64_t millionths;
	_Atomic uint64_t stage[OP_STAGE_MAX / 8];
	_Atomic uint64_t bytes_sent, bytes_received, rounds, rss;
};

struct op_ctx {
	const struct op *op;
	json_t *doc;		/* owned; strings below are borrowed from it */
	json_t *params;		/* own parameters, defaults filled in; borrowed from doc */
	json_t *in, *in_names, *out, *out_names;	/* slot -> list of strings; owned */
	json_t *result;		/* owned */
	const char *job, *task, *self, *peer, *role, *control_dir, *staging_dir;
	char work_dir[PATH_MAX];
	uint32_t epoch, group, attempt, shard;
	int threads, lease_seconds;
	struct op_shared *shared;
	_Atomic(struct chan *) chan;
	_Atomic int canceled;
	struct errmsg em;
};

/* op_doc.c: the document of a task. text is the JSON; ops the operators this program holds. */
int op_doc_load(struct op_ctx *ctx, const struct op *const *ops, const struct buf *text) PET_MUST_USE;
void op_ctx_fini(struct op_ctx *ctx);
/* op_check.c: checks obj against a table and fills in the defaults; `path` begins the names in messages. */
int op_check(const struct op_param *table, json_t *obj, const char *path, struct errmsg *em) PET_MUST_USE;
int op_check_files(const struct op_file *table, const json_t *obj, const char *path,
		   struct errmsg *em) PET_MUST_USE;
/* op_describe.c: owned. */
json_t *op_describe(const struct op *op);
/* op_hello.c: compares operator, version, role and common parameters with the peer's. */
int op_hello(struct op_ctx *ctx) PET_MUST_USE;
/* SHA-256 in hex of the common parameters that differ from their defaults; out holds 65 bytes. */
int op_common_digest(const struct op_ctx *ctx, char out[65]) PET_MUST_USE;
/* op_work.c: the forked half; returns the exit status and leaves its record in fd. */
int op_work(struct op_ctx *ctx, int record_fd);
/* op_super.c: forks the work and watches it. Returns in both: *is_work says in which. */
int op_supervise(struct op_ctx *ctx, int *is_work);
/* op_exit.c */
int op_status(int rc);		/* enum err -> sysexits */
/* A record that says only that and why nothing ran; owned. */
json_t *op_record_failed(int status, const struct errmsg *em);
/* Fsyncs the staged outputs and lists them in the record; then writes control_dir/exit.json by rename. */
int op_record_outputs(const struct op_ctx *ctx, json_t *record, struct errmsg *em) PET_MUST_USE;
int op_record_write(const char *control_dir, const json_t *record) PET_MUST_USE;

#endif
