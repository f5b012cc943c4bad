/*
 * The scheduler's side of pet-spawn: one request per connection to
 * $PET_RUN_DIR/spawn.sock. docs/operators.md draws the requests.
 *
 * Errors: ERR_IO with SPAWN_AWAY (nobody answers: try again later; a start is
 * idempotent, so it may be asked again), ERR_TIMEOUT, or the error pet-spawn
 * answered, with its sentence.
 */
#ifndef PET_BASE_SPAWNC_H
#define PET_BASE_SPAWNC_H

#include <jansson.h>

#include "base/err.h"
#include "base/taskdir.h"

/*
 * Starts the operator that the document names. The document is the one of
 * docs/operators.md without control_dir and staging_dir (pet-spawn makes
 * both); inputs and outputs hold the paths of the request. `replace` is a list
 * of output paths that may replace a file (NULL: none). 0 also when this
 * attempt was started before: ask spawnc_alive.
 *
 * `gateway` (NULL: none) is {"listen": "host:port"} or {"connect": "host:port"}:
 * a pet-netd for this attempt alone is started before the operator, ends with
 * it, and its socket becomes the document's channel.address. ERR_BUSY with
 * GATEWAY_NOT_STARTED: most likely another program holds the port.
 */
int spawnc_start(const json_t *document, const json_t *replace, const json_t *gateway, struct errmsg *em) PET_MUST_USE;
/* SIGTERM asks the supervisor to end the task; SIGKILL ends it at once and leaves no exit record. 0 also when it is gone. */
int spawnc_signal(const struct task_id *id, int sig, struct errmsg *em) PET_MUST_USE;
/* *alive = 1 while its supervisor runs. Not alive and no exit record: it was killed, or the machine went down. */
int spawnc_alive(const struct task_id *id, int *alive, struct errmsg *em) PET_MUST_USE;
/*
 * Renames the staged outputs to their final names. `outputs` is the document's
 * (slot -> path or list of paths), `record` the exit record; idempotent.
 * ERR_CONFLICT: a file stands there that may not be replaced.
 */
int spawnc_publish(const struct task_id *id, const json_t *outputs, const json_t *record,
		   const json_t *replace, struct errmsg *em) PET_MUST_USE;
/* Removes control and staging folder; ERR_BUSY while the task lives. 0 also when they are gone. */
int spawnc_clean(const struct task_id *id, struct errmsg *em) PET_MUST_USE;
/* The same after a failure: what the operator left in its work folder stays, for the next attempt. */
int spawnc_clean_failed(const struct task_id *id, struct errmsg *em) PET_MUST_USE;
/* The names (task_id_parse) of every task that has a control folder; owned. */
int spawnc_list(json_t **names, struct errmsg *em) PET_MUST_USE;

/* --- shared with pet-spawn ------------------------------------------------ */

#define SPAWN_MESSAGE_MAX (2u << 20)

/* u32 little-endian length, then so many bytes of JSON; within timeout_ms in all. */
int spawn_send(int fd, const json_t *message, int timeout_ms) PET_MUST_USE;
int spawn_recv(int fd, json_t **message, int timeout_ms) PET_MUST_USE;

#endif
