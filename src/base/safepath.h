/*
 * Paths that users name. Two halves: the text (for the API, before anything is
 * stored) and the resolution beneath the safe work dir (for pet-spawn). No
 * symbolic link is followed on the way: a grant covers names, and a link would
 * make the name lie.
 */
#ifndef PET_BASE_SAFEPATH_H
#define PET_BASE_SAFEPATH_H

#include <stdint.h>

#include "base/err.h"

#define SAFEPATH_MAX 513	/* with the NUL */
#define SAFEPATH_PRIVATE ".pet"	/* the platform's own folder in the safe work dir; no request may name it */

/*
 * Normalises: "data/x", "./x", "data//x" are all "x" (a leading data/ is the
 * safe work dir itself). Refused: empty, absolute, over 512 bytes, a part over
 * 255, "..", a trailing slash, control characters, not UTF-8, the platform's
 * own folder. The local text holds the path, the public one does not.
 */
int safepath_clean(const char *in, char out[SAFEPATH_MAX], struct errmsg *em) PET_MUST_USE;

/* A regular file for reading; `clean` comes from safepath_clean, root is a descriptor of the safe work dir. */
int safepath_open(int root, const char *clean, int *fd, struct errmsg *em) PET_MUST_USE;
/* The same without openat2, for kernels and containers that lack it. */
int safepath_open_by_hand(int root, const char *clean, int *fd, struct errmsg *em) PET_MUST_USE;

/*
 * The folder of a result and, in *base, the name in it (points into clean).
 * With make, missing folders are made; without, the deepest one that exists is
 * returned, with *base at the first part that does not.
 */
int safepath_parent(int root, const char *clean, int make, int *dir, const char **base,
		    struct errmsg *em) PET_MUST_USE;
/* A result may be put there: its folder exists or can be made, and no file stands there unless replace. */
int safepath_target(int root, const char *clean, int replace, struct errmsg *em) PET_MUST_USE;

#endif
