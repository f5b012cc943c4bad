#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void drop(int *argc, char **argv, int at, int count)
{
	for (int i = at; i + count <= *argc; i++)
		argv[i] = argv[i + count];
	*argc -= count;
}

const char *cli_opt(int *argc, char **argv, const char *name)
{
	size_t n = strlen(name);

	for (int i = 1; i < *argc; i++) {
		const char *value;

		if (strncmp(argv[i], name, n) != 0)
			continue;
		if (argv[i][n] == '=') {
			value = argv[i] + n + 1;
			drop(argc, argv, i, 1);
			return value;
		}
		if (argv[i][n] == '\0' && i + 1 < *argc) {
			value = argv[i + 1];
			drop(argc, argv, i, 2);
			return value;
		}
	}
	return NULL;
}

int cli_flag(int *argc, char **argv, const char *name)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], name) == 0) {
			drop(argc, argv, i, 1);
			return 1;
		}
	}
	return 0;
}

int cli_rest(int argc, char **argv, int want, const char *usage)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1] != '\0') {
			fprintf(stderr, "pet %s: unknown or incomplete option '%s'; usage: %s\n",
				argv[0], argv[i], usage);
			return ERR_INPUT;
		}
	}
	if (argc - 1 == want)
		return 0;
	fprintf(stderr, "pet %s: expected %d argument%s, got %d; usage: %s\n", argv[0], want,
		want == 1 ? "" : "s", argc - 1, usage);
	return ERR_INPUT;
}
