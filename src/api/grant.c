#include "api/grant.h"

#include <string.h>

#include "base/safepath.h"

int grant_holds(const char *clean, const char *output_dir)
{
	char folder[SAFEPATH_MAX], want[SAFEPATH_MAX];
	size_t n = strlen(output_dir);

	if (n == 0 || n >= sizeof(folder))
		return 0;
	memcpy(folder, output_dir, n + 1);
	while (n > 1 && folder[n - 1] == '/')
		folder[--n] = '\0';
	if (strcmp(folder, ".") == 0 || strcmp(folder, "data") == 0)
		return 1;
	if (safepath_clean(folder, want, NULL))
		return 0;
	n = strlen(want);
	return strncmp(clean, want, n) == 0 && clean[n] == '/';
}

int grant_covers(const char *clean, const char *input_path)
{
	char want[SAFEPATH_MAX];
	size_t n = strlen(input_path);

	if (strcmp(input_path, "*") == 0)
		return 1;
	if (n >= 2 && n < sizeof(want) && strcmp(input_path + n - 2, "/*") == 0) {
		memcpy(want, input_path, n - 2);
		want[n - 2] = '\0';
		return grant_holds(clean, want);
	}
	return safepath_clean(input_path, want, NULL) == 0 && strcmp(clean, want) == 0;
}
