#include "base/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/util.h"

#define OPERATOR(op, parties, ...) static const char *const classes_##op[] = { __VA_ARGS__, NULL };
#include "catalog.def"
#undef OPERATOR

const struct catalog_op catalog[] = {
#define OPERATOR(op, parties, ...) { #op, parties, classes_##op },
#include "catalog.def"
#undef OPERATOR
};
const size_t catalog_count = sizeof(catalog) / sizeof(catalog[0]);

static int hidden(const struct catalog_op *op)
{
	const char *on = conf_get("PET_TEST_OPERATORS", NULL);

	return strcmp(op->name, "test") == 0 && !(on && strcmp(on, "1") == 0);
}

const struct catalog_op *catalog_find(const char *class_name)
{
	for (size_t i = 0; i < catalog_count; i++) {
		if (hidden(&catalog[i]))
			continue;
		if (strcmp(catalog[i].name, class_name) == 0)
			return &catalog[i];
		for (const char *const *c = catalog[i].classes; *c; c++)
			if (strcmp(*c, class_name) == 0)
				return &catalog[i];
	}
	return NULL;
}

static void nearer(const char **best, unsigned *distance, const char *candidate, const char *to)
{
	unsigned d = util_distance(candidate, to);

	if (d < *distance) {
		*distance = d;
		*best = candidate;
	}
}

const char *catalog_nearest(const char *class_name)
{
	const char *best = catalog[0].name;
	unsigned distance = 1000;

	for (size_t i = 0; i < catalog_count; i++) {
		if (hidden(&catalog[i]))
			continue;
		nearer(&best, &distance, catalog[i].name, class_name);
		for (const char *const *c = catalog[i].classes; *c; c++)
			nearer(&best, &distance, *c, class_name);
	}
	return best;
}
