/* What vole.c and vole_iter.c share. vole_iter_* takes any tuple: tests use it with toys that no caller of vole.h can reach. */
#ifndef PET_MPC_VOLE_IMPL_H
#define PET_MPC_VOLE_IMPL_H

#include "mpc/ot.h"
#include "mpc/vole.h"
#include "mpc/vole_params.h"

/* Elements of one party: x is b at the sender, a at the receiver, which also has c. */
struct vole_vec {
	struct block *x, *c;
	size_t n;
};

struct vole {
	struct chan *chan;
	struct ot *ot;
	int sender, threads;
	uint64_t expected, taken;
	int rc;			/* of the call that failed; every later one repeats it */
	struct errmsg em;
	struct vole_vec pool;	/* produced; not yet taken are those from `at` up to `end` */
	size_t at, end;
	struct vole_vec base;	/* seed elements kept back for the next iteration of tuple `row`; n 0: none */
	int row;
};

/* One iteration: base.n = k + trees seed elements become trees << depth new ones. */
struct vole_iter {
	const struct vole_tuple *tuple;
	uint32_t trees;			/* a multiple of 4 */
	const struct vole_vec *base;
	const struct block *cots;	/* trees * depth: q or m */
	struct vole_vec head, tail;	/* outputs: head.n first, a multiple of a group's; then the rest */
	struct block matrix;		/* filled: the public seed of the matrix */
};

/* Zeroed; huge pages where they help. `both` also makes c. */
int vole_vec_new(struct vole_vec *v, size_t n, int both) PET_MUST_USE;
/* Wipes. */
void vole_vec_free(struct vole_vec *v);

/* One flight from sender to receiver. */
int vole_iter_send(struct vole *v, struct vole_iter *it) PET_MUST_USE;
int vole_iter_recv(struct vole *v, struct vole_iter *it) PET_MUST_USE;

#endif
