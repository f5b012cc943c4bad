/* The common main of every operator. */
#include "op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "op_impl.h"

/* --- main --------------------------------------------------------------- */

static int print_json(json_t *v)
{
	char *text = v ? json_dumps(v, JSON_INDENT(2)) : NULL;
	int bad = !text || puts(text) == EOF || fflush(stdout) == EOF;

	free(text);
	json_decref(v);
	return bad ? EX_IOERR : EX_OK;
}

/* A program of several operators is installed under each one's name: op-NAME --describe is that one's. */
static const struct op *called(const struct op *const *ops, const char *program)
{
	for (const struct op *const *op = ops; *op; op++)
		if (strncmp(program, "op-", 3) == 0 && strcmp((*op)->name, program + 3) == 0)
			return *op;
	return ops[0];
}

static void help(const struct op *op, const char *program)
{
	printf("%s: an operator of petplatform; the scheduler starts it, `pet run` starts it by hand\n\n"
	       "  %s             run the task whose JSON document comes on standard input\n"
	       "  %s --describe  print parameters, inputs and outputs as JSON Schema\n"
	       "  %s --version | --help\n\noperator %s, protocol %s\n", program, program, program,
	       program, op->name, op->version);
}

static int refuse(struct op_ctx *ctx, int rc)
{
	json_t *record;
	int status = op_status(rc);

	if (!ctx->em.code[0])
		errmsg_set(&ctx->em, rc, err_name(rc), "the task's document could not be taken: %s", err_name(rc));
	log_error("%s: %s", ctx->em.code, ctx->em.local);
	if (!ctx->control_dir || ctx->control_dir[0] != '/')
		return status;
	record = op_record_failed(status, &ctx->em);
	if (!record || op_record_write(ctx->control_dir, record))
		log_error("the exit record cannot be written below %s", ctx->control_dir);
	json_decref(record);
	return status;
}

/* Standard input to its end, at most OP_DOC_MAX bytes. */
static int read_stdin(struct buf *b)
{
	for (;;) {
		ssize_t n;

		if (b->len > OP_DOC_MAX)
			return ERR_INPUT;
		if (buf_reserve(b, 65536))
			return ERR_NOMEM;
		n = read(STDIN_FILENO, b->data + b->len, 65536);
		if (n <= 0)
			return n < 0 ? ERR_IO : 0;
		b->len += (size_t)n;
		b->data[b->len] = '\0';
	}
}

static int run_task(const struct op *const *ops)
{
	struct op_ctx *ctx = calloc(1, sizeof(*ctx));
	struct buf text = { 0 };
	int rc, status, is_work = 0;

	if (!ctx)
		return EX_OSERR;
	umask(027);
	rc = read_stdin(&text);
	if (rc)
		errmsg_set(&ctx->em, rc, "BAD_DOCUMENT",
			   "the task's document on standard input cannot be read, or is larger than %u bytes",
			   OP_DOC_MAX);
	else
		rc = op_doc_load(ctx, ops, &text);
	/* it holds the channel's key */
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buf_free(&text);
	status = rc ? refuse(ctx, rc) : op_supervise(ctx, &is_work);
	op_ctx_fini(ctx);
	free(ctx);
	return status;
}

int op_main_of(const struct op *const *ops, int argc, char **argv)
{
	const char *program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	const struct op *op = called(ops, program);

	log_init(program);
	if (argc == 1)
		return run_task(ops);
	if (argc == 2 && strcmp(argv[1], "--describe") == 0)
		return print_json(op_describe(op));
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("%s %s\n", program, op->version) < 0 ? EX_IOERR : EX_OK;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		help(op, program);
		return EX_OK;
	}
	fprintf(stderr, "%s: unknown argument '%s'; try --help\n", program, argv[1]);
	return EX_USAGE;
}

int op_main(const struct op *op, int argc, char **argv)
{
	const struct op *const ops[] = { op, NULL };

	return op_main_of(ops, argc, argv);
}
