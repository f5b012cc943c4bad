/* What write.c and draw.c share. */
#ifndef PET_LEIDEN_OUT_H
#define PET_LEIDEN_OUT_H

#include <stdio.h>

#include "leiden/job.h"

int lout_error(const struct ljob *j, const char *slot);
uint32_t lout_community(const struct ljob *j, uint32_t name);
void lout_xml(FILE *f, const char *t, size_t len);
/* "#rrggbb" */
void lout_colour(uint32_t community, char out[8]);
/* Flushes to disk and closes. */
int lout_close(const struct ljob *j, const char *slot, FILE *f);

#endif
