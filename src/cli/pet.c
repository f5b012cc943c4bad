/* pet: the command line client. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/util.h"
#include "cli/cli.h"
#include "config.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} commands[] = {
	{ "submit", cmd_submit, "submit [--url URL] [--watch] REQUEST.json|-   ask for a job" },
	{ "status", cmd_status, "status [--url URL] [--watch] JOB_ID           how a job is doing" },
	{ "kill", cmd_kill, "kill [--url URL] JOB_ID                       end a job at both parties" },
	{ "rerun", cmd_rerun, "rerun [--url URL] JOB_ID                      run a failed or killed job again" },
	{ "run", cmd_run, "run op-NAME …                                  an operator pair by hand, without the platform" },
	{ "user", cmd_user, "user add|token|rotate|revoke|restore|limit|list …   who may ask this party" },
};

static void usage(FILE *to)
{
	fprintf(to, "usage: pet COMMAND …\n\n");
	for (size_t i = 0; i < PET_ARRAY_SIZE(commands); i++)
		fprintf(to, "  pet %s\n", commands[i].usage);
	fprintf(to, "\nURL is the party's API; default: the variable PET_URL.\n");
}

static int unknown(const char *word)
{
	size_t best = 0;

	for (size_t i = 1; i < PET_ARRAY_SIZE(commands); i++)
		if (util_distance(word, commands[i].name) < util_distance(word, commands[best].name))
			best = i;
	fprintf(stderr, "pet: unknown command '%s'; did you mean '%s'? (pet --help lists them)\n",
		word, commands[best].name);
	return EX_USAGE;
}

int main(int argc, char **argv)
{
	int status;

	log_init("pet");
	if (argc < 2) {
		usage(stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts(PACKAGE_STRING);
		return 0;
	}
	for (size_t i = 0; i < PET_ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		curl_global_init(CURL_GLOBAL_DEFAULT);
		status = commands[i].run(argc - 1, argv + 1);
		curl_global_cleanup();
		return status;
	}
	return unknown(argv[1]);
}
