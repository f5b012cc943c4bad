/* Every operation of this level's vector layer, see vec_ops.h. */
#ifndef PET_MPC_VEC_KERN_H
#define PET_MPC_VEC_KERN_H

#include "mpc/vec.h"
#include "mpc/vec_ops.h"

static void vec_kern_all(struct vec_results *r, const struct block pa[4], const struct block pb[4])
{
	r->fold = block_zero();
	for (size_t i = 0; i < 4; i += VEC_BLOCKS) {
		vec a = vec_load(pa + i), b = vec_load(pb + i);

#define VEC_OP_RUN(name, expr) vec_store(&r->out[VEC_OP_##name][i], expr);
		VEC_OPS(VEC_OP_RUN)
#undef VEC_OP_RUN
		vec_store(&r->index[i], vec_index(pa[0].w[0] + i));
		vec_store(&r->set[i], vec_xor(vec_zero(), vec_set1(pa[0])));
		vec_store_rows(r->rows[i], 4, a, b, b, vec_xor(a, b));
		r->fold = block_xor(r->fold, vec_fold(a));
	}
	vec_store1(&r->first, vec_load(pa));
}

extern const struct vec_ops VEC_NAME(vec_ops);
const struct vec_ops VEC_NAME(vec_ops) = { vec_kern_all };

#endif
