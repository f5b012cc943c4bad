/*
 * The special bytes of a CSV text, 64 bytes at a time, one bit per byte. Which
 * bytes lie inside quotes is the prefix XOR of the quotes' bits, by a
 * carry-less multiplication where the machine has one: Langdale and Lemire,
 * Parsing gigabytes of JSON per second, VLDB Journal 2019, section 3.1.1.
 * Internal to src/table.
 */
#ifndef PET_TABLE_CSV_MASK_H
#define PET_TABLE_CSV_MASK_H

#include <stddef.h>
#include <stdint.h>

#define CSV_BLOCK 64

struct csv_masks {
	uint64_t quote, delim, lf, cr;
	uint64_t odd;		/* NUL, or the top bit is set: the text needs a closer look */
	uint64_t inside;	/* an odd number of quotes up to and with this byte: an opening quote is inside, a closing one is not */
};

/*
 * The masks of `blocks` whole blocks. inside: 0, or all ones when the text before
 * them ended within quotes; returns the same for what follows them.
 */
typedef uint64_t csv_mask_fn(struct csv_masks *out, const uint8_t *data, size_t blocks, uint8_t delim, uint64_t inside);

struct csv_mask_path {
	const char *name;	/* "portable", "sse2", "avx2" */
	csv_mask_fn *masks;
	int (*usable)(void);	/* this machine has it */
};

/* Every path that was compiled, the widest last; ends with .name = NULL. All give the same bits. */
extern const struct csv_mask_path csv_mask_paths[];
/* The widest usable one, that agrees with the portable one on a self-test; chosen once. Any thread. */
csv_mask_fn *csv_mask_best(void);

csv_mask_fn csv_mask_avx2;

#endif
