/*
 * Test only, in place of mpc/vole.c: the ideal VOLE. Both sides expand the same
 * fixed seed, as if a dealer had given each its half, so that tests see the bytes
 * of the protocol above it alone, and the same ones in every run.
 */
#include <stdlib.h>

#include "mpc/gf128.h"
#include "mpc/prg.h"
#include "mpc/vole.h"

struct vole {
	struct prg prg;
	int sender;
};

static const struct block delta = { { UINT64_C(0x8b1d7a6f23c04e95), UINT64_C(0x41f29e03d7b6a85c) } };

int vole_new(struct vole **out, struct chan *c, int sender, int threads, uint64_t expected)
{
	struct vole *v = calloc(1, sizeof(*v));

	(void)c;
	(void)threads;
	(void)expected;
	*out = v;
	if (!v)
		return ERR_NOMEM;
	v->sender = sender;
	prg_init(&v->prg, block_set(11, 22));
	return 0;
}

void vole_free(struct vole *v)
{
	free(v);
}

int vole_send(struct vole *v, struct block *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct block pair[2];

		prg_blocks(&v->prg, pair, 2);
		b[i] = pair[0];
	}
	return v->sender ? 0 : ERR_INTERNAL;
}

int vole_recv(struct vole *v, struct block *a, struct block *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct block pair[2];

		prg_blocks(&v->prg, pair, 2);
		c[i] = pair[1];
		a[i] = block_xor(pair[0], gf128_mul(pair[1], delta));
	}
	return v->sender ? ERR_INTERNAL : 0;
}

struct block vole_delta(const struct vole *v)
{
	(void)v;
	return delta;
}

const char *vole_error(const struct vole *v)
{
	(void)v;
	return "";
}
