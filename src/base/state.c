#include "base/state.h"

#include <stddef.h>
#include <string.h>

static const char *const job_words[JOB_STATES] = { "INIT", "RUNNING", "SUCCESS", "FAILED", "CANCELED" };
static const char *const group_words[GROUP_STATES] = {
	"WAITING", "READY", "RESERVING", "RESERVED", "STARTING", "RUNNING", "PREPARED",
	"COMMITTED", "PUBLISHING", "DONE", "FAILED", "CANCELED",
};
static const char *const task_words[TASK_STATES] = {
	"INIT", "RUNNING", "PREPARED", "PUBLISHING", "SUCCESS", "FAILED", "CANCELED",
};

static const char *word_of(const char *const *words, int count, int s)
{
	return s >= 0 && s < count ? words[s] : "?";
}

static int parse(const char *const *words, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

const char *job_state_name(enum job_state s)
{
	return word_of(job_words, JOB_STATES, (int)s);
}

const char *group_state_name(enum group_state s)
{
	return word_of(group_words, GROUP_STATES, (int)s);
}

const char *task_state_name(enum task_state s)
{
	return word_of(task_words, TASK_STATES, (int)s);
}

int job_state_parse(const char *word)
{
	return parse(job_words, JOB_STATES, word);
}

int group_state_parse(const char *word)
{
	return parse(group_words, GROUP_STATES, word);
}

int task_state_parse(const char *word)
{
	return parse(task_words, TASK_STATES, word);
}
