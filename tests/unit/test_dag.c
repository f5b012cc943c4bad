/*
 * The DAG logic against every labelled acyclic graph of up to four groups.
 * `step` plays the executor; `invariants` judges each call by rules that are
 * written without the code under test.
 */
#include "sched/dag.h"

#include "test.h"

#define N_MAX 4

enum outcome { GOOD, FAILS_ONCE, FAILS_ALWAYS, FATAL, OUTCOMES };
enum policy { ALL_AT_ONCE, LOWEST_FIRST, HIGHEST_FIRST, POLICIES };

struct sim {
	unsigned n;
	unsigned depends[N_MAX][N_MAX];
	struct dag_group group[N_MAX];
	struct dag_job job;
	enum outcome outcome[N_MAX];
	unsigned starts[N_MAX], attempts[N_MAX];
	int64_t now;
};

static long sims, calls;

/* edges: bit i*n+j says that i depends on j. 0 when the graph has a circle or a loop. */
static int graph(struct sim *s, unsigned n, unsigned edges)
{
	unsigned left = (1u << n) - 1, before;

	memset(s, 0, sizeof(*s));
	s->n = n;
	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < n; j++)
			if (edges >> (i * n + j) & 1)
				s->depends[i][s->group[i].depend_count++] = j;
		s->group[i].depends = s->depends[i];
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
		printf("; %u %s retries %u outcome %d depends", g, group_state_name(s->group[g].state),
		       s->group[g].retries, s->outcome[g]);
		for (unsigned d = 0; d < s->group[g].depend_count; d++)
			printf(" %u", s->depends[g][d]);
	}
	printf("\n");
}

static int all_done(const struct sim *s, const struct dag_group *g)
{
	for (unsigned d = 0; d < g->depend_count; d++)
		if (s->group[g->depends[d]].state != GROUP_DONE)
			return 0;
	return 1;
}

/* May this action follow these states? */
static const char *illegal(const struct sim *s, const struct dag_action *a)
{
	const struct dag_group *g = &s->group[a->group];

	if (a->act < DAG_JOB_RUN && a->group >= s->n)
		return "a group that is not there";
	switch (a->act) {
	case DAG_GROUP_READY:
		return g->state == GROUP_WAITING && all_done(s, g) ? NULL : "ready too early";
	case DAG_GROUP_START:
		return g->state == GROUP_READY && g->not_before_ms <= s->now && s->job.status != JOB_FAILED ? NULL : "start too early";
	case DAG_GROUP_RETRY:
		return g->state == GROUP_FAILED && g->retries < s->job.max_retries && !g->fatal && a->at_ms > s->now ? NULL : "a retry that is not allowed";
	case DAG_GROUP_CANCEL:
		return g->state < GROUP_COMMITTED ? NULL : "a cancel of a group that has ended or is committed";
	case DAG_JOB_RUN:
		return s->job.status == JOB_INIT ? NULL : "run of a job that runs";
	default:
		return NULL;
	}
}

static void invariants(const struct sim *s, const struct dag_actions *a)
{
	unsigned done = 0, live = 0, cancels = 0, ends = 0;

	for (unsigned g = 0; g < s->n; g++) {
		done += s->group[g].state == GROUP_DONE;
		live += s->group[g].state < GROUP_COMMITTED;
	}
	if (job_state_ended(s->job.status) && a->count)
		fail(s, "an ended job moves");
	for (unsigned i = 0; i < a->count; i++) {
		const char *why = illegal(s, &a->list[i]);

		if (why)
			fail(s, why);
		for (unsigned j = 0; j < i; j++)
			if (a->list[j].act < DAG_JOB_RUN && a->list[i].act < DAG_JOB_RUN && a->list[j].group == a->list[i].group)
				fail(s, "two actions for one group");
		cancels += a->list[i].act == DAG_GROUP_CANCEL;
		if (a->list[i].act >= DAG_JOB_SUCCESS) {
			ends++;
			if (i + 1 != a->count)
				fail(s, "something after the end of the job");
			if ((a->list[i].act == DAG_JOB_SUCCESS) != (done == s->n))
				fail(s, "success is not the same as all done");
			if (a->list[i].act != DAG_JOB_SUCCESS && cancels != live)
				fail(s, "a group outlives the job");
		}
	}
	if (cancels && !ends)
		fail(s, "a cancel without the job's end");
}

static void apply(struct sim *s, const struct dag_action *a)
{
	struct dag_group *g = &s->group[a->group];

	switch (a->act) {
	case DAG_GROUP_READY:
		g->state = GROUP_READY;
		break;
	case DAG_GROUP_START:
		g->state = GROUP_RESERVING;
		s->starts[a->group]++;
		s->attempts[a->group]++;
		break;
	case DAG_GROUP_RETRY:
		g->state = GROUP_READY;
		g->retries++;
		g->not_before_ms = a->at_ms;
		break;
	case DAG_GROUP_CANCEL:
		g->state = GROUP_CANCELED;
		break;
	case DAG_GROUP_RESET:
		*g = (struct dag_group){ .state = GROUP_WAITING, .depends = g->depends, .depend_count = g->depend_count };
		s->starts[a->group] = 0;
		break;
	case DAG_JOB_RUN:
	case DAG_JOB_RERUN:
		s->job.status = JOB_RUNNING;
		break;
	case DAG_JOB_SUCCESS:
		s->job.status = JOB_SUCCESS;
		break;
	case DAG_JOB_FAILED:
		s->job.status = JOB_FAILED;
		break;
	case DAG_JOB_CANCELED:
		s->job.status = JOB_CANCELED;
		break;
	}
}

/* One transition of a group that is on its way; 0 when it has none. */
static int step(struct sim *s, unsigned i)
{
	struct dag_group *g = &s->group[i];
	int fails = s->outcome[i] >= FAILS_ALWAYS || (s->outcome[i] == FAILS_ONCE && s->attempts[i] == 1);

	if (g->state < GROUP_RESERVING || g->state >= GROUP_DONE)
		return 0;
	if (g->state == GROUP_RUNNING && fails) {
		g->state = GROUP_FAILED;
		g->fatal = s->outcome[i] == FATAL;
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

/* Asks, judges, applies. With `broken` the caller dies after the first action. */
static unsigned ask(struct sim *s, struct dag_actions *a, int broken)
{
	unsigned count;

	calls++;
	if (dag_next(a, &s->job, s->now))
		fail(s, "dag_next refuses a good job");
	invariants(s, a);
	count = broken && a->count > 1 ? 1 : a->count;
	for (unsigned i = 0; i < count; i++)
		apply(s, &a->list[i]);
	return count;
}

/* Until nothing moves any more. kill_at: the call before which a user kills it. */
static void run(struct sim *s, enum policy policy, int kill_at, int broken)
{
	struct dag_actions a;
	unsigned done = 0;

	sims++;
	for (int round = 0; ; round++) {
		unsigned now_done = 0, acted;

		s->job.kill |= round == kill_at;
		acted = ask(s, &a, broken);
		for (unsigned g = 0; g < s->n; g++)
			now_done += s->group[g].state == GROUP_DONE;
		if (now_done < done)
			fail(s, "progress goes back");
		done = now_done;
		if (!executor(s, policy) && !acted) {
			if (job_state_ended(s->job.status))
				return;
			if (a.wake_ms <= s->now) {
				fail(s, "the job is stuck");
				return;
			}
			s->now = a.wake_ms;
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
		if (group_state_active(grp->state) || grp->state < GROUP_RESERVING)
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

	for (unsigned g = 0; g < s.n; g++, code /= OUTCOMES) {
		s.outcome[g] = (enum outcome)(code % OUTCOMES);
		s.group[g].depends = s.depends[g];
	}
	s.job.group = s.group;
	s.job.max_retries = max_retries;
	run(&s, policy, -1, 0);
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

/* Three groups: every retry limit, every order, and the caller dying after each first action. */
TEST(every_order)
{
	struct sim s, t;

	for (unsigned edges = 0; edges < 1u << 9; edges++) {
		if (!graph(&s, 3, edges))
			continue;
		for (unsigned code = 0; code < power(OUTCOMES, 3) * POLICIES * 3; code++) {
			each_outcome(&s, code % 64, code / 64 % 3, (enum policy)(code / 192));
			t = s;
			t.job.group = t.group;
			for (unsigned g = 0; g < 3; g++) {
				t.group[g].depends = t.depends[g];
				t.outcome[g] = (enum outcome)((code % 64) >> (2 * g) & 3);
			}
			t.job.max_retries = code / 64 % 3;
			run(&t, (enum policy)(code / 192), -1, 1);
			judge(&t, 0);
		}
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
			for (unsigned g = 0; g < 3; g++)
				t.group[g].depends = t.depends[g];
			run(&t, ALL_AT_ONCE, at, 0);
			judge(&t, 1);
			if (t.job.status == JOB_SUCCESS) {
				success++;
				CHECK_INT(dag_rerun(&a, &t.job), ERR_CONFLICT);
				continue;
			}
			canceled++;
			CHECK_INT(t.job.status, JOB_CANCELED);
			for (unsigned g = 0; g < 3; g++)
				done |= (t.group[g].state == GROUP_DONE) << g;
			CHECK_INT(dag_rerun(&a, &t.job), 0);
			t.job.kill = 0;
			for (unsigned i = 0; i < a.count; i++)
				apply(&t, &a.list[i]);
			for (unsigned g = 0; g < 3; g++) {
				CHECK_INT(t.group[g].state, done >> g & 1 ? GROUP_DONE : GROUP_WAITING);
				t.starts[g] = 0;
			}
			run(&t, ALL_AT_ONCE, -1, 0);
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
		for (unsigned code = 0; code < power(GROUP_STATES, 3) * JOB_STATES * 8; code++) {
			unsigned c = code;

			for (unsigned g = 0; g < 3; g++, c /= GROUP_STATES)
				s.group[g].state = (enum group_state)(c % GROUP_STATES);
			s.job.status = (enum job_state)(c % JOB_STATES);
			c /= JOB_STATES;
			s.job.kill = c & 1;
			s.job.max_retries = c >> 1 & 1;
			s.job.deadline_ms = c >> 2 & 1;
			s.now = 5;
			calls++;
			if (dag_next(&a, &s.job, s.now))
				fail(&s, "dag_next refuses a good job");
			invariants(&s, &a);
			if (s.job.kill && !job_state_ended(s.job.status) && !dag_past_kill(&s.job) &&
			    (a.count == 0 || a.list[a.count - 1].act != DAG_JOB_CANCELED))
				fail(&s, "a kill is not obeyed");
		}
	}
}

static unsigned first[1] = { 0 };

TEST(timeout)
{
	struct dag_group g[2] = { { .state = GROUP_RUNNING }, { .state = GROUP_WAITING, .depends = first, .depend_count = 1 } };
	struct dag_job job = { .status = JOB_RUNNING, .group = g, .group_count = 2, .deadline_ms = 1000 };
	struct dag_actions a;

	CHECK_INT(dag_next(&a, &job, 999), 0);
	CHECK_INT(a.count, 0);
	CHECK_INT(a.wake_ms, 1000);
	CHECK_INT(dag_next(&a, &job, 1000), 0);
	CHECK_INT(a.count, 3);
	CHECK_INT(a.list[2].act, DAG_JOB_FAILED);
	CHECK_INT(a.list[2].why, DAG_WHY_TIMEOUT);
	/* the last commit came before the deadline: the job ends well */
	g[0].state = GROUP_DONE;
	g[1].state = GROUP_PUBLISHING;
	CHECK_INT(dag_next(&a, &job, 5000), 0);
	CHECK_INT(a.count, 0);
	CHECK(dag_past_kill(&job));
	g[1].state = GROUP_PREPARED;
	CHECK(!dag_past_kill(&job));
}

TEST(root_cause)
{
	struct dag_group g[3] = { { .state = GROUP_CANCELED }, { .state = GROUP_FAILED, .fatal = 1 }, { .state = GROUP_COMMITTED } };
	struct dag_job job = { .status = JOB_RUNNING, .group = g, .group_count = 3, .max_retries = 5 };
	struct dag_actions a;

	CHECK_INT(dag_next(&a, &job, 0), 0);
	CHECK_INT(a.count, 1);
	CHECK_INT(a.list[0].act, DAG_JOB_FAILED);
	CHECK_INT(a.list[0].group, 1);
	/* a rerun leaves what is committed alone */
	job.status = JOB_FAILED;
	CHECK_INT(dag_rerun(&a, &job), 0);
	CHECK_INT(a.count, 3);
	CHECK_INT(a.list[1].group, 1);
	CHECK_STR(dag_act_name(a.list[2].act), "job rerun");
}

TEST(backoff)
{
	struct dag_group g = { .state = GROUP_FAILED };
	struct dag_job job = { .status = JOB_RUNNING, .group = &g, .group_count = 1, .max_retries = 100, .backoff_ms = 10 };
	struct dag_actions a;

	CHECK_INT(dag_backoff(0, 0), 1000);
	CHECK_INT(dag_backoff(0, 1), 2000);
	CHECK_INT(dag_backoff(0, 5), 32000);
	CHECK_INT(dag_backoff(0, 6), 60000);
	CHECK_INT(dag_backoff(0, 4000000000u), 60000);
	CHECK_INT(dag_backoff(INT64_MAX, 3), 60000);
	CHECK_INT(dag_backoff(-5, 0), 1000);
	for (g.retries = 0; g.retries < 3; g.retries++) {
		CHECK_INT(dag_next(&a, &job, 100), 0);
		CHECK_INT(a.list[0].act, DAG_GROUP_RETRY);
		CHECK_INT(a.list[0].at_ms, 100 + (10 << g.retries));
		CHECK_INT(a.wake_ms, a.list[0].at_ms);
	}
}

TEST(nonsense)
{
	unsigned bad[1] = { 1 };
	struct dag_group g = { .depends = first, .depend_count = 1 };
	struct dag_job job = { .group = &g, .group_count = 1 };
	struct dag_actions a;

	CHECK_INT(dag_next(&a, &job, 0), ERR_INPUT);	/* on itself */
	g.depends = bad;
	CHECK_INT(dag_next(&a, &job, 0), ERR_INPUT);	/* out of range */
	CHECK_INT(dag_rerun(&a, &job), ERR_INPUT);
	job.group_count = 0;
	CHECK_INT(dag_next(&a, &job, 0), ERR_INPUT);
	job.group_count = DAG_GROUPS_MAX + 1;
	CHECK_INT(dag_next(&a, &job, 0), ERR_INPUT);
}

TEST(figures)
{
	printf("# %ld jobs played, %ld calls\n", sims, calls);
	CHECK(sims > 100000);
}

TEST_MAIN(CASE(every_graph), CASE(every_order), CASE(kill_and_rerun), CASE(every_state), CASE(timeout),
	  CASE(root_cause), CASE(backoff), CASE(nonsense), CASE(figures))
