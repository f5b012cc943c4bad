#include "mpc/cpu.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "mpc/cpu_test.h"

static const char *const names[CPU_LEVELS] = { "portable", "aesni", "vaes", "avx512" };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int usable[CPU_LEVELS];		/* the machine has it, and its kernels agree with the portable ones */
static atomic_int current = -1;

const char *cpu_level_name(enum cpu_level level)
{
	return names[level];
}

static int machine_has(enum cpu_level level)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
#define HAS(x) (__builtin_cpu_supports(x) != 0)
	switch (level) {
	case CPU_PORTABLE:
		return 1;
	case CPU_AESNI:
		return HAS("ssse3") && HAS("sse4.1") && HAS("aes") && HAS("pclmul");
	case CPU_VAES:
		return machine_has(CPU_AESNI) && HAS("avx2") && HAS("vaes") && HAS("vpclmulqdq");
	case CPU_AVX512:
		return machine_has(CPU_VAES) && HAS("avx512f") && HAS("avx512bw") && HAS("avx512dq") &&
		       HAS("avx512vl") && HAS("avx512vbmi") && HAS("gfni");
	}
#undef HAS
	return 0;
#else
	return level == CPU_PORTABLE;
#endif
}

void cpu_test_data(struct block *out, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < 2 * n; i++) {
		uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		out[i / 2].w[i & 1] = z ^ z >> 31;
	}
}

/* Runs every module's test; the first that disagrees is named. */
static int agrees(enum cpu_level level)
{
#define RUN(name) \
	if (!name##_selftest(level)) { \
		log_error("cpu: %s kernels of level %s disagree with the portable ones; the level is not used", \
			  #name, names[level]); \
		return 0; \
	}
	CPU_TESTS(RUN)
#undef RUN
	return 1;
}

/* PET_CPU as an upper bound; an unknown value is said once and bounds nothing. */
static enum cpu_level wanted(void)
{
	const char *s = getenv("PET_CPU");

	if (!s || !*s)
		return CPU_AVX512;
	for (int l = CPU_AVX512; l >= CPU_PORTABLE; l--)
		if (strcmp(s, names[l]) == 0)
			return (enum cpu_level)l;
	log_warning("PET_CPU=%s is no level; portable, aesni, vaes and avx512 are", s);
	return CPU_AVX512;
}

static void choose(void)
{
	enum cpu_level best = CPU_PORTABLE, most = wanted();

	for (int l = CPU_PORTABLE; l <= CPU_AVX512; l++) {
		usable[l] = machine_has((enum cpu_level)l) && (l == CPU_PORTABLE || agrees((enum cpu_level)l));
		if (usable[l] && l <= (int)most)
			best = (enum cpu_level)l;
	}
	atomic_store(&current, (int)best);
}

enum cpu_level cpu_level(void)
{
	int l = atomic_load_explicit(&current, memory_order_relaxed);

	if (l < 0) {
		pthread_once(&once, choose);
		l = atomic_load(&current);
	}
	return (enum cpu_level)l;
}

int cpu_set_level(enum cpu_level level)
{
	pthread_once(&once, choose);
	if ((int)level < 0 || (int)level >= CPU_LEVELS || !usable[level])
		return ERR_INPUT;
	atomic_store(&current, (int)level);
	return 0;
}
