#include "sched/reconcile.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"

/* Short names, so that a table fits the eye. */
enum {
	____ = RECON_NONE, SUBM = RECON_SUBMIT, ACPT = RECON_ACCEPTED, SEND = RECON_SEND_STATE,
	RRUN = RECON_SEND_RERUN, SKIL = RECON_SEND_KILL, KILL = RECON_KILL, TAKE = RECON_TAKE,
	TRUN = RECON_TAKE_RERUN, LOST = RECON_LOST, ABRT = RECON_ABORT, BURY = RECON_BURY,
};

/*
 * Rows: my state, columns: the other party's. UNKNOWN and TOMBSTONE have no
 * epoch: they stand in the tables of SAME only.
 */
static const unsigned char job_table[RECON_ROLES][RECON_AGES][RECON_STATES][RECON_STATES] = {
[RECON_LEADER] = {
	[RECON_SAME] = {
		/*                    unkn  tomb  init  runn  kill  succ  fail  canc */
		[RECON_UNKNOWN]   = { ____, ____, ____, ____, BURY, ____, ____, ____ },
		[RECON_TOMBSTONE] = { ____, ____, SEND, SEND, SEND, ____, ____, ____ },
		[RECON_INIT]      = { SUBM, KILL, ACPT, ACPT, KILL, TAKE, TAKE, TAKE },
		[RECON_RUNNING]   = { SUBM, KILL, ____, ____, KILL, TAKE, TAKE, TAKE },
		[RECON_KILLING]   = { KILL, KILL, KILL, KILL, KILL, TAKE, TAKE, TAKE },
		[RECON_SUCCESS]   = { ____, ____, SEND, SEND, SEND, ____, SEND, SEND },
		[RECON_FAILED]    = { ____, ____, SEND, SEND, SEND, TAKE, ____, SEND },
		[RECON_CANCELED]  = { ____, ____, SEND, SEND, SEND, TAKE, SEND, ____ },
	},
	[RECON_OLDER] = {	/* a rerun, or its end, has not arrived */
		[RECON_INIT]      = { ____, ____, RRUN, RRUN, RRUN, RRUN, RRUN, RRUN },
		[RECON_RUNNING]   = { ____, ____, RRUN, RRUN, RRUN, RRUN, RRUN, RRUN },
		[RECON_KILLING]   = { ____, ____, KILL, KILL, KILL, KILL, KILL, KILL },
		[RECON_SUCCESS]   = { ____, ____, SEND, SEND, SEND, SEND, SEND, SEND },
		[RECON_FAILED]    = { ____, ____, SEND, SEND, SEND, SEND, SEND, SEND },
		[RECON_CANCELED]  = { ____, ____, SEND, SEND, SEND, SEND, SEND, SEND },
	},
	[RECON_NEWER] = {	/* epochs are made here: this database is older than what it decided */
		[RECON_INIT]      = { ____, ____, ABRT, ABRT, ABRT, TAKE, TAKE, TAKE },
		[RECON_RUNNING]   = { ____, ____, ABRT, ABRT, ABRT, TAKE, TAKE, TAKE },
		[RECON_KILLING]   = { ____, ____, ABRT, ABRT, ABRT, TAKE, TAKE, TAKE },
		[RECON_SUCCESS]   = { ____, ____, ABRT, ABRT, ABRT, TAKE, TAKE, TAKE },
		[RECON_FAILED]    = { ____, ____, ABRT, ABRT, ABRT, TAKE, TAKE, TAKE },
		[RECON_CANCELED]  = { ____, ____, ABRT, ABRT, ABRT, TAKE, TAKE, TAKE },
	},
},
[RECON_FOLLOWER] = {
	[RECON_SAME] = {
		[RECON_UNKNOWN]   = { ____, ____, ____, ____, ____, ____, ____, ____ },
		[RECON_TOMBSTONE] = { ____, ____, SKIL, SKIL, ____, ____, ____, ____ },
		[RECON_INIT]      = { LOST, TAKE, ____, ____, ____, TAKE, TAKE, TAKE },
		[RECON_RUNNING]   = { LOST, TAKE, ____, ____, ____, TAKE, TAKE, TAKE },
		[RECON_KILLING]   = { SKIL, TAKE, SKIL, SKIL, ____, TAKE, TAKE, TAKE },
		[RECON_SUCCESS]   = { ____, ____, ____, ____, ____, ____, ____, ____ },
		[RECON_FAILED]    = { ____, ____, ____, ____, ____, TAKE, ____, TAKE },
		[RECON_CANCELED]  = { ____, ____, ____, ____, ____, TAKE, TAKE, ____ },
	},
	/* [RECON_OLDER]: the leader has forgotten an epoch; it will see mine and act: all ____ */
	[RECON_NEWER] = {
		[RECON_INIT]      = { ____, ____, TRUN, TRUN, TRUN, TAKE, TAKE, TAKE },
		[RECON_RUNNING]   = { ____, ____, TRUN, TRUN, TRUN, TAKE, TAKE, TAKE },
		[RECON_KILLING]   = { ____, ____, TRUN, TRUN, TRUN, TAKE, TAKE, TAKE },
		[RECON_SUCCESS]   = { ____, ____, TRUN, TRUN, TRUN, TAKE, TAKE, TAKE },
		[RECON_FAILED]    = { ____, ____, TRUN, TRUN, TRUN, TAKE, TAKE, TAKE },
		[RECON_CANCELED]  = { ____, ____, TRUN, TRUN, TRUN, TAKE, TAKE, TAKE },
	},
},
};

static enum recon_age age(const struct recon_view *mine, const struct recon_view *theirs)
{
	if (mine->state <= RECON_TOMBSTONE || theirs->state <= RECON_TOMBSTONE ||
	    mine->epoch == theirs->epoch)
		return RECON_SAME;
	return theirs->epoch < mine->epoch ? RECON_OLDER : RECON_NEWER;
}

enum recon_action recon_job(enum recon_role role, int submitter, const struct recon_view *mine,
			    const struct recon_view *theirs)
{
	enum recon_action a;

	if ((unsigned)role >= RECON_ROLES || (unsigned)mine->state >= RECON_STATES ||
	    (unsigned)theirs->state >= RECON_STATES)
		return RECON_NONE;
	a = (enum recon_action)job_table[role][age(mine, theirs)][mine->state][theirs->state];
	/* the user asked here, and the leader has not heard of it yet: nothing is lost, the submit is */
	if (a == RECON_LOST && submitter && mine->state == RECON_INIT)
		return RECON_SUBMIT;
	return a;
}

int recon_twice(enum recon_action action)
{
	return action == RECON_LOST || action == RECON_ABORT;
}

enum recon_state recon_state_of(enum job_state status, int kill_wanted)
{
	switch (status) {
	case JOB_INIT:
		return kill_wanted ? RECON_KILLING : RECON_INIT;
	case JOB_RUNNING:
		return kill_wanted ? RECON_KILLING : RECON_RUNNING;
	case JOB_SUCCESS:
		return RECON_SUCCESS;
	case JOB_FAILED:
		return RECON_FAILED;
	default:
		return RECON_CANCELED;
	}
}

static const char *const state_words[RECON_STATES] = {
	"UNKNOWN", "TOMBSTONE", "INIT", "RUNNING", "KILLING", "SUCCESS", "FAILED", "CANCELED",
};

const char *recon_state_name(enum recon_state s)
{
	return (unsigned)s < RECON_STATES ? state_words[s] : "?";
}

int recon_state_parse(const char *word)
{
	for (int i = 0; i < RECON_STATES; i++)
		if (strcmp(state_words[i], word) == 0)
			return i;
	return -1;
}

const char *recon_action_name(enum recon_action a)
{
	static const char *const words[RECON_ACTIONS] = {
		"none", "submit", "accepted", "send_state", "send_rerun", "send_kill", "kill", "take",
		"take_rerun", "lost", "abort", "bury",
	};

	return (unsigned)a < RECON_ACTIONS ? words[a] : "?";
}

/* --- groups --------------------------------------------------------------- */

/* What matters of a group's state to the other side. */
enum phase { IDLE, ARRANGING, AT_WORK, PREPARED, COMMITTED, ENDED, PHASES };

static enum phase phase_of(enum group_state s)
{
	switch (s) {
	case GROUP_WAITING:
	case GROUP_READY:
		return IDLE;
	case GROUP_RESERVING:
	case GROUP_RESERVED:
	case GROUP_STARTING:
		return ARRANGING;
	case GROUP_RUNNING:
		return AT_WORK;
	case GROUP_PREPARED:
		return PREPARED;
	case GROUP_COMMITTED:
	case GROUP_PUBLISHING:
	case GROUP_DONE:
		return COMMITTED;
	default:
		return ENDED;
	}
}

enum {
	GRTY = RECON_G_RETRY, GEND = RECON_G_SEND_END, GPRE = RECON_G_PREPARED,
	GCOM = RECON_G_SEND_COMMIT, GTAK = RECON_G_TAKE_COMMIT, GFAI = RECON_G_FAIL,
	FEND = RECON_G_END, FPUB = RECON_G_PUBLISH, FSND = RECON_G_SEND_TASKS,
};

static const unsigned char group_table[RECON_ROLES][RECON_AGES][PHASES][PHASES] = {
[RECON_LEADER] = {
	[RECON_SAME] = {
		/*              idle  arra  work  prep  comm  ended */
		[IDLE]      = { ____, ____, GRTY, GRTY, GTAK, GRTY },
		[ARRANGING] = { ____, ____, ____, ____, GTAK, GRTY },
		[AT_WORK]   = { GRTY, ____, ____, GPRE, GTAK, GRTY },
		[PREPARED]  = { GRTY, GRTY, ____, GPRE, GTAK, GRTY },
		[COMMITTED] = { GCOM, GCOM, GCOM, GCOM, ____, GFAI },
		[ENDED]     = { ____, GEND, GEND, GEND, GTAK, ____ },
	},
	[RECON_OLDER] = {	/* the follower has not heard of this attempt */
		[IDLE]      = { ____, GEND, GEND, GEND, GTAK, ____ },
		[ARRANGING] = { ____, GEND, GEND, GEND, GTAK, ____ },
		[AT_WORK]   = { GRTY, GRTY, GRTY, GRTY, GTAK, GRTY },
		[PREPARED]  = { GRTY, GRTY, GRTY, GRTY, GTAK, GRTY },
		[COMMITTED] = { GCOM, GCOM, GCOM, GCOM, ____, GCOM },
		[ENDED]     = { ____, GEND, GEND, GEND, GTAK, ____ },
	},
	[RECON_NEWER] = {	/* the leader has forgotten attempts */
		[IDLE]      = { GRTY, GRTY, GRTY, GRTY, GTAK, GRTY },
		[ARRANGING] = { GRTY, GRTY, GRTY, GRTY, GTAK, GRTY },
		[AT_WORK]   = { GRTY, GRTY, GRTY, GRTY, GTAK, GRTY },
		[PREPARED]  = { GRTY, GRTY, GRTY, GRTY, GTAK, GRTY },
		[COMMITTED] = { GFAI, GFAI, GFAI, GFAI, ____, GFAI },
		[ENDED]     = { GRTY, GRTY, GRTY, GRTY, GTAK, GRTY },
	},
},
[RECON_FOLLOWER] = {
	[RECON_SAME] = {
		[IDLE]      = { ____, ____, ____, ____, FPUB, ____ },
		[ARRANGING] = { ____, ____, ____, ____, FPUB, FEND },
		[AT_WORK]   = { ____, ____, ____, ____, FPUB, FEND },
		[PREPARED]  = { ____, FSND, FSND, FSND, FPUB, FEND },
		[COMMITTED] = { ____, ____, ____, ____, ____, ____ },
		[ENDED]     = { ____, FSND, FSND, FSND, ____, ____ },
	},
	/* [RECON_OLDER]: the leader has forgotten attempts and acts: all ____ */
	[RECON_NEWER] = {	/* my attempt is over */
		[IDLE]      = { ____, ____, ____, ____, FPUB, ____ },
		[ARRANGING] = { FEND, FEND, FEND, FEND, FPUB, FEND },
		[AT_WORK]   = { FEND, FEND, FEND, FEND, FPUB, FEND },
		[PREPARED]  = { FEND, FEND, FEND, FEND, FPUB, FEND },
		[COMMITTED] = { ____, ____, ____, ____, ____, ____ },
		[ENDED]     = { ____, ____, ____, ____, FPUB, ____ },
	},
},
};

enum recon_gaction recon_group(enum recon_role role, const struct recon_gview *mine,
			       const struct recon_gview *theirs)
{
	enum recon_age a = RECON_SAME;

	if ((unsigned)role >= RECON_ROLES || (unsigned)mine->state >= GROUP_STATES ||
	    (unsigned)theirs->state >= GROUP_STATES)
		return RECON_G_NONE;
	if (mine->attempt != theirs->attempt)
		a = theirs->attempt < mine->attempt ? RECON_OLDER : RECON_NEWER;
	return (enum recon_gaction)group_table[role][a][phase_of(mine->state)][phase_of(theirs->state)];
}

int recon_gtwice(enum recon_gaction action)
{
	return action == RECON_G_RETRY || action == RECON_G_FAIL;
}

const char *recon_gaction_name(enum recon_gaction a)
{
	static const char *const words[RECON_G_ACTIONS] = {
		"none", "retry", "send_end", "prepared", "send_commit", "take_commit", "fail", "end",
		"publish", "send_tasks",
	};

	return (unsigned)a < RECON_G_ACTIONS ? words[a] : "?";
}
