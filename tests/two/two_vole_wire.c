/* VOLE with fixed seeds: every byte on the wire is fixed, whatever the threads. A change of the digests is a change of the protocol. */
#include "mpc/vole.h"

#include "ot_pair.h"

struct run {
	uint64_t n;
	int threads;
};

static void side(struct ot_side *s)
{
	const struct run *r = s->arg;
	struct block *x = calloc(r->n, sizeof(*x)), *c = calloc(r->n, sizeof(*c));
	struct vole *v;

	if (!x || !c)
		abort();
	s->rc = vole_new(&v, s->chan, s->first, r->threads, r->n);
	if (!s->rc)
		s->rc = s->first ? vole_send(v, x, r->n) : vole_recv(v, x, c, r->n);
	vole_free(v);
	free(x);
	free(c);
}

/* Straight from COTs; one iteration; two. */
TEST(wire_digests)
{
	static const struct {
		uint64_t n;
		const char *digest[2];
	} cases[] = {
		{ 500, { "6e90ca5c054b15e51481644371644cc6", "e30d44051394a3607a20a6bfd187aea1" } },
		{ 40000, { "eddb8f7135d0c620577cec112b37cc44", "a606d4eb8dceb43e5f57b952f4e579c2" } },
		{ 300000, { "c6530992854b9a6da251dd143c44eb1e", "6a41b8739a28f64e3527889d0a46d2ba" } },
	};

	for (size_t i = 0; i < PET_ARRAY_SIZE(cases); i++) {
		for (int threads = 1; threads <= 4; threads += 3) {
			struct run r = { cases[i].n, threads };
			struct ot_side s[2] = { { .run = side, .arg = &r, .seed = 61 }, { .run = side, .arg = &r, .seed = 61 } };

			pair_run(s);
			CHECK_INT(s[0].rc, 0);
			CHECK_INT(s[1].rc, 0);
			CHECK_STR(s[0].digest, cases[i].digest[0]);
			CHECK_STR(s[1].digest, cases[i].digest[1]);
		}
	}
}

TEST_MAIN(CASE(wire_digests))
