/* LPN instances one after the other: see ot_ferret.h. */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "mpc/ggm.h"
#include "mpc/hash.h"
#include "mpc/lpn_code.h"
#include "mpc/ot_ferret.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define FLUSH_COTS 65536		/* the receiver starts on what the sender has done, about a millisecond behind */

struct ferret {
	struct ot_conf conf;
	struct block delta, session;
	const struct lpn_params *set;
	struct ggm ggm;
	struct lpn_code code;
	uint64_t instance;		/* 1, 2, … */
	uint64_t next, groups;		/* of the instance */
	size_t room;			/* blocks of base and spare each */
	struct block *base;		/* k secrets, then the COTs of each group's trees */
	struct block *spare;		/* the next instance's base */
	struct block *corrections;	/* of one group per thread */
	size_t unflushed;		/* COTs since the last flush */
};

static size_t group_of(const struct lpn_params *p)
{
	return (size_t)GGM_LANES << p->depth;
}

/* Groups of `from` whose outputs start an instance of `to`. */
static uint64_t groups_for(const struct lpn_params *from, const struct lpn_params *to)
{
	return (lpn_base(to) + group_of(from) - 1) / group_of(from);
}

enum lpn_set ferret_set_for(uint64_t expect)
{
	const struct lpn_params *p = lpn_params(LPN_C9);

	return expect <= (p->trees / GGM_LANES - groups_for(p, p)) * group_of(p) ? LPN_C9 : LPN_C10;
}

/* The tables are read at random places: huge pages, or every read misses the TLB as well. */
static struct block *table_new(size_t blocks)
{
	void *p;

	if (posix_memalign(&p, HUGE_PAGE, blocks * sizeof(struct block)) != 0)
		return NULL;
	(void)madvise(p, blocks * sizeof(struct block), MADV_HUGEPAGE);
	return p;
}

static void table_free(struct block *p, size_t blocks)
{
	if (p)
		explicit_bzero(p, blocks * sizeof(*p));
	free(p);
}

int ferret_new(struct ferret **out, const struct ot_conf *conf, enum lpn_set most)
{
	const struct lpn_params *p = lpn_params(most);
	struct ferret *f = calloc(1, sizeof(*f));

	*out = f;
	if (!f)
		return ERR_NOMEM;
	f->conf = *conf;
	f->room = (size_t)lpn_base(p) + group_of(p);
	f->room = (f->room * sizeof(struct block) + HUGE_PAGE - 1) / HUGE_PAGE * (HUGE_PAGE / sizeof(struct block));
	f->base = table_new(f->room);
	f->spare = table_new(f->room);
	f->corrections = calloc((size_t)conf->threads, GGM_LANES * GGM_DEPTH_MAX * sizeof(struct block));
	return f->base && f->spare && f->corrections ? 0 : ERR_NOMEM;
}

void ferret_free(struct ferret *f)
{
	if (!f)
		return;
	table_free(f->base, f->room);
	table_free(f->spare, f->room);
	free(f->corrections);
	explicit_bzero(f, sizeof(*f));
	free(f);
}

struct block *ferret_base(struct ferret *f, size_t *room)
{
	*room = f->room;
	return f->base;
}

/* AES_session({ number, HASH_FERRET }). */
static struct block public_seed(const struct ferret *f, uint64_t number)
{
	struct aes_key k;
	struct block seed;

	aes_key_set(&k, f->session);
	aes_ctr(&k, HASH_FERRET, number, &seed, 1);
	return seed;
}

static void instance_begin(struct ferret *f, enum lpn_set set)
{
	f->set = lpn_params(set);
	f->instance++;
	f->next = 0;
	f->groups = f->set->trees / GGM_LANES;
	assert(lpn_base(f->set) <= f->room && f->instance >> 32 == 0);
	ggm_init(&f->ggm, public_seed(f, 0), f->set->depth);
	lpn_code_init(&f->code, public_seed(f, f->instance), f->set->log_k);
}

void ferret_start(struct ferret *f, enum lpn_set set, struct block delta, struct block session)
{
	f->delta = delta;
	f->session = session;
	instance_begin(f, set);
}

int ferret_renew(struct ferret *f, enum lpn_set set)
{
	const uint64_t need = groups_for(f->set, lpn_params(set));
	struct block *old = f->base;
	int rc;

	assert(need * group_of(f->set) <= f->room && f->groups - f->next >= need);
	rc = ferret_run(f, f->spare, need);
	if (rc)
		return rc;
	f->base = f->spare;
	f->spare = old;
	explicit_bzero(old, lpn_base(f->set) * sizeof(*old));
	instance_begin(f, set);
	return 0;
}

size_t ferret_group(const struct ferret *f)
{
	return group_of(f->set);
}

uint64_t ferret_left(const struct ferret *f, enum lpn_set next)
{
	const uint64_t keep = groups_for(f->set, lpn_params(next)), left = f->groups - f->next;

	return left > keep ? left - keep : 0;
}

/* Group g of the run that starts at f->next, on thread i: its COTs, number, corrections. */
static const struct block *cots_of(const struct ferret *f, size_t g)
{
	return f->base + lpn_secrets(f->set) + (f->next + g) * ggm_cots(&f->ggm);
}

static uint64_t number_of(const struct ferret *f, size_t g)
{
	return f->instance << 32 | (f->next + g);
}

static void multiply(const struct ferret *f, size_t g, struct block *out)
{
	lpn_code_add(&f->code, (f->next + g) * group_of(f->set), f->base, out + g * group_of(f->set), group_of(f->set));
}

/* Whatever is parallel keeps a group on one thread, in its cache: both loops share it out alike. */
static int run_send(struct ferret *f, struct block *out, size_t n)
{
	const size_t len = ggm_corrections(&f->ggm), group = group_of(f->set);
	int rc;

#pragma omp parallel for num_threads((int)n) schedule(static, 1) if (n > 1)
	for (size_t g = 0; g < n; g++)
		ggm_send(&f->ggm, number_of(f, g), cots_of(f, g), f->delta, out + g * group, f->corrections + g * len);
	rc = chan_send(f->conf.chan, f->corrections, n * len * sizeof(struct block));
	f->unflushed += n * group;
	if (!rc && f->unflushed >= FLUSH_COTS) {
		f->unflushed = 0;
		rc = chan_flush(f->conf.chan);
	}
	if (rc)
		return rc;
#pragma omp parallel for num_threads((int)n) schedule(static, 1) if (n > 1)
	for (size_t g = 0; g < n; g++)
		multiply(f, g, out);
	return 0;
}

static int run_recv(struct ferret *f, struct block *out, size_t n)
{
	const size_t len = ggm_corrections(&f->ggm), group = group_of(f->set);
	int rc = chan_recv(f->conf.chan, f->corrections, n * len * sizeof(struct block));

	if (rc)
		return rc;
#pragma omp parallel for num_threads((int)n) schedule(static, 1) if (n > 1)
	for (size_t g = 0; g < n; g++) {
		uint32_t alpha[GGM_LANES];

		ggm_recv(&f->ggm, number_of(f, g), cots_of(f, g), f->corrections + g * len, out + g * group, alpha);
		explicit_bzero(alpha, sizeof(alpha));
		multiply(f, g, out);
	}
	return 0;
}

int ferret_run(struct ferret *f, struct block *out, size_t groups)
{
	const size_t at_once = (size_t)f->conf.threads;
	int rc = 0;

	assert(groups <= f->groups - f->next);
	for (size_t n; groups && !rc; groups -= n) {
		n = groups < at_once ? groups : at_once;
		rc = f->conf.role == OT_SENDER ? run_send(f, out, n) : run_recv(f, out, n);
		f->next += n;
		out += n * group_of(f->set);
	}
	return rc;
}
