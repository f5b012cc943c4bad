/* The operator catalogue: what operators/catalog.def lists, and which class names of mission files mean which. */
#ifndef PET_BASE_CATALOG_H
#define PET_BASE_CATALOG_H

#include <stddef.h>

struct catalog_op {
	const char *name;		/* "psi": the program is op-psi */
	unsigned parties;		/* how many parties a group needs: 1, 2, or 0 for either */
	const char *const *classes;	/* other names in mission files; NULL-terminated */
};

extern const struct catalog_op catalog[];
extern const size_t catalog_count;

/* By operator name or by class name; NULL when there is none. "test" is known only while PET_TEST_OPERATORS=1. */
const struct catalog_op *catalog_find(const char *class_name);
/* The operator or class name that is spelt most like it: for "did you mean". Never NULL. */
const char *catalog_nearest(const char *class_name);

#endif
