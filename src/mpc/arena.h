/*
 * Scratch memory of one thread, taken and given back in stack order: a
 * protocol step marks, takes what it needs, and releases to the mark. Nothing
 * is allocated once the arena has grown to its size. arena_free wipes.
 */
#ifndef PET_MPC_ARENA_H
#define PET_MPC_ARENA_H

#include <stddef.h>

struct arena_part;

struct arena {
	struct arena_part *top;		/* the part in use; smaller ones below */
};

struct arena_mark {
	struct arena_part *part;
	size_t used;
};

/* `count` elements of `size` bytes, aligned to 64, not cleared; NULL when memory is short or the product overflows. */
void *arena_take(struct arena *a, size_t count, size_t size);
struct arena_mark arena_mark(const struct arena *a);
/* Everything taken since the mark is invalid afterwards. */
void arena_release(struct arena *a, struct arena_mark m);
/* Wipes and frees; the arena may be used again. */
void arena_free(struct arena *a);

#endif
