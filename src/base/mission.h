/*
 * A mission: which operators run in which order at which role.
 *
 * Read from YAML (files, errors name file and line) or from the JSON that the
 * database holds (errors name the JSON path); both pass the same checks, so a
 * struct mission is always valid. docs/missions.md lists every key and refusal.
 */
#ifndef PET_BASE_MISSION_H
#define PET_BASE_MISSION_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/catalog.h"
#include "base/err.h"

#define MISSION_NAME_MAX 65	/* with the NUL; [a-z0-9_]{1,64} */
#define MISSION_TASKS_MAX 64
#define MISSION_TEXT_MAX (1 << 20)
#define MISSION_ROLES 2

/* "party_a", "party_b" */
extern const char *const mission_role_names[MISSION_ROLES];

struct mission_task {
	char name[MISSION_NAME_MAX];
	const struct catalog_op *op;
	unsigned role;			/* index into mission_role_names */
	char group_name[MISSION_NAME_MAX];	/* as the file gives it; "" when it gives none */
	json_t *args;			/* owned object; may be empty */
	unsigned depends[MISSION_TASKS_MAX];	/* indexes of tasks, ascending */
	unsigned depend_count;
	unsigned level;			/* 0: depends on nothing; else 1 + the deepest dependency's */
	unsigned group;			/* index into mission.group */
	int line;			/* in the YAML file; 0 from JSON */
};

/* Tasks that talk to each other: at most one per role. */
struct mission_group {
	char name[MISSION_NAME_MAX];
	unsigned level;
	unsigned task[MISSION_ROLES];
	unsigned task_count;
};

struct mission {
	char name[MISSION_NAME_MAX];
	unsigned version;
	struct mission_task task[MISSION_TASKS_MAX];
	unsigned task_count;
	struct mission_group group[MISSION_TASKS_MAX];	/* ordered by level, then by first task */
	unsigned group_count;
};

/* `file` is for messages only. Owned: mission_free. */
int mission_parse_yaml(struct mission **out, const char *text, size_t len, const char *file,
		       struct errmsg *em) PET_MUST_USE;
/* Reads one file; an unreadable one is ERR_IO with a sentence. */
int mission_load(struct mission **out, const char *path, struct errmsg *em) PET_MUST_USE;
/* The JSON of table mission, column dag. */
int mission_parse_json(struct mission **out, const char *text, size_t len, struct errmsg *em) PET_MUST_USE;
void mission_free(struct mission *m);

/*
 * Canonical JSON (sorted keys, compact, operators by catalogue name, defaults
 * left out): what table mission holds. *text is owned: free().
 */
int mission_print(const struct mission *m, char **text) PET_MUST_USE;
/* SHA-256 of the canonical JSON: both parties must hold the same. */
int mission_digest(const struct mission *m, uint8_t digest[32]) PET_MUST_USE;

/* 0 … MISSION_ROLES-1, or -1. */
int mission_role(const char *name);
/* [a-z0-9_]{1,64} */
int mission_name_ok(const char *name) PET_MUST_USE;

#endif
