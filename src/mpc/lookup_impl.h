/* What lookup.c, lookup_match.c and lookup_wire.c share. */
#ifndef PET_MPC_LOOKUP_IMPL_H
#define PET_MPC_LOOKUP_IMPL_H

#include "mpc/lookup.h"

/* The first `bits` bits of a tag, 0 to 32. */
static inline uint32_t lookup_part(uint64_t top, unsigned bits)
{
	return (uint32_t)(top >> 32 >> (32 - bits));
}

/* How many leading bits of a tag the wire format of a list of n counts, and how many tags begin with from … to-1 there. */
unsigned lookup_prefix_bits(uint32_t n);
uint32_t lookup_wire_count(const uint8_t *wire, uint32_t m, uint32_t from, uint32_t to);
/* ERR_PEER when the counts do not add up to m. */
int lookup_wire_check(const uint8_t *wire, uint32_t m) PET_MUST_USE;

/* Reads a checked list off the wire. */
struct lookup_reader {
	const uint8_t *counts, *rest, *end;
	uint32_t group, left;	/* prefix in work, and tags that it still has */
	uint32_t at;		/* the next tag */
	unsigned prefix, len;	/* bits of a prefix; bytes of a tag without it */
};

/* Starts at the first tag of a group. */
void lookup_reader_init(struct lookup_reader *r, const uint8_t *wire, uint32_t m, unsigned bits, uint32_t group);
/* The next k tags, whose ids are their places; not past the last one. */
void lookup_reader_read(struct lookup_reader *r, struct lookup_tag *out, uint32_t k);

#endif
