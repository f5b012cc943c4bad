#include "mpc/lookup.h"

#include <stdlib.h>

#include "mpc/lookup_impl.h"

#define GROUP_LIMIT 64		/* tags with equal leading bits that insertion may still sort */
#define SECOND_BITS_MAX 10

unsigned lookup_tag_bits(uint64_t n, uint64_t m)
{
	unsigned bits = 40;

	/* log2 of the next power of two of each: never less than log2(n·m). */
	while (n > 1) {
		n = (n + 1) / 2;
		bits++;
	}
	while (m > 1) {
		m = (m + 1) / 2;
		bits++;
	}
	return bits <= 64 ? 64 : (bits + 7) / 8 * 8;
}

/* So many that a part holds 256 to 512 tags and what is done with it stays in the first cache. */
static unsigned part_bits(uint32_t n)
{
	unsigned bits = 0;

	while (n > 512u << bits)
		bits++;
	return bits;
}

/* Slice t of n tags. */
static uint32_t slice(uint32_t n, int t, int slices)
{
	return (uint32_t)((uint64_t)n * (unsigned)t / (unsigned)slices);
}

/* Counts to places: part by part and, inside a part, slice by slice, so that the number of slices changes nothing. */
static void places(uint32_t *count, uint32_t *start, size_t parts, int slices)
{
	uint32_t sum = 0;

	for (size_t q = 0; q < parts; q++) {
		start[q] = sum;
		for (int t = 0; t < slices; t++) {
			uint32_t k = count[(size_t)t * parts + q];

			count[(size_t)t * parts + q] = sum;
			sum += k;
		}
	}
	start[parts] = sum;
}

/* start[q] … start[q+1]-1 of out become the tags that begin with q. */
static int partition(struct lookup_tag *out, uint32_t *start, const struct lookup_tag *in, uint32_t n, int threads)
{
	unsigned bits = part_bits(n);
	size_t parts = (size_t)1 << bits;
	int slices = n < 4096 ? 1 : threads;
	uint32_t *count = calloc((size_t)slices * parts, sizeof(*count));

	if (!count)
		return ERR_NOMEM;
#pragma omp parallel for schedule(static, 1) num_threads(slices)
	for (int t = 0; t < slices; t++) {
		for (uint32_t i = slice(n, t, slices); i < slice(n, t + 1, slices); i++)
			count[(size_t)t * parts + lookup_part(in[i].top, bits)]++;
	}
	places(count, start, parts, slices);
#pragma omp parallel for schedule(static, 1) num_threads(slices)
	for (int t = 0; t < slices; t++) {
		uint32_t *to = count + (size_t)t * parts;

		for (uint32_t i = slice(n, t, slices); i < slice(n, t + 1, slices); i++)
			out[to[lookup_part(in[i].top, bits)]++] = in[i];
	}
	free(count);
	return 0;
}

static int before(const struct lookup_tag *a, const struct lookup_tag *b)
{
	if (a->top != b->top)
		return a->top < b->top;
	return a->low != b->low ? a->low < b->low : a->id < b->id;
}

static int compare(const void *a, const void *b)
{
	return before(a, b) ? -1 : before(b, a);
}

static void insertion(struct lookup_tag *t, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		struct lookup_tag x = t[i];
		uint32_t j = i;

		for (; j > 0 && before(&x, &t[j - 1]); j--)
			t[j] = t[j - 1];
		t[j] = x;
	}
}

/* One part: by as many further bits as it has tags, about one each; what is left is a step or two of insertion. */
static void sort_part(struct lookup_tag *out, const struct lookup_tag *in, uint32_t n, unsigned skip)
{
	uint32_t at[(1u << SECOND_BITS_MAX) + 1] = { 0 }, most = 0;
	unsigned bits = 1;

	while (bits < SECOND_BITS_MAX && (1u << bits) < n)
		bits++;
	for (uint32_t i = 0; i < n; i++)
		at[lookup_part(in[i].top << skip, bits) + 1]++;
	for (uint32_t q = 1; q <= 1u << bits; q++) {
		most = at[q] > most ? at[q] : most;
		at[q] += at[q - 1];
	}
	for (uint32_t i = 0; i < n; i++)
		out[at[lookup_part(in[i].top << skip, bits)]++] = in[i];
	if (most > GROUP_LIMIT)
		qsort(out, n, sizeof(*out), compare);
	else
		insertion(out, n);
}

int lookup_sort_var(struct lookup_tag *t, struct lookup_tag *scratch, uint32_t n, int threads)
{
	unsigned bits = part_bits(n);
	size_t parts = (size_t)1 << bits;
	uint32_t *start = calloc(parts + 1, sizeof(*start));
	int rc = ERR_NOMEM;

	if (!start)
		goto out;
	TRY(partition(scratch, start, t, n, threads));
#pragma omp parallel for schedule(static) num_threads(threads)
	for (size_t q = 0; q < parts; q++)
		sort_part(t + start[q], scratch + start[q], start[q + 1] - start[q], bits);
out:
	free(start);
	return rc;
}
