/*
 * What an operator is: one struct op, one run function, one call of op_main.
 *
 *	static const struct op_param params[] = { … };
 *	static int run(struct op_ctx *ctx) { … }
 *	const struct op op_psi = { .name = "psi", … };
 *	int main(int argc, char **argv) { return op_main(&op_psi, argc, argv); }
 *
 * op.c is the common main: it reads the job document from stdin, checks it
 * against the parameter table, forks the work, watches the lease, and writes
 * the exit record. docs/operators.md draws the documents.
 */
#ifndef PET_OPERATORS_OP_H
#define PET_OPERATORS_OP_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "net/chan.h"

enum op_type { OP_BOOL, OP_INT, OP_NUMBER, OP_STRING, OP_STRING_LIST, OP_STRING_OR_LIST, OP_OBJECT };

/* One row of an operator's parameter table: the API validates by it at submit, --describe prints it as JSON Schema. */
struct op_param {
	const char *name;
	enum op_type type;
	int required;
	int per_party;		/* 1: stands below party_a / party_b; 0: beside them, the same for both */
	double low, high;	/* for INT and NUMBER; both 0 = any */
	const char *const *words;	/* allowed values of a STRING, NULL-terminated; NULL = any */
	const char *fallback;	/* JSON text of the default; NULL = none */
	const char *help;
};

/* One input or output slot below `inputs` / `outputs`. */
struct op_file {
	const char *name;
	int required;
	int list;		/* 1: a list of paths */
	const char *help;
};

/* A row of the table "who learns what", printed by --describe and `pet explain`. */
struct op_disclosure {
	const char *learner;	/* party_a, party_b or both */
	const char *what;	/* "the number of rows of the other party" */
	const char *when;	/* the option that causes it; NULL = always */
};

struct op_ctx;

struct op {
	const char *name;	/* "psi": the program is op-psi */
	const char *version;	/* of its protocol; both parties must run the same major */
	const struct op_param *params;	/* ends with .name = NULL */
	const struct op_file *inputs, *outputs;	/* end with .name = NULL */
	const char *const *public_context;	/* result keys that may cross to the other party; NULL-terminated */
	int (*run)(struct op_ctx *ctx);
	int (*check)(const json_t *params, struct errmsg *em);	/* rules that a table cannot say; may be NULL */
	const struct op_disclosure *discloses;	/* ends with .learner = NULL; may be NULL */
};

int op_main(const struct op *op, int argc, char **argv);
/* One program for several operators, installed under the name of each: the document's `operator` chooses. NULL-terminated. */
int op_main_of(const struct op *const *ops, int argc, char **argv);

/* --- what run() may use ------------------------------------------------ */

/* The channel to the peer's operator, opened before run(), with the operators' names and versions
 * already compared; closed by the common main. NULL in a task of one party alone. */
struct chan *op_chan(struct op_ctx *ctx);
/* "party_a" or "party_b": the role in the mission, whatever the parties are called. */
const char *op_role(const struct op_ctx *ctx);
const char *op_self(const struct op_ctx *ctx);
const char *op_peer(const struct op_ctx *ctx);
/* 1 at role party_a. Protocols that need a first mover use this. */
int op_is_first(const struct op_ctx *ctx);
int op_threads(const struct op_ctx *ctx);
/* 0 at first; grows with every retry. */
uint32_t op_attempt(const struct op_ctx *ctx);
/* 1 once the task is to end: for loops that compute long without the channel. Any thread. */
int op_canceled(const struct op_ctx *ctx);

/* Own parameters, defaults filled in; borrowed. */
const json_t *op_params(const struct op_ctx *ctx);
const char *op_str(const struct op_ctx *ctx, const char *name);
int64_t op_int(const struct op_ctx *ctx, const char *name);
double op_num(const struct op_ctx *ctx, const char *name);
int op_bool(const struct op_ctx *ctx, const char *name);

/* Absolute path of an input (index 0 unless the slot is a list), or NULL. */
const char *op_input(const struct op_ctx *ctx, const char *slot, size_t index);
/* The name that the request gave it, for messages. */
const char *op_input_name(const struct op_ctx *ctx, const char *slot, size_t index);
/* Absolute path below the staging folder to write an output to, or NULL when the request names none. */
const char *op_output(const struct op_ctx *ctx, const char *slot, size_t index);
/* The name that the request gave it (its extension may choose a format), or NULL. */
const char *op_output_name(const struct op_ctx *ctx, const char *slot, size_t index);
/*
 * Absolute path of a folder that the next attempt at the same task finds again: pet-spawn hands it over. It need not
 * exist. What is kept there must be bound to inputs, parameters and program: it may be lost, or that of another run.
 */
const char *op_work_dir(const struct op_ctx *ctx);
/* How many paths the request names in a slot. */
size_t op_input_count(const struct op_ctx *ctx, const char *slot);
size_t op_output_count(const struct op_ctx *ctx, const char *slot);

/* fraction in [0, 1]; stage is a short word ("encrypt", at most 31 bytes). Any thread; cheap enough to call per batch. */
void op_progress(struct op_ctx *ctx, double fraction, const char *stage);
/* A result value for the exit record and the job context; public_context says which may cross. */
int op_result(struct op_ctx *ctx, const char *key, json_t *value /* stolen */) PET_MUST_USE;
/* Where run() leaves its sentence before returning an error. */
struct errmsg *op_errmsg(struct op_ctx *ctx);

#endif
