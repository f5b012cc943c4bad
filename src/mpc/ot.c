#include "mpc/ot.h"

#include <stdlib.h>

#include "mpc/ot_auto.h"
#include "mpc/ot_backend.h"

struct ot {
	struct chan *chan;		/* borrowed */
	enum ot_role role;
	enum ot_kind kind;
	int threads;
	uint64_t expect;
	const struct ot_backend *backend;
	void *impl;
	struct ot *from;		/* borrowed, during set-up: ot_setup_from */
	struct ot_facts facts;
	int ready;
	struct block *pool;		/* one batch; [at, batch) is still to be handed out */
	size_t at;
	uint64_t used;
	int rc;				/* the first error */
	struct errmsg em;
};

static const struct {
	const char *name;
	const struct ot_backend *backend;
} kinds[] = {
	[OT_AUTO] = { "auto", NULL },
	[OT_SOFTSPOKEN2] = { "softspoken2", &ot_softspoken2 },
	[OT_SOFTSPOKEN4] = { "softspoken4", &ot_softspoken4 },
	[OT_SOFTSPOKEN8] = { "softspoken8", &ot_softspoken8 },
	[OT_FERRET] = { "ferret", &ot_ferret },
};

const char *ot_kind_name(enum ot_kind kind)
{
	return (unsigned)kind < PET_ARRAY_SIZE(kinds) ? kinds[kind].name : "unknown";
}

int ot_peer_broke(struct errmsg *em, const char *what)
{
	return errmsg_set(em, ERR_PEER, "BAD_PEER", "oblivious transfer: the other party sent %s", what);
}

int ot_new(struct ot **out, struct chan *c, enum ot_role role, enum ot_kind kind)
{
	struct ot *o;

	*out = NULL;
	if ((unsigned)kind >= PET_ARRAY_SIZE(kinds) || (kind != OT_AUTO && !kinds[kind].backend))
		return ERR_INPUT;
	o = calloc(1, sizeof(*o));
	if (!o)
		return ERR_NOMEM;
	o->chan = c;
	o->role = role;
	o->kind = kind;
	o->threads = 1;
	o->expect = UINT64_MAX;
	*out = o;
	return 0;
}

void ot_free(struct ot *o)
{
	if (!o)
		return;
	if (o->impl)
		o->backend->free(o->impl);
	if (o->pool)
		explicit_bzero(o->pool, o->facts.batch * sizeof(*o->pool));
	free(o->pool);
	explicit_bzero(o, sizeof(*o));
	free(o);
}

void ot_threads(struct ot *o, int threads)
{
	o->threads = threads > 1 ? threads : 1;
}

void ot_expect(struct ot *o, uint64_t n)
{
	o->expect = n;
}

struct block ot_delta(const struct ot *o)
{
	return o->facts.delta;
}

struct block ot_session(const struct ot *o)
{
	return o->facts.session;
}

uint64_t ot_used(const struct ot *o)
{
	return o->used;
}

enum ot_kind ot_kind(const struct ot *o)
{
	return o->kind;
}

enum ot_role ot_role(const struct ot *o)
{
	return o->role;
}

struct chan *ot_chan(const struct ot *o)
{
	return o->chan;
}

int ot_thread_count(const struct ot *o)
{
	return o->threads;
}

size_t ot_batch(const struct ot *o)
{
	return o->facts.batch;
}

const char *ot_error(const struct ot *o)
{
	if (!o->rc)
		return "";
	return o->em.local[0] ? o->em.local : chan_error(o->chan)[0] ? chan_error(o->chan) : err_name(o->rc);
}

/* Either may be NULL: the direction that is not in use. The first error sticks to both. */
struct pair {
	struct ot *s, *r;
};

static int broken(struct pair p)
{
	return p.s && p.s->rc ? p.s->rc : p.r ? p.r->rc : 0;
}

static int fail(struct pair p, int rc)
{
	if (rc && p.s && !p.s->rc)
		p.s->rc = rc;
	if (rc && p.r && !p.r->rc)
		p.r->rc = rc;
	return rc;
}

static int open_one(struct ot *o)
{
	struct ot_conf conf = {
		.chan = o->chan, .role = o->role, .threads = o->threads, .expect = o->expect, .from = o->from,
		.em = &o->em,
	};

	o->backend = kinds[o->kind].backend;
	return o->backend ? o->backend->open(&o->impl, &conf) : ERR_INTERNAL;
}

static int setup_phase(struct ot *o, unsigned phase)
{
	int rc;

	if (!o || o->ready || phase >= o->backend->phases || (phase & 1) != (o->role == OT_SENDER))
		return 0;
	rc = o->backend->setup(o->impl, phase);
	return rc ? rc : chan_flush(o->chan);
}

static int setup_done(struct ot *o)
{
	o->backend->facts(o->impl, &o->facts);
	if (posix_memalign((void **)&o->pool, 64, o->facts.batch * sizeof(*o->pool)) != 0) {
		o->pool = NULL;
		return ERR_NOMEM;
	}
	o->at = o->facts.batch;
	o->ready = 1;
	return 0;
}

/* OT_AUTO becomes a kind: one measurement for both directions. */
static int agree(struct pair p)
{
	struct ot *any = p.s ? p.s : p.r;
	struct ot_auto a = { (uint64_t)any->threads, 0, 0, { p.s ? p.s->expect : UINT64_MAX, p.r ? p.r->expect : UINT64_MAX } };
	int rc;

	if (!(p.s && p.s->kind == OT_AUTO) && !(p.r && p.r->kind == OT_AUTO))
		return 0;
	rc = ot_auto_measure(&a, any->chan);
	if (rc)
		return rc;
	if (p.s && p.s->kind == OT_AUTO)
		p.s->kind = ot_auto_choice(&a, a.expect[0]);
	if (p.r && p.r->kind == OT_AUTO)
		p.r->kind = ot_auto_choice(&a, a.expect[1]);
	return 0;
}

static int setup(struct pair p)
{
	const struct pair all = p;
	struct ot *both[2] = { p.s, p.r };
	unsigned phases = 0;
	int rc = broken(p);

	if (p.s && p.s->ready)
		p.s = both[0] = NULL;
	if (p.r && p.r->ready)
		p.r = both[1] = NULL;
	if (rc || (!p.s && !p.r))
		return rc;
	TRY(agree(p));
	for (int i = 0; i < 2; i++) {
		if (!both[i])
			continue;
		TRY(open_one(both[i]));
		if (both[i]->backend->phases > phases)
			phases = both[i]->backend->phases;
	}
	for (unsigned i = 0; i < phases; i++)
		TRY(setup_phase(i & 1 ? p.s : p.r, i));
	for (int i = 0; i < 2; i++)
		if (both[i])
			TRY(setup_done(both[i]));
	rc = 0;
out:
	return fail(all, rc);
}

int ot_setup(struct ot *o)
{
	return setup(o->role == OT_SENDER ? (struct pair){ .s = o } : (struct pair){ .r = o });
}

int ot_setup_from(struct ot *o, struct ot *from)
{
	int rc;

	if (o->ready)
		return 0;
	if (o->role == from->role)
		return ERR_INPUT;
	rc = ot_setup(from);
	if (rc)
		return fail((struct pair){ o, NULL }, rc);
	o->from = from;
	rc = ot_setup(o);
	o->from = NULL;
	return rc;
}

static int is_softspoken(const struct ot *o)
{
	return o->kind == OT_SOFTSPOKEN2 || o->kind == OT_SOFTSPOKEN4 || o->kind == OT_SOFTSPOKEN8;
}

/* Ferret's own transfers come flights later: there the two directions' base OTs side by side are faster. */
int ot_setup_both(struct ot *s, struct ot *r, int s_first)
{
	struct pair p = { s, r };
	int rc;

	if (s->role != OT_SENDER || r->role != OT_RECEIVER || s->chan != r->chan)
		return ERR_INPUT;
	rc = broken(p);
	if (!rc && !s->ready && !r->ready)
		rc = agree(p);
	if (rc)
		return fail(p, rc);
	if (!is_softspoken(s) || !is_softspoken(r))
		return setup(p);
	return s_first ? ot_setup_from(r, s) : ot_setup_from(s, r);
}

/* The outputs of one direction while a call fills them. */
struct want {
	struct ot *ot;			/* NULL: nothing */
	struct block *out;
	size_t n;			/* still to come */
	struct block *to;		/* where the current batches go: out, or the pool */
	size_t count;			/* how many */
};

/* What is handed out is gone from the pool. */
static void take_pooled(struct want *w)
{
	struct ot *o = w->ot;
	size_t n;

	if (!o)
		return;
	n = o->facts.batch - o->at < w->n ? o->facts.batch - o->at : w->n;
	if (n) {
		memcpy(w->out, o->pool + o->at, n * sizeof(*w->out));
		explicit_bzero(o->pool + o->at, n * sizeof(*w->out));
	}
	o->at += n;
	w->out += n;
	w->n -= n;
}

/* Whole batches go straight to the caller; what is less than one, through the pool. */
static void plan(struct want *w)
{
	const struct ot_facts *f;

	w->count = 0;
	if (!w->ot || !w->n)
		return;
	f = &w->ot->facts;
	w->count = w->n / f->batch;
	if (w->count > f->at_once)
		w->count = f->at_once;
	w->to = w->count ? w->out : w->ot->pool;
	if (!w->count)
		w->count = 1;
}

static void made(struct want *w)
{
	size_t n;

	if (!w->count)
		return;
	if (w->to == w->ot->pool) {
		w->ot->at = 0;
		take_pooled(w);
		return;
	}
	n = w->count * w->ot->facts.batch;
	w->out += n;
	w->n -= n;
}

/* One round of batches in each direction that wants some. */
static int produce(struct want *s, struct want *r)
{
	int rc = ERR_INTERNAL;

	plan(s);
	plan(r);
	if (r->count) {
		TRY(r->ot->backend->recv_start(r->ot->impl, r->to, r->count));
		TRY(chan_flush(r->ot->chan));
	}
	if (s->count) {
		TRY(s->ot->backend->send_serve(s->ot->impl, s->to, s->count));
		TRY(chan_flush(s->ot->chan));
	}
	if (r->count)
		TRY(r->ot->backend->recv_finish(r->ot->impl, r->to, r->count));
	made(s);
	made(r);
	rc = 0;
out:
	return rc;
}

static int cot(struct want *s, struct want *r)
{
	struct pair p = { s->ot, r->ot };
	size_t ns = s->n, nr = r->n;
	int rc = setup(p);

	if (rc)
		return rc;
	take_pooled(s);
	take_pooled(r);
	while (s->n || r->n)
		TRY(produce(s, r));
	if (p.s)
		p.s->used += ns;
	if (p.r)
		p.r->used += nr;
	rc = 0;
out:
	return fail(p, rc);
}

int ot_cot_send(struct ot *o, struct block *q, size_t n)
{
	struct want s = { .ot = o, .out = q, .n = n }, none = { 0 };

	return o->role == OT_SENDER ? cot(&s, &none) : ERR_INPUT;
}

int ot_cot_recv(struct ot *o, struct block *m, size_t n)
{
	struct want r = { .ot = o, .out = m, .n = n }, none = { 0 };

	return o->role == OT_RECEIVER ? cot(&none, &r) : ERR_INPUT;
}

int ot_cot_both(struct ot *s, struct block *q, size_t nq, struct ot *r, struct block *m, size_t nm)
{
	struct want ws = { .ot = s, .out = q, .n = nq }, wr = { .ot = r, .out = m, .n = nm };

	if (s->role != OT_SENDER || r->role != OT_RECEIVER || s->chan != r->chan)
		return ERR_INPUT;
	return cot(&ws, &wr);
}
