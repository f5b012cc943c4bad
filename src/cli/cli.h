/* pet's commands: each takes its own arguments (argv[0] is the command's name) and returns an exit status. */
#ifndef PET_CLI_H
#define PET_CLI_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

int cmd_submit(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_kill(int argc, char **argv);
int cmd_rerun(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_user(int argc, char **argv);

/* --- how the commands reach a party's API --------------------------------- */

/* One request; body NULL = GET. An answer of any status is success here; ERR_IO: nobody answered. *reply is owned. */
int cli_http(const char *url, const char *path, const char *body, long *status,
	     json_t **reply, struct errmsg *em) PET_MUST_USE;

/*
 * Takes `--name VALUE` or `--name=VALUE` out of argv (NULL when absent);
 * cli_flag takes `--name`. What is left over is checked by cli_rest.
 */
const char *cli_opt(int *argc, char **argv, const char *name);
int cli_flag(int *argc, char **argv, const char *name);
/* Exactly `want` plain arguments and no unknown option are left, else one sentence with `usage` on stderr. */
int cli_rest(int argc, char **argv, int want, const char *usage) PET_MUST_USE;

#endif
