/* The states of jobs, groups and tasks: the same words as the ENUMs of the database. */
#ifndef PET_BASE_STATE_H
#define PET_BASE_STATE_H

enum job_state { JOB_INIT, JOB_RUNNING, JOB_SUCCESS, JOB_FAILED, JOB_CANCELED, JOB_STATES };

enum group_state {
	GROUP_WAITING,		/* a dependency is not done */
	GROUP_READY,		/* may start, once its back-off is over */
	GROUP_RESERVING,	/* asking for slots at both parties */
	GROUP_RESERVED,		/* both slots granted */
	GROUP_STARTING,		/* start sent to the other party */
	GROUP_RUNNING,
	GROUP_PREPARED,		/* own tasks have ended well, outputs staged */
	GROUP_COMMITTED,	/* both sides prepared and the leader has decided */
	GROUP_PUBLISHING,	/* the lease's owner renames the outputs */
	GROUP_DONE,
	GROUP_FAILED,		/* this attempt failed */
	GROUP_CANCELED,
	GROUP_STATES
};

enum task_state { TASK_INIT, TASK_RUNNING, TASK_PREPARED, TASK_PUBLISHING, TASK_SUCCESS, TASK_FAILED, TASK_CANCELED, TASK_STATES };

const char *job_state_name(enum job_state s);
const char *group_state_name(enum group_state s);
const char *task_state_name(enum task_state s);
/* -1 for a word that is none of them. */
int job_state_parse(const char *word);
int group_state_parse(const char *word);
int task_state_parse(const char *word);

static inline int job_state_ended(enum job_state s)
{
	return s == JOB_SUCCESS || s == JOB_FAILED || s == JOB_CANCELED;
}

/* The leader's decision has fallen: nothing but DONE may follow. */
static inline int group_state_committed(enum group_state s)
{
	return s == GROUP_COMMITTED || s == GROUP_PUBLISHING || s == GROUP_DONE;
}

/* Holds, or asks for, a slot and processes. */
static inline int group_state_active(enum group_state s)
{
	return s >= GROUP_RESERVING && s <= GROUP_PREPARED;
}

#endif
