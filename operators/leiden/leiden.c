#include "leiden/leiden.h"

#include <stdlib.h>
#include <string.h>

#define SAME_MAX 4	/* iterations in a row that change nothing: other coins might have */
#define TRIES 4		/* turns of a node that had a candidate out of reach each time */
#define SMALL 256	/* nodes up to which an eighth of the active ones chooses at once; */
#define MEDIUM 4096	/* a quarter; above, a half */

/* --- batches ----------------------------------------------------------------- */

int lbatch_reserve(struct lbatch *b, size_t candidates)
{
	size_t cap = b->label_cap * 2 > candidates ? b->label_cap * 2 : candidates;
	uint32_t *label;
	uint64_t *w;

	if (candidates <= b->label_cap)
		return 0;
	label = realloc(b->label, cap * sizeof(*label));
	if (label)
		b->label = label;
	w = realloc(b->w, cap * sizeof(*w));
	if (w)
		b->w = w;
	if (!label || !w)
		return ERR_NOMEM;
	b->label_cap = cap;
	return 0;
}

void lbatch_free(struct lbatch *b)
{
	free(b->node);
	free(b->first);
	free(b->label);
	if (b->w)
		explicit_bzero(b->w, b->label_cap * sizeof(*b->w));
	free(b->w);
	*b = (struct lbatch){ 0 };
}

/* --- the state of a phase ------------------------------------------------------ */

struct work {
	struct lphase p;
	struct lbatch b;
	uint64_t *active;	/* bits: to be looked at */
	uint64_t *inside;	/* bits: of the batch */
	uint64_t *coin;
	uint32_t *choice;
	uint8_t *tries;		/* per node: since a neighbour moved, while a candidate was out of reach */
	uint64_t *weight;	/* per label, of the node at hand */
};

static size_t words_of(uint32_t n)
{
	return (size_t)n / 64 + 1;
}

static int bit(const uint64_t *b, uint32_t i)
{
	return b[i / 64] >> (i % 64) & 1;
}

static void set(uint64_t *b, uint32_t i)
{
	b[i / 64] |= (uint64_t)1 << (i % 64);
}

static void clear(uint64_t *b, uint32_t i)
{
	b[i / 64] &= ~((uint64_t)1 << (i % 64));
}

static void work_free(struct work *k)
{
	lbatch_free(&k->b);
	free(k->p.members);
	free(k->p.size);
	free(k->p.total);
	free(k->active);
	free(k->inside);
	free(k->coin);
	free(k->choice);
	free(k->tries);
	free(k->weight);
}

static void count_in(struct lphase *p)
{
	for (uint32_t u = 0; u < p->g->n; u++) {
		p->members[p->label[u]]++;
		p->size[p->label[u]] += p->g->size[u];
		p->total[p->label[u]] += p->g->k[u];
	}
}

static int work_new(struct work *k, const struct lgraph *g, const struct lquality *q, uint32_t *label, const uint32_t *bound)
{
	size_t n = (size_t)g->n + 1;

	*k = (struct work){ .p = { .g = g, .q = q, .label = label, .bound = bound } };
	k->p.members = calloc(n, sizeof(*k->p.members));
	k->p.size = calloc(n, sizeof(*k->p.size));
	k->p.total = calloc(n, sizeof(*k->p.total));
	k->active = calloc(words_of(g->n), sizeof(*k->active));
	k->inside = calloc(words_of(g->n), sizeof(*k->inside));
	k->coin = calloc(words_of(g->n), sizeof(*k->coin));
	k->choice = calloc(n, sizeof(*k->choice));
	k->tries = calloc(n, sizeof(*k->tries));
	k->weight = calloc(n, sizeof(*k->weight));
	k->b.node = calloc(n, sizeof(*k->b.node));
	k->b.first = calloc(n + 1, sizeof(*k->b.first));
	if (!k->p.members || !k->p.size || !k->p.total || !k->active || !k->inside || !k->coin || !k->choice || !k->tries || !k->weight ||
	    !k->b.node || !k->b.first || lbatch_reserve(&k->b, n) != 0)
		return ERR_NOMEM;
	count_in(&k->p);
	return 0;
}

/* --- one batch ------------------------------------------------------------------ */

/* Coins have probability 2^-thin: where there are few nodes, many at once would chase each other. */
static unsigned thin(const struct lgraph *g)
{
	return g->n <= SMALL ? 3 : g->n <= MEDIUM ? 2 : 1;
}

static void toss(struct work *k, struct prg *coins)
{
	size_t words = words_of(k->p.g->n);

	prg_fill(coins, k->coin, words * sizeof(*k->coin));
	for (unsigned more = thin(k->p.g); more > 1; more--) {
		/* not in use yet */
		prg_fill(coins, k->inside, words * sizeof(*k->inside));
		for (size_t i = 0; i < words; i++)
			k->coin[i] &= k->inside[i];
	}
}

/* A public random part of the active nodes; refining, of those that are alone still. */
static void draw(struct work *k, struct prg *coins)
{
	const struct lphase *p = &k->p;

	toss(k, coins);
	memset(k->inside, 0, words_of(p->g->n) * sizeof(*k->inside));
	k->b.n = 0;
	for (uint32_t u = 0; u < p->g->n; u++) {
		if (!bit(k->active, u))
			continue;
		if (p->bound && p->members[p->label[u]] > 1) {
			clear(k->active, u);
			continue;
		}
		if (!bit(k->coin, u))
			continue;
		k->b.node[k->b.n++] = u;
		set(k->inside, u);
	}
}

static int by_label(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The communities that node i of the batch has edges to, after its own. */
static int neighbours(struct work *k, size_t i)
{
	const struct lphase *p = &k->p;
	const struct lgraph *g = p->g;
	struct lbatch *b = &k->b;
	uint32_t u = b->node[i], own = p->label[u];
	size_t at = b->first[i];
	int rc = lbatch_reserve(b, at + 1 + (size_t)(g->start[u + 1] - g->start[u]));

	if (rc)
		return rc;
	b->label[at++] = own;
	for (uint64_t j = g->start[u]; j < g->start[u + 1]; j++) {
		uint32_t v = g->to[j], c = p->label[v];

		if (p->bound && p->bound[v] != p->bound[u])
			continue;
		if (k->weight[c] == 0 && c != own)
			b->label[at++] = c;
		k->weight[c] += g->w[j];
	}
	qsort(b->label + b->first[i] + 1, at - b->first[i] - 1, sizeof(*b->label), by_label);
	for (size_t j = b->first[i]; j < at; j++) {
		b->w[j] = k->weight[b->label[j]];
		k->weight[b->label[j]] = 0;
	}
	b->first[i + 1] = at;
	return 0;
}

/* Whether u may join c; *later: not now, because c is a singleton that chooses too. */
static int may_join(const struct work *k, uint32_t u, uint32_t c, const uint32_t *only, int *later)
{
	const struct lphase *p = &k->p;

	if (p->members[c] != 1)
		return 1;
	if (bit(k->inside, only[c])) {
		*later = 1;
		return 0;
	}
	return p->members[p->label[u]] != 1 || c < p->label[u];
}

/* Drops what may not be joined, and nodes that have nothing to choose among. only[c]: a member of c. */
static void restrict_to_allowed(struct work *k, const uint32_t *only)
{
	struct lbatch *b = &k->b;
	size_t n = 0, at = 0;

	for (size_t i = 0, begin = b->first[0]; i < b->n; i++) {
		uint32_t u = b->node[i];
		size_t end = b->first[i + 1], mine = at;
		int later = 0;

		for (size_t j = begin; j < end; j++) {
			if (j > begin && !may_join(k, u, b->label[j], only, &later))
				continue;
			b->label[at] = b->label[j];
			b->w[at++] = b->w[j];
		}
		begin = end;
		if (!later || ++k->tries[u] == TRIES)
			clear(k->active, u);
		if (at == mine + 1) {
			at = mine;
			continue;
		}
		b->node[n++] = u;
		b->first[n] = at;
	}
	b->n = n;
}

static int candidates(struct work *k, const struct leval *e)
{
	const struct lphase *p = &k->p;
	uint32_t *only = k->choice;	/* not in use yet */
	int rc = 0;

	k->b.first[0] = 0;
	for (size_t i = 0; i < k->b.n; i++)
		TRY(neighbours(k, i));
	if (e->merge)
		TRY(e->merge(e->arg, &k->b, p->g->n));
	for (uint32_t u = 0; u < p->g->n; u++)
		only[p->label[u]] = u;
	restrict_to_allowed(k, only);
out:
	return rc;
}

static void join(struct lphase *p, uint32_t u, uint32_t c)
{
	uint32_t from = p->label[u];

	p->members[from]--;
	p->size[from] -= p->g->size[u];
	p->total[from] -= p->g->k[u];
	p->members[c]++;
	p->size[c] += p->g->size[u];
	p->total[c] += p->g->k[u];
	p->label[u] = c;
}

/* Applies the choices; neighbours elsewhere have something to look at again. Returns how many moved. */
static size_t apply(struct work *k)
{
	struct lphase *p = &k->p;
	const struct lgraph *g = p->g;
	size_t moved = 0;

	memset(k->inside, 0, words_of(g->n) * sizeof(*k->inside));
	for (size_t i = 0; i < k->b.n; i++)
		if (k->choice[i])
			join(p, k->b.node[i], k->b.label[k->b.first[i] + k->choice[i]]);
	for (size_t i = 0; i < k->b.n; i++) {
		uint32_t u = k->b.node[i];

		if (!k->choice[i])
			continue;
		moved++;
		for (uint64_t j = g->start[u]; j < g->start[u + 1]; j++)
			if (p->label[g->to[j]] != p->label[u] && (!p->bound || p->bound[g->to[j]] == p->bound[u]))
				set(k->inside, g->to[j]);
	}
	return moved;
}

static int batch(struct work *k, const struct leval *e)
{
	size_t words = words_of(k->p.g->n);
	int rc;

	TRY(candidates(k, e));
	if (k->b.n == 0)
		goto out;
	TRY(e->best(e->arg, &k->p, &k->b, k->choice));
	if (apply(k) == 0)
		goto out;
	if (e->either)
		TRY(e->either(e->arg, k->inside, words));
	for (uint32_t u = 0; u < k->p.g->n; u++)
		k->tries[u] = bit(k->inside, u) ? 0 : k->tries[u];
	for (size_t i = 0; i < words; i++)
		k->active[i] |= k->inside[i];
out:
	return rc;
}

static int any(const uint64_t *b, size_t words)
{
	uint64_t all = 0;

	for (size_t i = 0; i < words; i++)
		all |= b[i];
	return all != 0;
}

/* --- phases and levels -------------------------------------------------------------- */

static int phase(struct work *k, const struct lconf *conf, const struct leval *e, struct prg *coins, unsigned level)
{
	size_t words = words_of(k->p.g->n);
	unsigned most = conf->max_move << thin(k->p.g), done = 0;
	int rc = 0;

	for (uint32_t u = 0; u < k->p.g->n; u++)
		set(k->active, u);
	while (done < most && any(k->active, words)) {
		draw(k, coins);
		if (k->b.n == 0)
			continue;	/* the coins chose nobody */
		if (e->step)
			TRY(e->step(e->arg, level, k->p.bound != NULL));
		TRY(batch(k, e));
		done++;
	}
out:
	return rc;
}

static int run_phase(const struct lconf *conf, const struct lgraph *g, const struct leval *e, struct prg *coins,
		     uint32_t *label, const uint32_t *bound, unsigned level)
{
	struct work k;
	int rc = work_new(&k, g, &conf->q, label, bound);

	if (rc == 0)
		rc = phase(&k, conf, e, coins, level);
	work_free(&k);
	return rc;
}

struct level {
	struct lgraph g;	/* owned above the first level */
	int own;
	uint32_t *label;	/* of the level's nodes: owned */
};

static void level_free(struct level *l)
{
	if (l->own)
		lgraph_free(&l->g);
	free(l->label);
	*l = (struct level){ 0 };
}

/* l becomes the graph whose nodes are the refined communities, with the moved partition as labels. */
static int climb(struct level *l, uint32_t *refined, uint32_t n, uint32_t *map, uint32_t nodes)
{
	struct level up = { .own = 1 };
	uint32_t *scratch = calloc((size_t)l->g.n + 1, sizeof(*scratch));
	int rc = ERR_NOMEM;

	up.label = calloc((size_t)n + 1, sizeof(*up.label));
	if (!scratch || !up.label)
		goto out;
	TRY(lgraph_merge(&up.g, &l->g, refined, n));
	(void)lgraph_compact(l->label, l->g.n, scratch);
	for (uint32_t u = 0; u < l->g.n; u++)
		up.label[refined[u]] = l->label[u];
	for (uint32_t v = 0; v < nodes; v++)
		map[v] = refined[map[v]];
	level_free(l);
	*l = up;
	up = (struct level){ 0 };
out:
	level_free(&up);
	free(scratch);
	return rc;
}

/* Moves and refines at one level. *joined: how many nodes the next one has; n when nothing joined, or nothing is to be joined. */
static int one_level(const struct lconf *conf, struct level *l, const struct leval *e, struct prg *coins, unsigned level,
		     uint32_t *refined, uint32_t *joined)
{
	uint32_t n = l->g.n, *scratch = calloc((size_t)n + 1, sizeof(*scratch));
	int rc = ERR_NOMEM;

	*joined = n;
	if (!scratch)
		goto out;
	TRY(run_phase(conf, &l->g, e, coins, l->label, NULL, level));
	memcpy(refined, l->label, n * sizeof(*refined));
	if (lgraph_compact(refined, n, scratch) == n)
		goto out;
	for (uint32_t u = 0; u < n; u++)
		refined[u] = u;
	TRY(run_phase(conf, &l->g, e, coins, refined, l->label, level));
	*joined = lgraph_compact(refined, n, scratch);
out:
	free(scratch);
	return rc;
}

/* map: of every node of the first level, the node that it is in. */
static int iteration(const struct lconf *conf, const struct lgraph *g, const struct leval *e, struct prg *coins,
		     const uint32_t *begin, uint32_t *map)
{
	struct level l = { .g = *g };
	uint32_t *refined = calloc((size_t)g->n + 1, sizeof(*refined)), joined;
	int rc = ERR_NOMEM;

	l.label = calloc((size_t)g->n + 1, sizeof(*l.label));
	if (!refined || !l.label)
		goto out;
	memcpy(l.label, begin, g->n * sizeof(*begin));
	for (uint32_t v = 0; v < g->n; v++)
		map[v] = v;
	for (unsigned level = 0; level < conf->max_merge; level++) {
		TRY(one_level(conf, &l, e, coins, level, refined, &joined));
		if (joined == l.g.n)
			break;
		TRY(climb(&l, refined, joined, map, g->n));
	}
	rc = 0;
out:
	level_free(&l);
	free(refined);
	return rc;
}

int leiden_run(const struct lconf *conf, const struct lgraph *g, const struct leval *e, struct prg *coins, uint32_t *label)
{
	uint32_t *map = calloc((size_t)g->n + 1, sizeof(*map)), *scratch = calloc((size_t)g->n + 1, sizeof(*scratch));
	unsigned same = 0;
	int rc = ERR_NOMEM;

	if (!map || !scratch)
		goto out;
	rc = 0;
	(void)lgraph_compact(label, g->n, scratch);
	for (unsigned i = 0; i < conf->iterations; i++) {
		TRY(iteration(conf, g, e, coins, label, map));
		(void)lgraph_compact(map, g->n, scratch);
		same = memcmp(label, map, g->n * sizeof(*map)) == 0 ? same + 1 : 0;
		if (same == SAME_MAX)
			break;
		memcpy(label, map, g->n * sizeof(*map));
	}
out:
	free(map);
	free(scratch);
	return rc;
}
