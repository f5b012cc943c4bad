/* What the two sides of vole_psi share. */
#ifndef PET_MPC_VOLE_PSI_IMPL_H
#define PET_MPC_VOLE_PSI_IMPL_H

#include "mpc/hash.h"
#include "mpc/lookup.h"
#include "mpc/okvs.h"
#include "mpc/vole.h"
#include "mpc/vole_psi.h"

/* Memory that a session keeps: to touch fresh pages costs more than most of what is done in them. */
struct vole_psi_mem {
	struct block *b;
	size_t n;
};

struct vole_psi {
	struct chan *c;
	struct vole_psi_conf conf;
	struct vole *vole;
	struct vole_psi_mem x, y, tags;	/* x: R's A, S's B; y: R's C; then each scratch for tags; tags: keys of items before */
	double times[VOLE_PSI_STAGES], since;
};

/* One run. */
struct vole_psi_work {
	struct vole_psi *v;
	const struct vole_psi_list *l;
	struct errmsg *em;
	uint32_t n, m;			/* R's and S's padded counts */
	struct okvs_params params;	/* for n items */
	struct okvs_set *set;		/* own items and dummies */
	struct aes_key value_key;	/* of H */
	struct hash tag_hash;		/* of H' */
	unsigned bits;			/* of a tag */
	struct lookup_tag *tags;	/* borrowed from the session; own, in order of bins, later sorted; id = place in the list, dummies behind */
	uint8_t *matched;
	uint32_t matches;
};

/* R's and S's part once the set is made; matched and matches are their result. */
int vole_psi_receive(struct vole_psi_work *w) PET_MUST_USE;
int vole_psi_send(struct vole_psi_work *w) PET_MUST_USE;

/* rc of a VOLE call, with its sentence. */
int vole_psi_failed(const struct vole_psi_work *w, int rc) PET_MUST_USE;
/* H of items from … to-1 in order of bins: out[0] is that of `from`. */
void vole_psi_values(const struct vole_psi_work *w, uint32_t from, uint32_t to, struct block *out);
/*
 * F of all items in bins first … first+count-1, whose part of the table is
 * `table`: decoded, unmasked by `delta` where it is not NULL, hashed into w->tags.
 */
void vole_psi_tags_var(struct vole_psi_work *w, uint32_t first, uint32_t count, const struct block *table,
		       const struct block *delta);
/* Bins that are worked on, and sent, at a time; the wire does not show it. */
uint32_t vole_psi_step(const struct vole_psi_work *w);

/* The time since the last call belongs to stage s; `done` is how much of the run is behind. */
void vole_psi_mark(struct vole_psi *v, enum vole_psi_stage s, double done);

/* At least n blocks, whose content is arbitrary; NULL when there is no memory. What m held before is lost. */
struct block *vole_psi_mem(struct vole_psi_mem *m, size_t n);
/* Wipes; m is empty afterwards. */
void vole_psi_mem_free(struct vole_psi_mem *m);
/* The same for bytes and tags. */
static inline uint8_t *vole_psi_bytes(struct vole_psi_mem *m, size_t n)
{
	return (uint8_t *)vole_psi_mem(m, n / sizeof(struct block) + 1);
}

static inline struct lookup_tag *vole_psi_tags(struct vole_psi_mem *m, size_t n)
{
	_Static_assert(sizeof(struct lookup_tag) == sizeof(struct block), "tags take the place of keys");
	return (struct lookup_tag *)vole_psi_mem(m, n);
}

#endif
