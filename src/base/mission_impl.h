/* Shared by the mission*.c files only. */
#ifndef PET_BASE_MISSION_IMPL_H
#define PET_BASE_MISSION_IMPL_H

#include "base/mission.h"
#include "base/yaml_json.h"

/* Where messages point: file and line when the text was YAML, else "mission". */
struct mission_src {
	const char *file;
	const struct yaml_json *yaml;	/* NULL for JSON */
	struct errmsg *em;
};

/* ERR_INPUT with a sentence that begins with file:line. line 0: no line. */
int mission_bad(const struct mission_src *s, int line, const char *fmt, ...) PET_PRINTF(3, 4);

/* mission_group.c: levels (refusing cycles), then groups. */
int mission_arrange(struct mission *m, const struct mission_src *s) PET_MUST_USE;

#endif
