/*
 * The choice of a level. cpu.c is compiled into this test with a self-test of
 * its own that can be made to fail; each case is a process, since the choice is
 * made once per process.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "mpc/cpu_test.h"
#undef CPU_TESTS
#define CPU_TESTS(X) X(staged)

static int broken = -1, calls;

static int staged_selftest(enum cpu_level level)
{
	calls++;
	return (int)level != broken;
}

#include "mpc/cpu.c"

#include "test.h"

/* Runs `body` in a process with PET_CPU; its log goes to `said`. Returns the level it ended with, or below 0. */
static int in_child(const char *pet_cpu, int bad, int (*body)(void), char *said, size_t max)
{
	int fd[2], status = -1;
	ssize_t n, at = 0;
	pid_t pid;

	CHECK_INT(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fd[1], 2);
		if (pet_cpu)
			setenv("PET_CPU", pet_cpu, 1);
		else
			unsetenv("PET_CPU");
		broken = bad;
		_exit(body());
	}
	close(fd[1]);
	while ((size_t)at < max - 1 && (n = read(fd[0], said + at, max - 1 - (size_t)at)) > 0)
		at += n;
	said[at] = '\0';
	close(fd[0]);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int level_twice(void)
{
	int first = (int)cpu_level(), before = calls;

	return (int)cpu_level() == first && calls == before ? first : 99;
}

static int best(void)
{
	char said[512];

	return in_child(NULL, -1, level_twice, said, sizeof(said));
}

TEST(bounds)
{
	char said[512];
	int most = best();

	CHECK(most >= CPU_PORTABLE && most < CPU_LEVELS);
	for (int l = 0; l < CPU_LEVELS; l++) {
		CHECK_INT(in_child(cpu_level_name((enum cpu_level)l), -1, level_twice, said, sizeof(said)),
			  l < most ? l : most);
		CHECK_STR(said, "");
	}
	CHECK_INT(in_child("", -1, level_twice, said, sizeof(said)), most);
	CHECK_INT(in_child("sse9", -1, level_twice, said, sizeof(said)), most);
	CHECK_HAS(said, "PET_CPU=sse9 is no level");
}

TEST(disagreement_lowers)
{
	char said[1024];
	int most = best();

	if (most == CPU_PORTABLE)
		return;
	CHECK_INT(in_child(NULL, most, level_twice, said, sizeof(said)), most - 1);
	CHECK_HAS(said, "staged kernels of level");
	CHECK_HAS(said, cpu_level_name((enum cpu_level)most));
	/* once */
	CHECK(strchr(said, '\n') == strrchr(said, '\n'));
}

static int set_levels(void)
{
	if (cpu_set_level((enum cpu_level)broken) != ERR_INPUT || cpu_set_level((enum cpu_level)-1) != ERR_INPUT ||
	    cpu_set_level((enum cpu_level)CPU_LEVELS) != ERR_INPUT)
		return 98;
	return cpu_set_level(CPU_PORTABLE) == 0 ? (int)cpu_level() : 97;
}

TEST(set_level)
{
	char said[1024];

	CHECK_INT(in_child(NULL, CPU_AESNI, set_levels, said, sizeof(said)), CPU_PORTABLE);
	CHECK_INT(in_child(NULL, CPU_AVX512, set_levels, said, sizeof(said)), CPU_PORTABLE);
}

TEST_MAIN(CASE(bounds), CASE(disagreement_lowers), CASE(set_level))
