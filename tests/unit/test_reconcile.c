/*
 * The reconciliation tables: every entry against rules of its own, every pair
 * of states as a starting point of two parties that only reconcile, and two
 * parties under random kills, reruns, lost, doubled and reordered messages and
 * databases that come back from old backups.
 */
#include "sched/reconcile.h"

#include "test.h"

static const char *const letters = "LF";

/* --- each entry -------------------------------------------------------- */

static int ended(enum recon_state s)
{
	return s >= RECON_SUCCESS;
}

static int has_row(enum recon_state s)
{
	return s >= RECON_INIT;
}

/* A pair that needs nothing: equal ends, both on the way, or one side that has nothing and needs nothing. */
static int settled(const struct recon_view *leader, const struct recon_view *follower)
{
	if (!has_row(leader->state) && !has_row(follower->state))
		return 1;
	if (!has_row(leader->state) || !has_row(follower->state))
		return ended(leader->state) || ended(follower->state);
	if (leader->epoch != follower->epoch)
		return 0;
	if (ended(leader->state) || ended(follower->state))
		return leader->state == follower->state;
	return leader->state == RECON_RUNNING && follower->state != RECON_KILLING;
}

static const char *wrong_job(enum recon_role role, const struct recon_view *m, const struct recon_view *t,
			     enum recon_action a)
{
	int same = m->epoch == t->epoch || !has_row(m->state) || !has_row(t->state);

	switch (a) {
	case RECON_ACCEPTED:
	case RECON_SEND_STATE:
	case RECON_SEND_RERUN:
	case RECON_KILL:
	case RECON_ABORT:
	case RECON_BURY:
		if (role != RECON_LEADER)
			return "only the leader decides";
		break;
	case RECON_SEND_KILL:
	case RECON_TAKE_RERUN:
	case RECON_LOST:
		if (role != RECON_FOLLOWER)
			return "only a follower asks or gives up";
		break;
	default:
		break;
	}
	if (a == RECON_SUBMIT && t->state != RECON_UNKNOWN)
		return "a submit to somebody who knows the job";
	if (a == RECON_LOST && t->state != RECON_UNKNOWN)
		return "lost although the leader knows it";
	if ((a == RECON_TAKE || a == RECON_ABORT || a == RECON_TAKE_RERUN) && has_row(t->state) &&
	    !same && t->epoch < m->epoch)
		return "takes an older epoch";
	if (a == RECON_TAKE && !ended(t->state) && t->state != RECON_TOMBSTONE)
		return "takes an end that is none";
	if (role == RECON_LEADER && a == RECON_TAKE && same && ended(m->state) && t->state != RECON_SUCCESS)
		return "the leader's decision is taken back";
	if (m->state == RECON_SUCCESS && same && a != RECON_NONE && a != RECON_SEND_STATE)
		return "a success is not final";
	if (a == RECON_SEND_STATE && !ended(m->state) && m->state != RECON_TOMBSTONE)
		return "tells an end that is none";
	if (has_row(m->state) && m->state == t->state && same && ended(m->state) && a != RECON_NONE)
		return "moves although both agree";
	return NULL;
}

/* The table once more, as ordered rules: one slip in either is a difference. */
static enum recon_action leader_rule(enum recon_state m, enum recon_state t, int age)
{
	if (m == RECON_UNKNOWN)
		return t == RECON_KILLING ? RECON_BURY : RECON_NONE;
	if (m == RECON_TOMBSTONE)
		return has_row(t) && !ended(t) ? RECON_SEND_STATE : RECON_NONE;
	if (!has_row(t) && ended(m))
		return RECON_NONE;
	if (!has_row(t))
		return t == RECON_TOMBSTONE || m == RECON_KILLING ? RECON_KILL : RECON_SUBMIT;
	if (age > 0)
		return ended(t) ? RECON_TAKE : RECON_ABORT;
	if (age < 0)
		return ended(m) ? RECON_SEND_STATE : m == RECON_KILLING ? RECON_KILL : RECON_SEND_RERUN;
	if (ended(m))
		return t == m ? RECON_NONE : t == RECON_SUCCESS ? RECON_TAKE : RECON_SEND_STATE;
	if (ended(t))
		return RECON_TAKE;
	if (m == RECON_KILLING || t == RECON_KILLING)
		return RECON_KILL;
	return m == RECON_INIT ? RECON_ACCEPTED : RECON_NONE;
}

static enum recon_action follower_rule(int submitter, enum recon_state m, enum recon_state t, int age)
{
	if (m == RECON_UNKNOWN || (!has_row(t) && ended(m)))
		return RECON_NONE;
	if (m == RECON_TOMBSTONE)
		return t == RECON_INIT || t == RECON_RUNNING ? RECON_SEND_KILL : RECON_NONE;
	if (t == RECON_TOMBSTONE)
		return RECON_TAKE;
	if (t == RECON_UNKNOWN)
		return m == RECON_KILLING ? RECON_SEND_KILL : m == RECON_INIT && submitter ? RECON_SUBMIT : RECON_LOST;
	if (age < 0)
		return RECON_NONE;
	if (age > 0)
		return ended(t) ? RECON_TAKE : RECON_TAKE_RERUN;
	if (ended(t))
		return m == t || m == RECON_SUCCESS ? RECON_NONE : RECON_TAKE;
	return m == RECON_KILLING && t != RECON_KILLING ? RECON_SEND_KILL : RECON_NONE;
}

TEST(every_job_pair)
{
	unsigned used[RECON_ACTIONS] = { 0 };

	for (int i = 0; i < 2 * 2 * RECON_STATES * RECON_STATES * RECON_AGES; i++) {
		int submitter = i & 1, j = i / 4;
		enum recon_role role = (enum recon_role)(i / 2 & 1);
		struct recon_view m = { (enum recon_state)(j % RECON_STATES), 5 };
		struct recon_view t = { (enum recon_state)(j / RECON_STATES % RECON_STATES), 0 };
		enum recon_action a, other;
		const char *why;

		t.epoch = 4 + (unsigned)(j / RECON_STATES / RECON_STATES);
		a = recon_job(role, submitter, &m, &t);
		other = recon_job(role == RECON_LEADER ? RECON_FOLLOWER : RECON_LEADER, !submitter, &t, &m);
		CHECK((unsigned)a < RECON_ACTIONS);
		used[a]++;
		why = wrong_job(role, &m, &t, a);
		if (a != (role == RECON_LEADER ? leader_rule(m.state, t.state, (int)t.epoch - 5)
					       : follower_rule(submitter, m.state, t.state, (int)t.epoch - 5)))
			why = "the rules say otherwise";
		if (!why && a == RECON_NONE && other == RECON_NONE &&
		    !(role == RECON_LEADER ? settled(&m, &t) : settled(&t, &m)))
			why = "nobody moves";
		if (why) {
			CHECK(!"a wrong entry");
			printf("# %c %s/%u sees %s/%u: %s: %s\n", letters[role], recon_state_name(m.state), m.epoch,
			       recon_state_name(t.state), t.epoch, recon_action_name(a), why);
		}
	}
	for (int a = 0; a < RECON_ACTIONS; a++)
		CHECK(used[a] > 0);
}

/* --- two parties --------------------------------------------------------- */

enum kind { M_SUBMIT, M_ACCEPT, M_REFUSE, M_STATE, M_RERUN, M_KILL, M_ASK, M_REPLY };

struct msg {
	enum kind kind;
	int to;
	struct recon_view view;
	unsigned serial;
};

struct party {
	struct recon_view row, backup;
	unsigned serial;		/* of the question that is open */
	enum recon_action doubt;	/* seen once by the last exchange */
	struct recon_view doubt_mine, doubt_theirs;
};

#define POOL 64
struct world {
	struct party p[2];	/* [0] leads */
	int submitter, restores;
	struct msg pool[POOL];
	unsigned count;
	uint64_t seed;
	enum recon_state decided[64];	/* by epoch; RECON_UNKNOWN: not yet */
	unsigned actions[RECON_ACTIONS];
	const char *broken;
};

static unsigned rnd(struct world *w, unsigned n)
{
	w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(w->seed >> 33) % n;
}

static void post(struct world *w, enum kind kind, int to, struct recon_view view, unsigned serial)
{
	if (w->count < POOL)
		w->pool[w->count++] = (struct msg){ kind, to, view, serial };
}

static void decide(struct world *w, enum recon_state s)
{
	struct recon_view *l = &w->p[0].row;

	if (!w->restores && w->decided[l->epoch] != RECON_UNKNOWN)
		w->broken = "the leader decides an epoch twice";
	w->decided[l->epoch] = s;
	l->state = s;
	post(w, M_STATE, 1, *l, 0);
}

/* An end that arrives at a party: by message, or taken from the other's view. */
static void take(struct world *w, int who, const struct recon_view *v)
{
	struct recon_view *mine = &w->p[who].row;
	enum recon_state s = v->state == RECON_TOMBSTONE ? RECON_CANCELED : v->state;

	if (who == 0 && !w->restores)
		w->broken = "the leader takes an end although no database was restored";
	if (v->state != RECON_TOMBSTONE && has_row(v->state) && v->epoch < mine->epoch)
		return;
	if (v->state != RECON_TOMBSTONE && v->epoch == mine->epoch && mine->state == RECON_SUCCESS)
		return;
	mine->state = s;
	if (v->state != RECON_TOMBSTONE)
		mine->epoch = v->epoch;
	if (who == 1 && !w->restores && v->state != RECON_TOMBSTONE && w->decided[mine->epoch] != s)
		w->broken = "the follower has an end that the leader has not decided";
}

static void kill_at_leader(struct world *w, uint32_t epoch)
{
	struct recon_view *l = &w->p[0].row;

	if (l->state == RECON_UNKNOWN)
		l->state = RECON_TOMBSTONE;
	else if (has_row(l->state) && !ended(l->state) && l->epoch == epoch)
		decide(w, RECON_CANCELED);
}

static void act(struct world *w, int who, enum recon_action a, const struct recon_view *theirs)
{
	struct recon_view *mine = &w->p[who].row, canceled = { RECON_CANCELED, mine->epoch };

	w->actions[a]++;
	if ((a == RECON_LOST || a == RECON_ABORT) && !w->restores)
		w->broken = "gives up although no database was restored";
	switch (a) {
	case RECON_SUBMIT:
		post(w, M_SUBMIT, !who, *mine, 0);
		break;
	case RECON_ACCEPTED:
		mine->state = RECON_RUNNING;
		break;
	case RECON_SEND_STATE:
		canceled.epoch = theirs->epoch;
		if (mine->state == RECON_TOMBSTONE)
			w->decided[theirs->epoch] = RECON_CANCELED;
		post(w, M_STATE, !who, mine->state == RECON_TOMBSTONE ? canceled : *mine, 0);
		break;
	case RECON_SEND_RERUN:
		post(w, M_RERUN, !who, *mine, 0);
		break;
	case RECON_SEND_KILL:
		post(w, M_KILL, 0, has_row(mine->state) ? *mine : *theirs, 0);
		break;
	case RECON_KILL:
		decide(w, RECON_CANCELED);
		break;
	case RECON_TAKE:
		take(w, who, theirs);
		break;
	case RECON_TAKE_RERUN:
		*mine = (struct recon_view){ RECON_RUNNING, theirs->epoch };
		break;
	case RECON_LOST:
		*mine = canceled;
		break;
	case RECON_ABORT:
		mine->epoch = theirs->epoch;
		decide(w, RECON_FAILED);
		break;
	case RECON_BURY:
		mine->state = RECON_TOMBSTONE;
		break;
	default:
		break;
	}
}

static int same_view(const struct recon_view *a, const struct recon_view *b)
{
	return a->state == b->state && a->epoch == b->epoch;
}

/* The answer to one's own question: the only view that a party acts on. */
static void reply(struct world *w, int who, const struct msg *m)
{
	struct party *p = &w->p[who];
	enum recon_action a;
	int again;

	if (m->serial != p->serial)
		return;
	p->serial += 2;
	a = recon_job((enum recon_role)who, w->submitter == who, &p->row, &m->view);
	again = p->doubt == a && same_view(&p->doubt_mine, &p->row) && same_view(&p->doubt_theirs, &m->view);
	p->doubt = a;
	p->doubt_mine = p->row;
	p->doubt_theirs = m->view;
	if (!recon_twice(a) || again)
		act(w, who, a, &m->view);
}

static void submit_arrives(struct world *w, int who, const struct msg *m)
{
	struct recon_view *mine = &w->p[who].row;

	if (mine->state == RECON_TOMBSTONE) {
		post(w, M_REFUSE, !who, m->view, 0);
		return;
	}
	if (mine->state == RECON_UNKNOWN)
		*mine = (struct recon_view){ RECON_INIT, m->view.epoch };
	if (who == 1)
		post(w, M_ACCEPT, 0, *mine, 0);
}

static void deliver(struct world *w, const struct msg *m)
{
	struct recon_view *mine = &w->p[m->to].row;

	switch (m->kind) {
	case M_SUBMIT:
		submit_arrives(w, m->to, m);
		break;
	case M_ACCEPT:
		if (mine->state == RECON_INIT)
			mine->state = RECON_RUNNING;
		break;
	case M_REFUSE:	/* there is a tombstone; the leader decides, the follower waits for its reconciliation */
		if (m->to == 0)
			kill_at_leader(w, m->view.epoch);
		break;
	case M_STATE:
		if (mine->state == RECON_UNKNOWN && m->view.state != RECON_SUCCESS)
			mine->state = RECON_TOMBSTONE;
		else if (has_row(mine->state))
			take(w, 1, &m->view);
		break;
	case M_RERUN:
		if (has_row(mine->state) && m->view.epoch > mine->epoch)
			*mine = (struct recon_view){ RECON_RUNNING, m->view.epoch };
		break;
	case M_KILL:
		kill_at_leader(w, m->view.epoch);
		break;
	case M_ASK:
		post(w, M_REPLY, !m->to, *mine, m->serial);
		break;
	case M_REPLY:
		reply(w, m->to, m);
		break;
	}
}

static void ask(struct world *w, int who)
{
	w->p[who].serial += 2;
	post(w, M_ASK, !who, w->p[who].row, w->p[who].serial);
}

/* One random event: a message lost, doubled or delivered out of order, a user, a party's own step, a restore. */
static void chaos(struct world *w, int restores)
{
	struct recon_view *l = &w->p[0].row, *f = &w->p[1].row;
	unsigned i = w->count ? rnd(w, w->count) : 0, what = rnd(w, 100);
	int who = (int)rnd(w, 2);
	struct msg m;

	if (what < 45 && w->count) {
		m = w->pool[i];
		if (what >= 12)	/* else it stays, and comes again */
			w->pool[i] = w->pool[--w->count];
		if (what < 36)	/* else it is lost */
			deliver(w, &m);
	} else if (what < 62) {
		ask(w, who);
	} else if (what < 70) {
		if (l->state == RECON_RUNNING && has_row(f->state) && !ended(f->state) && f->epoch == l->epoch)
			decide(w, RECON_SUCCESS);
	} else if (what < 74) {
		if (l->state == RECON_RUNNING)
			decide(w, RECON_FAILED);
	} else if (what < 78) {
		if (has_row(l->state) && !ended(l->state))
			decide(w, RECON_CANCELED);
	} else if (what < 84) {
		if (has_row(f->state) && !ended(f->state)) {
			f->state = RECON_KILLING;
			post(w, M_KILL, 0, *f, 0);
		}
	} else if (what < 90) {
		if ((l->state == RECON_FAILED || l->state == RECON_CANCELED) && l->epoch < 60) {
			*l = (struct recon_view){ RECON_RUNNING, l->epoch + 1 };
			post(w, M_RERUN, 1, *l, 0);
		}
	} else if (what < 97 || !restores) {
		w->p[who].backup = w->p[who].row;
	} else {
		w->p[who].row = w->p[who].backup;
		w->restores++;
	}
}

/* Messages arrive, nobody disturbs, the leader ends what runs. */
static void calm(struct world *w)
{
	for (int round = 0; round < 40; round++) {
		for (unsigned n = 0; n < 200 && w->count; n++) {
			struct msg m = w->pool[0];

			memmove(w->pool, w->pool + 1, --w->count * sizeof(m));
			deliver(w, &m);
		}
		if (round > 20 && w->p[0].row.state == RECON_RUNNING)
			decide(w, RECON_FAILED);
		ask(w, round & 1);
	}
}

static const char *end_wrong(const struct world *w)
{
	const struct recon_view *l = &w->p[0].row, *f = &w->p[1].row;

	if (w->broken)
		return w->broken;
	if (has_row(l->state) && has_row(f->state)) {
		if (!ended(l->state) || !ended(f->state))
			return "not ended";
		return l->state == f->state && l->epoch == f->epoch ? NULL : "two different ends";
	}
	if ((has_row(l->state) && !ended(l->state)) || (has_row(f->state) && !ended(f->state)))
		return "one side runs alone";
	if (!w->restores && (l->state == RECON_SUCCESS || f->state == RECON_SUCCESS || f->state == RECON_FAILED))
		return "a success that the other side has never heard of";
	return NULL;
}

static void judge(const struct world *w, const char *what, uint64_t seed)
{
	const char *why = end_wrong(w);

	if (!why || test_failed)
		return;
	test_failed = 1;
	printf("# %s %llu: %s: leader %s/%u, follower %s/%u, restores %d\n", what, (unsigned long long)seed, why,
	       recon_state_name(w->p[0].row.state), w->p[0].row.epoch, recon_state_name(w->p[1].row.state),
	       w->p[1].row.epoch, w->restores);
}

/* From every pair of states, reconciliation alone leads to one end. */
TEST(every_start)
{
	for (int i = 0; i < 2 * RECON_STATES * RECON_STATES * RECON_AGES; i++) {
		struct world w = { .submitter = i & 1, .restores = 1 };
		int j = i / 2;

		w.p[0].row = (struct recon_view){ (enum recon_state)(j % RECON_STATES), 5 };
		w.p[1].row = (struct recon_view){ (enum recon_state)(j / RECON_STATES % RECON_STATES), 4 + (unsigned)(j / RECON_STATES / RECON_STATES) };
		w.p[1].serial = 1;
		calm(&w);
		judge(&w, "start", (uint64_t)i);
	}
}

static void play(int restores, unsigned games, unsigned actions[RECON_ACTIONS])
{
	for (uint64_t seed = 1; seed <= games; seed++) {
		struct world w = { .seed = seed * 7919, .submitter = (int)(seed & 1) };

		w.p[1].serial = 1;
		w.p[w.submitter].row.state = RECON_INIT;
		post(&w, M_SUBMIT, !w.submitter, w.p[w.submitter].row, 0);
		for (unsigned n = 20 + rnd(&w, 200); n && !w.broken; n--)
			chaos(&w, restores);
		calm(&w);
		judge(&w, restores ? "game with restores" : "game", seed);
		for (int a = 0; a < RECON_ACTIONS; a++)
			actions[a] += w.actions[a];
	}
}

TEST(lossy_network)
{
	unsigned actions[RECON_ACTIONS] = { 0 };

	play(0, 40000, actions);
	CHECK(actions[RECON_SUBMIT] > 0);
	CHECK(actions[RECON_ACCEPTED] > 0);
	CHECK(actions[RECON_SEND_STATE] > 0);
	CHECK(actions[RECON_SEND_RERUN] > 0);
	CHECK(actions[RECON_SEND_KILL] > 0);
	CHECK(actions[RECON_KILL] > 0);
	CHECK(actions[RECON_TAKE] > 0);
	CHECK(actions[RECON_TAKE_RERUN] > 0);
	CHECK_INT(actions[RECON_LOST], 0);
	CHECK_INT(actions[RECON_ABORT], 0);
}

TEST(old_backups)
{
	unsigned actions[RECON_ACTIONS] = { 0 };

	play(1, 40000, actions);
	CHECK(actions[RECON_LOST] > 0);
	CHECK(actions[RECON_ABORT] > 0);
}

/* --- groups -------------------------------------------------------------- */

static int committed(enum group_state s)
{
	return s == GROUP_COMMITTED || s == GROUP_PUBLISHING || s == GROUP_DONE;
}

static int at_work(enum group_state s)
{
	return s == GROUP_RUNNING || s == GROUP_PREPARED;
}

static const char *wrong_group(enum recon_role role, const struct recon_gview *m, const struct recon_gview *t, enum recon_gaction a)
{
	int leads = a >= RECON_G_RETRY && a <= RECON_G_FAIL, same = m->attempt == t->attempt;

	if (a != RECON_G_NONE && leads != (role == RECON_LEADER))
		return "an action of the other role";
	if (committed(m->state) && committed(t->state) && a != RECON_G_NONE)
		return "moves although both are committed";
	if (committed(m->state) && a != RECON_G_NONE && a != RECON_G_SEND_COMMIT && a != RECON_G_FAIL)
		return "a commit is taken back";
	if (a == RECON_G_FAIL && !committed(m->state))
		return "fails what a retry would mend";
	if ((a == RECON_G_TAKE_COMMIT || a == RECON_G_PUBLISH) && !committed(t->state))
		return "takes a commit that is none";
	if (role == RECON_LEADER && committed(t->state) && !committed(m->state) && a != RECON_G_TAKE_COMMIT)
		return "leaves the follower alone with a commit";
	if (a == RECON_G_PREPARED && (t->state != GROUP_PREPARED || !same))
		return "prepared without being so";
	if (role == RECON_FOLLOWER && t->attempt < m->attempt && a != RECON_G_NONE)
		return "obeys an older attempt";
	if (a == RECON_G_END && same && t->state != GROUP_FAILED && t->state != GROUP_CANCELED)
		return "ends an attempt that the leader runs";
	return NULL;
}

/* Processes without a counterpart do not stay: one of the two moves. */
static int group_settled(const struct recon_gview *leader, const struct recon_gview *follower)
{
	int newest = leader->attempt == follower->attempt;

	if (committed(leader->state) || committed(follower->state))
		return committed(leader->state) && committed(follower->state);
	if (at_work(leader->state) && at_work(follower->state))
		return newest && !(follower->state == GROUP_PREPARED);
	if (newest)
		return leader->state < GROUP_RUNNING ? follower->state < GROUP_RUNNING || leader->state >= GROUP_RESERVING
		     : leader->state == GROUP_RUNNING ? follower->state >= GROUP_RESERVING && follower->state <= GROUP_STARTING
		     : leader->state != GROUP_PREPARED && (follower->state < GROUP_RESERVING || follower->state >= GROUP_FAILED);
	return !at_work(leader->state) && !at_work(follower->state) && leader->attempt > follower->attempt;
}

static int busy(enum group_state s)
{
	return s >= GROUP_RESERVING && s <= GROUP_PREPARED;
}

static enum recon_gaction leader_grule(enum group_state m, enum group_state t, int age)
{
	if (committed(t))
		return committed(m) ? RECON_G_NONE : RECON_G_TAKE_COMMIT;
	if (committed(m))
		return age > 0 || (age == 0 && t >= GROUP_FAILED) ? RECON_G_FAIL : RECON_G_SEND_COMMIT;
	if (age > 0)
		return RECON_G_RETRY;
	if (age < 0)
		return at_work(m) ? RECON_G_RETRY : busy(t) ? RECON_G_SEND_END : RECON_G_NONE;
	if (m >= GROUP_FAILED)
		return busy(t) ? RECON_G_SEND_END : RECON_G_NONE;
	if (t >= GROUP_FAILED)
		return RECON_G_RETRY;
	if (!busy(m))
		return at_work(t) ? RECON_G_RETRY : RECON_G_NONE;
	if (!at_work(m))
		return RECON_G_NONE;
	if (!busy(t) || (m == GROUP_PREPARED && !at_work(t)))
		return RECON_G_RETRY;
	return t == GROUP_PREPARED ? RECON_G_PREPARED : RECON_G_NONE;
}

static enum recon_gaction follower_grule(enum group_state m, enum group_state t, int age)
{
	if (committed(m) || age < 0)
		return RECON_G_NONE;
	if (committed(t))
		return age == 0 && m >= GROUP_FAILED ? RECON_G_NONE : RECON_G_PUBLISH;
	if (age > 0 || t >= GROUP_FAILED)
		return busy(m) ? RECON_G_END : RECON_G_NONE;
	return (m == GROUP_PREPARED || m >= GROUP_FAILED) && busy(t) ? RECON_G_SEND_TASKS : RECON_G_NONE;
}

TEST(every_group_pair)
{
	unsigned used[RECON_G_ACTIONS] = { 0 };

	for (int i = 0; i < 2 * GROUP_STATES * GROUP_STATES * 3; i++) {
		enum recon_role role = (enum recon_role)(i & 1);
		int j = i / 2;
		struct recon_gview m = { (enum group_state)(j % GROUP_STATES), 2 };
		struct recon_gview t = { (enum group_state)(j / GROUP_STATES % GROUP_STATES), 1 + (unsigned)(j / GROUP_STATES / GROUP_STATES) };
		enum recon_gaction a = recon_group(role, &m, &t);
		enum recon_gaction other = recon_group(role == RECON_LEADER ? RECON_FOLLOWER : RECON_LEADER, &t, &m);
		const char *why = wrong_group(role, &m, &t, a);

		CHECK((unsigned)a < RECON_G_ACTIONS);
		used[a]++;
		if (a != (role == RECON_LEADER ? leader_grule(m.state, t.state, (int)t.attempt - 2)
					       : follower_grule(m.state, t.state, (int)t.attempt - 2)))
			why = "the rules say otherwise";
		if (!why && a == RECON_G_NONE && other == RECON_G_NONE &&
		    !(role == RECON_LEADER ? group_settled(&m, &t) : group_settled(&t, &m)))
			why = "nobody moves";
		if (why) {
			CHECK(!"a wrong entry");
			printf("# %c %s/%u sees %s/%u: %s: %s\n", letters[role], group_state_name(m.state), m.attempt,
			       group_state_name(t.state), t.attempt, recon_gaction_name(a), why);
		}
	}
	for (int a = 0; a < RECON_G_ACTIONS; a++)
		CHECK(used[a] > 0);
}

TEST(words)
{
	struct recon_view v = { (enum recon_state)99, 0 }, ok = { RECON_INIT, 0 };
	struct recon_gview g = { (enum group_state)99, 0 };

	for (int i = 0; i < RECON_STATES; i++)
		CHECK_INT(recon_state_parse(recon_state_name((enum recon_state)i)), i);
	CHECK_INT(recon_state_parse("init"), -1);
	for (int i = 0; i < JOB_STATES; i++) {
		CHECK_STR(recon_state_name(recon_state_of((enum job_state)i, 0)), job_state_name((enum job_state)i));
		CHECK_STR(recon_state_name(recon_state_of((enum job_state)i, 1)), i > JOB_RUNNING ? job_state_name((enum job_state)i) : "KILLING");
	}
	for (int a = 0; a < RECON_ACTIONS; a++)
		for (int b = 0; b < a; b++)
			CHECK(strcmp(recon_action_name((enum recon_action)a), recon_action_name((enum recon_action)b)) != 0);
	/* a peer may send anything */
	CHECK_INT(recon_job(RECON_LEADER, 0, &ok, &v), RECON_NONE);
	CHECK_INT(recon_job(RECON_LEADER, 0, &v, &ok), RECON_NONE);
	CHECK_INT(recon_job((enum recon_role)7, 0, &ok, &ok), RECON_NONE);
	CHECK_INT(recon_group(RECON_LEADER, &g, &g), RECON_G_NONE);
	CHECK_STR(recon_action_name((enum recon_action)99), "?");
	CHECK(recon_gtwice(RECON_G_RETRY) && !recon_gtwice(RECON_G_PUBLISH));
}

TEST_MAIN(CASE(every_job_pair), CASE(every_start), CASE(lossy_network), CASE(old_backups),
	  CASE(every_group_pair), CASE(words))
