/* Result codes: every fallible function returns 0 or one of these. */
#ifndef PET_BASE_ERR_H
#define PET_BASE_ERR_H

#include <stddef.h>

enum err {
	ERR_INTERNAL = -1,	/* a bug or a resource of our own; look at the log */
	ERR_INPUT = -2,		/* what a user, file or peer gave us is wrong */
	ERR_NOMEM = -3,
	ERR_IO = -4,		/* errno tells */
	ERR_DB = -5,		/* the database refused for good */
	ERR_DB_RETRY = -6,	/* deadlock, lock timeout, connection lost before COMMIT */
	ERR_PEER = -7,		/* the other party broke the protocol or went away */
	ERR_TIMEOUT = -8,
	ERR_NOTFOUND = -9,
	ERR_CONFLICT = -10,	/* wrong state, or someone else was first */
	ERR_DENIED = -11,
	ERR_BUSY = -12,
	ERR_CANCELED = -13,
};

#define PET_MUST_USE __attribute__((warn_unused_result))
#define PET_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define PET_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The one jumping macro: `int rc = ERR_INTERNAL; … TRY(f()); … rc = 0; out: … return rc;` */
#define TRY(call) do { if ((rc = (call)) != 0) goto out; } while (0)

const char *err_name(int rc);

/*
 * The sentence that goes with an error: what was wrong, where, what would be
 * right. `pub` may cross to the other party and holds no value, row or path;
 * `local` stays here. Functions that can fail for a user's reason take one
 * (NULL is allowed: the sentence is dropped).
 */
struct errmsg {
	char code[48];		/* UPPER_SNAKE, as in error_code */
	char pub[256];
	char local[512];
};

/* Sets code and both texts to the same sentence; returns rc so that `return errmsg_set(…)` reads well. */
int errmsg_set(struct errmsg *em, int rc, const char *code, const char *fmt, ...) PET_PRINTF(4, 5);
/* Replaces the local text only: the part that must stay at this party. */
void errmsg_local(struct errmsg *em, const char *fmt, ...) PET_PRINTF(2, 3);

#endif
