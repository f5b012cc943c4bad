#include "mpc/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 64
#define PART_MIN ((size_t)1 << 18)

struct arena_part {
	struct arena_part *below, *above;	/* parts above the one in use are kept for later */
	size_t size, used;
	_Alignas(ALIGN) unsigned char data[];
};

static struct arena_part *part_new(struct arena_part *below, size_t need)
{
	size_t size = PART_MIN;
	struct arena_part *p;

	if (below && size < 2 * below->size)
		size = 2 * below->size;
	if (size < need)
		size = need;
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	p = aligned_alloc(ALIGN, sizeof(*p) + size);
	if (!p)
		return NULL;
	*p = (struct arena_part){ .below = below, .size = size };
	if (below)
		below->above = p;
	return p;
}

static void part_free(struct arena_part *p)
{
	explicit_bzero(p->data, p->size);
	free(p);
}

/* The kept part above, or a new one where that is too small. */
static struct arena_part *next_part(struct arena_part *top, size_t need)
{
	struct arena_part *p = top ? top->above : NULL;

	if (p && p->size >= need) {
		p->used = 0;
		return p;
	}
	while (p) {
		struct arena_part *above = p->above;

		part_free(p);
		p = above;
	}
	if (top)
		top->above = NULL;
	return part_new(top, need);
}

void *arena_take(struct arena *a, size_t count, size_t size)
{
	size_t need;
	void *out;

	if (__builtin_mul_overflow(count, size, &need) || need > SIZE_MAX / 2)
		return NULL;
	need = (need + ALIGN - 1) / ALIGN * ALIGN;
	if (need == 0)
		need = ALIGN;
	if (!a->top || a->top->size - a->top->used < need) {
		struct arena_part *p = next_part(a->top, need);

		if (!p)
			return NULL;
		a->top = p;
	}
	out = a->top->data + a->top->used;
	a->top->used += need;
	return out;
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->top, a->top ? a->top->used : 0 };
}

void arena_release(struct arena *a, struct arena_mark m)
{
	if (!m.part) {
		/* Marked when there was no part yet: keep the lowest, empty. */
		while (a->top && a->top->below)
			a->top = a->top->below;
		if (a->top)
			a->top->used = 0;
		return;
	}
	a->top = m.part;
	a->top->used = m.used;
}

void arena_free(struct arena *a)
{
	struct arena_part *p = a->top;

	while (p && p->above)
		p = p->above;
	while (p) {
		struct arena_part *below = p->below;

		part_free(p);
		p = below;
	}
	a->top = NULL;
}
