#include "mpc/prg.h"

#include "base/util.h"

void prg_init(struct prg *p, struct block seed)
{
	aes_key_set(&p->key, seed);
	p->next = 0;
}

void prg_init_random(struct prg *p)
{
	struct block seed;

	util_random(&seed, sizeof(seed));
	prg_init(p, seed);
	explicit_bzero(&seed, sizeof(seed));
}

void prg_blocks(struct prg *p, struct block *out, size_t n)
{
	aes_ctr(&p->key, 0, p->next, out, n);
	p->next += n;
}

/* Whole blocks go straight to an aligned destination, through a buffer to another. */
void prg_fill(struct prg *p, void *out, size_t len)
{
	struct block t[64];
	uint8_t *to = out;

	if ((uintptr_t)to % _Alignof(struct block) == 0) {
		prg_blocks(p, out, len / sizeof(t[0]));
		to += len - len % sizeof(t[0]);
		len %= sizeof(t[0]);
	}
	if (!len)
		return;
	while (len) {
		size_t part = len < sizeof(t) ? len : sizeof(t);

		prg_blocks(p, t, (part + sizeof(t[0]) - 1) / sizeof(t[0]));
		memcpy(to, t, part);
		to += part;
		len -= part;
	}
	explicit_bzero(t, sizeof(t));
}

void prg_wipe(struct prg *p)
{
	explicit_bzero(p, sizeof(*p));
}
