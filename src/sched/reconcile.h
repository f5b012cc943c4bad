/*
 * What to do when the two parties' views of one job differ. Pure tables:
 * (role, my state, the other's state, whose epoch is newer) -> my action.
 * docs/agreement.md says why each entry is what it is.
 *
 * The leader alone decides how a job ends and in which epoch it is. So the
 * follower's actions only take, repeat or give up; the leader's repeat,
 * decide, or, when the follower holds a decision that the leader no longer
 * knows (its database came back from an old backup), take that decision back.
 */
#ifndef PET_SCHED_RECONCILE_H
#define PET_SCHED_RECONCILE_H

#include <stdint.h>

#include "base/state.h"

enum recon_role { RECON_LEADER, RECON_FOLLOWER, RECON_ROLES };

enum recon_state {
	RECON_UNKNOWN,		/* no row */
	RECON_TOMBSTONE,	/* no row, but a kill that came before the submit */
	RECON_INIT,
	RECON_RUNNING,
	RECON_KILLING,		/* INIT or RUNNING with a kill that the leader has not decided on */
	RECON_SUCCESS,
	RECON_FAILED,
	RECON_CANCELED,
	RECON_STATES
};

/* The other party's epoch, seen from mine. */
enum recon_age { RECON_SAME, RECON_OLDER, RECON_NEWER, RECON_AGES };

enum recon_action {
	RECON_NONE,
	RECON_SUBMIT,		/* send the submit again, with epoch and finished groups */
	RECON_ACCEPTED,		/* the other party has the job: its answer to the submit was lost */
	RECON_SEND_STATE,	/* tell epoch and end of the job */
	RECON_SEND_RERUN,	/* tell the epoch and which groups keep their results */
	RECON_SEND_KILL,	/* tell the leader of the kill again */
	RECON_KILL,		/* leader: decide as dag_next does with `kill` set */
	RECON_TAKE,		/* take the other's epoch and end (TOMBSTONE counts as CANCELED); end own processes */
	RECON_TAKE_RERUN,	/* follower: take the newer epoch; end the older one's processes */
	RECON_LOST,		/* follower: the leader does not know the job: end it CANCELED here */
	RECON_ABORT,		/* leader: take the newer epoch and decide FAILED there: what ran in it is not known here */
	RECON_BURY,		/* leave a tombstone, so that a late submit is refused */
	RECON_ACTIONS
};

struct recon_view {
	enum recon_state state;
	uint32_t epoch;		/* without meaning for UNKNOWN and TOMBSTONE */
};

/* `submitter`: a user asked for the job at this party. */
enum recon_action recon_job(enum recon_role role, int submitter, const struct recon_view *mine,
			    const struct recon_view *theirs);
/*
 * Destroys work if the other's view was merely late: take it only when a
 * second exchange, begun after the first one ended, shows the same pair.
 */
int recon_twice(enum recon_action action);

enum recon_state recon_state_of(enum job_state status, int kill_wanted);
const char *recon_state_name(enum recon_state s);
const char *recon_action_name(enum recon_action a);
/* -1 for a word that is none. */
int recon_state_parse(const char *word);

/* --- groups of a job that is RUNNING at both, in the same epoch ---------- */

enum recon_gaction {
	RECON_G_NONE,
	RECON_G_RETRY,		/* leader: this attempt is lost: FAILED (not yet begun: stays), and the next one is numbered above both */
	RECON_G_SEND_END,	/* leader: tell the other party to end what it runs of this group */
	RECON_G_PREPARED,	/* leader: the other side is prepared; its message was lost */
	RECON_G_SEND_COMMIT,	/* leader: tell the commit again; the other side publishes, or already has */
	RECON_G_TAKE_COMMIT,	/* leader: it had committed and forgot (old backup): COMMITTED, with their attempt */
	RECON_G_FAIL,		/* leader: committed here, ended there: the job FAILED, for a reason no retry mends */
	RECON_G_END,		/* follower: end own processes of this attempt: CANCELED */
	RECON_G_PUBLISH,	/* follower: the leader has committed: COMMITTED */
	RECON_G_SEND_TASKS,	/* follower: tell the tasks' states again */
	RECON_G_ACTIONS
};

struct recon_gview {
	enum group_state state;
	uint32_t attempt;
};

enum recon_gaction recon_group(enum recon_role role, const struct recon_gview *mine,
			       const struct recon_gview *theirs);
int recon_gtwice(enum recon_gaction action);
const char *recon_gaction_name(enum recon_gaction a);

#endif
