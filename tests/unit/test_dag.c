/*
 * The DAG logic against every labelled acyclic graph of up to four groups.
 * `step` plays the executor; `invariants` judges each call by rules that are
 * written without the code under test.
 */
#include "base/dag.h"

#include "test.h"

#define N_MAX 4

enum outcome { GOOD, FAILS_ONCE, FAILS_ALWAYS, FATAL, OUTCOMES };
enum policy { ALL_AT_ONCE, LOWEST_FIRST, HIGHEST_FIRST, POLICIES };

struct sim {
	unsigned n;
	struct dag_group group[N_MAX];
	struct dag_job job;
	enum outcome outcome[N_MAX];
	unsigned starts[N_MAX], attempts[N_MAX];
};

static long sims, calls;

/* edges: bit i*n+j says that i depends on j. 0 when the graph has a circle or a loop. */
static int graph(struct sim *s, unsigned n, unsigned edges)
{
	unsigned left = (1u << n) - 1, before;

	memset(s, 0, sizeof(*s));
	s->n = n;
	for (unsigned i = 0; i < n; i++) {
		s->group[i].depends = edges >> (i * n) & ((1u << n) - 1);
		if (edges >> (i * n + i) & 1)
			return 0;
	}
	do {	/* takes away what depends on nothing that is left */
		before = left;
		for (unsigned i = 0; i < n; i++)
			if ((left >> i & 1) && !(edges >> (i * n) & left & ((1u << n) - 1)))
				left &= ~(1u << i);
	} while (left != before);
	s->job.group = s->group;
	s->job.group_count = n;
	return left == 0;
}

static void fail(const struct sim *s, const char *what)
{
	if (test_failed)
		return;
	test_failed = 1;
	printf("# %s; job %s", what, job_state_name(s->job.status));
	for (unsigned g = 0; g < s->n; g++) {
		printf("; %u %s retries %d outcome %d held %d depends %x", g, group_state_name(s->group[g].state),
		       (int)s->group[g].retries, s->outcome[g], s->group[g].held, (unsigned)s->group[g].depends);
	}
	printf("\n");
}

static int all_done(const struct sim *s, const struct dag_group *g)
{
	for (unsigned d = 0; d < s->n; d++)
		if ((g->depends >> d & 1) && s->group[d].state != GROUP_DONE)
			return 0;
	return 1;
}

/* May this action follow these states? */
static const char *illegal(const struct sim *s, const struct dag_action *a)
{
	const struct dag_group *g = &s->group[a->group];

	if (a->group >= s->n)
		return "a group that is not there";
	switch (a->act) {
	case DAG_GROUP_READY:
		return g->state == GROUP_WAITING && all_done(s, g) && !s->job.pending ? NULL : "ready too early";
	case DAG_GROUP_RETRY:
		return g->state == GROUP_FAILED && g->retries < s->job.max_retries && !g->fatal && !g->held ? NULL : "a retry that is not allowed";
	case DAG_GROUP_END:
		return !group_state_committed(g->state) ? NULL : "an end of a committed group";
	case DAG_GROUP_RESET:
		return "a reset without a rerun";
	case DAG_JOB_FAILED:
		return g->state == GROUP_CANCELED || (g->state == GROUP_FAILED && !g->held && (g->fatal || g->retries >= s->job.max_retries)) ?
			NULL : "a job fails because of a group that has not";
	default:
		return NULL;
	}
}

static void invariants(const struct sim *s, const struct dag_actions *a)
{
	unsigned done = 0, live = 0, canceled = 0, ends = 0;

	for (unsigned g = 0; g < s->n; g++) {
		done += s->group[g].state == GROUP_DONE;
		live += !group_state_committed(s->group[g].state);
	}
	if (job_state_ended(s->job.status) && a->count)
		fail(s, "an ended job moves");
	for (unsigned i = 0; i < a->count; i++) {
		const char *why = illegal(s, &a->list[i]);

		if (why)
			fail(s, why);
		for (unsigned j = 0; j < i; j++)
			if (a->list[j].act < DAG_JOB_SUCCESS && a->list[i].act < DAG_JOB_SUCCESS && a->list[j].group == a->list[i].group)
				fail(s, "two actions for one group");
		canceled += a->list[i].act == DAG_GROUP_END;
		if (a->list[i].act >= DAG_JOB_SUCCESS) {
			ends++;
			if (i + 1 != a->count)
				fail(s, "something after the end of the job");
			if ((a->list[i].act == DAG_JOB_SUCCESS) != (done == s->n))
				fail(s, "success is not the same as all done");
			if (a->list[i].act != DAG_JOB_SUCCESS && canceled != live)
				fail(s, "a group outlives the job");
		}
	}
	if (canceled && !ends)
		fail(s, "a cancel without the job's end");
}

static void apply(struct sim *s, const struct dag_action *a)
{
	struct dag_group *g = &s->group[a->group];

	switch (a->act) {
	case DAG_GROUP_READY:
		g->state = GROUP_READY;
		break;
	case DAG_GROUP_RETRY:
		g->state = GROUP_READY;
		g->retries++;
		break;
	case DAG_GROUP_END:
		if (g->state != GROUP_FAILED)
			g->state = GROUP_CANCELED;
		break;
	case DAG_GROUP_RESET:
		*g = (struct dag_group){ .state = GROUP_WAITING, .depends = g->depends };
		s->starts[a->group] = 0;
		break;
	case DAG_JOB_SUCCESS:
		s->job.status = JOB_SUCCESS;
		break;
	case DAG_JOB_FAILED:
		s->job.status = JOB_FAILED;
		break;
	}
}

/* One transition of a group that is on its way; 0 when it has none. */
static int step(struct sim *s, unsigned i)
{
	struct dag_group *g = &s->group[i];
	int fails = s->outcome[i] >= FAILS_ALWAYS || (s->outcome[i] == FAILS_ONCE && s->attempts[i] == 1);

	if (g->state == GROUP_FAILED && g->held) {	/* the other party's reason has come */
		g->held = 0;
		return 1;
	}
	if (g->state < GROUP_READY || g->state >= GROUP_DONE)
		return 0;
	if (g->state == GROUP_READY) {
		if (!all_done(s, g))
			fail(s, "started before its dependencies were done");
		s->starts[i]++;
		s->attempts[i]++;
	}
	if (g->state == GROUP_RUNNING && fails) {
		g->state = GROUP_FAILED;
		g->fatal = s->outcome[i] == FATAL;
		g->held = (i + s->attempts[i]) & 1;
	} else {
		g->state = (enum group_state)(g->state + 1);
	}
	return 1;
}

static int executor(struct sim *s, enum policy policy)
{
	int moved = 0;

	for (unsigned k = 0; k < s->n; k++) {
		unsigned i = policy == HIGHEST_FIRST ? s->n - 1 - k : k;

		moved |= step(s, i);
		if (moved && policy != ALL_AT_ONCE)
			return 1;
	}
	return moved;
}

/* What a user's kill does: refused once every group is committed. */
static void kill_it(struct sim *s)
{
	struct dag_actions a;

	if (job_state_ended(s->job.status) || dag_past_kill(&s->job))
		return;
	if (dag_end(&a, &s->job))
		fail(s, "dag_end refuses a good job");
	for (unsigned i = 0; i < a.count; i++) {
		if (a.list[i].act != DAG_GROUP_END || group_state_committed(s->group[a.list[i].group].state))
			fail(s, "a kill that does something else");
		apply(s, &a.list[i]);
	}
	s->job.status = JOB_CANCELED;
}

/* Asks, judges, applies all: the caller does it in one transaction. */
static unsigned ask(struct sim *s, struct dag_actions *a)
{
	calls++;
	if (dag_next(a, &s->job))
		fail(s, "dag_next refuses a good job");
	invariants(s, a);
	for (unsigned i = 0; i < a->count; i++)
		apply(s, &a->list[i]);
	return a->count;
}

/* Until nothing moves any more. kill_at: the call before which a user kills it. */
static void run(struct sim *s, enum policy policy, int kill_at)
{
	struct dag_actions a;
	unsigned done = 0;

	sims++;
	for (int round = 0; ; round++) {
		unsigned now_done = 0, acted;

		if (round == kill_at)
			kill_it(s);
		acted = ask(s, &a);
		for (unsigned g = 0; g < s->n; g++)
			now_done += s->group[g].state == GROUP_DONE;
		if (now_done < done)
			fail(s, "progress goes back");
		done = now_done;
		if (!executor(s, policy) && !acted) {
			if (job_state_ended(s->job.status))
				return;
			fail(s, "the job is stuck");
			return;
		}
		if (round > 1000) {
			fail(s, "no end");
			return;
		}
	}
}

/* What the end must look like, from graph and outcomes alone. */
static void judge(const struct sim *s, int killed)
{
	int doomed = 0;

	for (unsigned g = 0; g < s->n; g++) {
		const struct dag_group *grp = &s->group[g];
		int bad = s->outcome[g] >= FAILS_ALWAYS || (s->outcome[g] == FAILS_ONCE && s->job.max_retries == 0);

		doomed |= bad;
		if (grp->state != GROUP_FAILED && grp->state != GROUP_CANCELED && !group_state_committed(grp->state))
			fail(s, "a group that has not ended");
		if (s->starts[g] > s->job.max_retries + 1)
			fail(s, "more attempts than allowed");
		if (s->outcome[g] == FATAL && s->starts[g] > 1)
			fail(s, "a fatal failure was retried");
		if (s->starts[g] && !all_done(s, grp))
			fail(s, "started before its dependencies were done");
		if (bad && grp->state == GROUP_DONE)
			fail(s, "done although it fails");
	}
	if (killed ? s->job.status == JOB_RUNNING : s->job.status != (doomed ? JOB_FAILED : JOB_SUCCESS))
		fail(s, "the wrong end");
}

static void each_outcome(const struct sim *graph_of, unsigned code, unsigned max_retries, enum policy policy)
{
	struct sim s = *graph_of;

	for (unsigned g = 0; g < s.n; g++, code /= OUTCOMES)
		s.outcome[g] = (enum outcome)(code % OUTCOMES);
	s.job.group = s.group;
	s.job.max_retries = max_retries;
	run(&s, policy, -1);
	judge(&s, 0);
}

static unsigned power(unsigned base, unsigned n)
{
	return n ? base * power(base, n - 1) : 1;
}

TEST(every_graph)
{
	static const unsigned known[] = { 0, 1, 3, 25, 543 };	/* labelled acyclic graphs, OEIS A003024 */
	struct sim s;

	for (unsigned n = 1; n <= N_MAX; n++) {
		unsigned count = 0;

		for (unsigned edges = 0; edges < 1u << (n * n); edges++) {
			if (!graph(&s, n, edges))
				continue;
			count++;
			for (unsigned code = 0; code < power(OUTCOMES, n); code++)
				each_outcome(&s, code, code % 3, (enum policy)((code + edges) % POLICIES));
		}
		CHECK_INT(count, known[n]);
	}
}

/* Three groups: every retry limit, every order. */
TEST(every_order)
{
	struct sim s;

	for (unsigned edges = 0; edges < 1u << 9; edges++) {
		if (!graph(&s, 3, edges))
			continue;
		for (unsigned code = 0; code < power(OUTCOMES, 3) * POLICIES * 3; code++)
			each_outcome(&s, code % 64, code / 64 % 3, (enum policy)(code / 192));
	}
}

/* A kill at every moment; then a rerun, in which everything goes well. */
TEST(kill_and_rerun)
{
	struct sim s, t;
	struct dag_actions a;
	long canceled = 0, success = 0;

	for (unsigned edges = 0; edges < 1u << 9; edges++) {
		if (!graph(&s, 3, edges))
			continue;
		for (int at = 0; at < 40; at++) {
			unsigned done = 0;

			t = s;
			t.job.group = t.group;
			run(&t, ALL_AT_ONCE, at);
			judge(&t, 1);
			if (t.job.status == JOB_SUCCESS) {
				success++;
				continue;
			}
			canceled++;
			CHECK_INT(t.job.status, JOB_CANCELED);
			for (unsigned g = 0; g < 3; g++)
				done |= (t.group[g].state == GROUP_DONE) << g;
			CHECK_INT(dag_rerun(&a, &t.job), 0);
			for (unsigned i = 0; i < a.count; i++)
				apply(&t, &a.list[i]);
			t.job.status = JOB_INIT;
			for (unsigned g = 0; g < 3; g++) {
				CHECK_INT(t.group[g].state, done >> g & 1 ? GROUP_DONE : GROUP_WAITING);
				t.starts[g] = 0;
			}
			run(&t, ALL_AT_ONCE, -1);
			judge(&t, 0);
			for (unsigned g = 0; g < 3; g++)
				CHECK_INT(t.starts[g], !(done >> g & 1));	/* what was done is not done again */
		}
	}
	CHECK(canceled > 100);
	CHECK(success > 100);
}

/* Every combination of states of three groups, reachable or not. */
TEST(every_state)
{
	struct sim s;
	struct dag_actions a;

	for (unsigned edges = 0; edges < 1u << 9; edges++) {
		if (!graph(&s, 3, edges))
			continue;
		for (unsigned code = 0; code < power(GROUP_STATES, 3) * JOB_STATES * 32; code++) {
			unsigned c = code;

			for (unsigned g = 0; g < 3; g++, c /= GROUP_STATES)
				s.group[g].state = (enum group_state)(c % GROUP_STATES);
			s.job.status = (enum job_state)(c % JOB_STATES);
			c /= JOB_STATES;
			s.job.pending = c & 1;
			s.job.max_retries = c >> 1 & 1;
			for (unsigned g = 0; g < 3; g++)
				s.group[g].held = s.group[g].state == GROUP_FAILED && (c >> 2 & 1 & g);
			s.group[0].fatal = c >> 3 & 1;
			s.group[2].retries = c >> 4 & 1;
			ask(&s, &a);
			for (unsigned g = 0; g < 3; g++)
				s.group[g].fatal = s.group[g].held = (int)(s.group[g].retries = 0);
		}
	}
}

/* Once every group is committed, neither a kill nor the clock takes the result back. */
TEST(too_late)
{
	struct dag_group g[2] = { { .state = GROUP_DONE }, { .state = GROUP_PUBLISHING, .depends = 1 } };
	struct dag_job job = { .status = JOB_RUNNING, .group = g, .group_count = 2 };
	struct dag_actions a;

	CHECK_INT(dag_next(&a, &job), 0);
	CHECK_INT(a.count, 0);
	CHECK(dag_past_kill(&job));
	g[1].state = GROUP_PREPARED;
	CHECK(!dag_past_kill(&job));
	CHECK_INT(dag_end(&a, &job), 0);
	CHECK_INT(a.count, 1);
	CHECK_INT(a.list[0].group, 1);
}

/* Nothing starts before the other party has accepted; nothing is decided before its reason is known. */
TEST(waits)
{
	struct dag_group g[2] = { { .state = GROUP_WAITING }, { .state = GROUP_FAILED, .fatal = 1, .held = 1 } };
	struct dag_job job = { .status = JOB_INIT, .group = g, .group_count = 2, .pending = 1 };
	struct dag_actions a;

	CHECK_INT(dag_next(&a, &job), 0);
	CHECK_INT(a.count, 0);
	job.pending = 0;
	CHECK_INT(dag_next(&a, &job), 0);
	CHECK_INT(a.count, 1);
	CHECK_INT(a.list[0].act, DAG_GROUP_READY);
	g[1].held = 0;
	CHECK_INT(dag_next(&a, &job), 0);
	CHECK_INT(a.count, 3);
	CHECK_INT(a.list[2].act, DAG_JOB_FAILED);
	CHECK_INT(a.list[2].group, 1);
}

TEST(root_cause)
{
	struct dag_group g[3] = { { .state = GROUP_CANCELED }, { .state = GROUP_FAILED, .fatal = 1 }, { .state = GROUP_COMMITTED } };
	struct dag_job job = { .status = JOB_RUNNING, .group = g, .group_count = 3, .max_retries = 5 };
	struct dag_actions a;

	CHECK_INT(dag_next(&a, &job), 0);
	CHECK_INT(a.count, 3);
	CHECK_INT(a.list[2].act, DAG_JOB_FAILED);
	CHECK_INT(a.list[2].group, 1);
	/* a rerun leaves what is committed alone */
	job.status = JOB_FAILED;
	CHECK_INT(dag_rerun(&a, &job), 0);
	CHECK_INT(a.count, 2);
	CHECK_INT(a.list[0].act, DAG_GROUP_RESET);
	CHECK_INT(a.list[1].group, 1);
}

TEST(backoff)
{
	CHECK_INT(dag_backoff(0), 500);
	CHECK_INT(dag_backoff(1), 1000);
	CHECK_INT(dag_backoff(6), 32000);
	CHECK_INT(dag_backoff(7), 60000);
	CHECK_INT(dag_backoff(INT64_MAX), 60000);
	CHECK_INT(dag_backoff(-1), 500);
}

TEST(nonsense)
{
	struct dag_group g[DAG_GROUPS_MAX] = { { .depends = 1 } };
	struct dag_job job = { .group = g, .group_count = 1 };
	struct dag_actions a;

	CHECK_INT(dag_next(&a, &job), ERR_INPUT);	/* on itself */
	g[0].depends = 2;
	CHECK_INT(dag_next(&a, &job), ERR_INPUT);	/* out of range */
	CHECK_INT(dag_end(&a, &job), ERR_INPUT);
	CHECK_INT(dag_rerun(&a, &job), ERR_INPUT);
	job.group_count = 0;
	CHECK_INT(dag_next(&a, &job), ERR_INPUT);
	job.group_count = DAG_GROUPS_MAX + 1;
	CHECK_INT(dag_next(&a, &job), ERR_INPUT);
	job.group_count = DAG_GROUPS_MAX;
	g[0].depends = ~(uint64_t)1;	/* as many as there may be */
	CHECK_INT(dag_next(&a, &job), 0);
	CHECK_INT(a.count, DAG_GROUPS_MAX - 1);
	CHECK_INT(dag_end(&a, &job), 0);
	CHECK_INT(a.count, DAG_GROUPS_MAX);
}

TEST(figures)
{
	printf("# %ld jobs played, %ld calls\n", sims, calls);
	CHECK(sims > 100000);
}

TEST_MAIN(CASE(every_graph), CASE(every_order), CASE(kill_and_rerun), CASE(every_state), CASE(too_late), CASE(waits),
	  CASE(root_cause), CASE(backoff), CASE(nonsense), CASE(figures))
