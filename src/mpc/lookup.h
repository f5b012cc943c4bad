/*
 * Which tags of two lists are equal: the last step of a set intersection.
 *
 * A tag is a pseudorandom value of `bits` bits, 64 to 96 and a multiple of 8. It
 * is compared by value only, so a list goes over the wire sorted: its order
 * then says nothing about the order it came from, and the leading bits cost
 * next to nothing. With H = 0, 8 or 16 leading bits, by the length of the list:
 *
 *	2^H counts of 16 bits: tags that begin with 0, 1, ... 2^H-1 (none for H = 0)
 *	n times the remaining bits - H bits, big-endian, in ascending order
 *
 * 2^20 tags of 80 bits take 8.1 MiB instead of 10.
 *
 * Both lists ascend, so they are merged, in time linear in what the peer can send.
 * Memory accesses depend on the tags: they are this party's output or are about
 * to be shown to the other (_var). The id of a tag, its place in the owner's
 * list, shows in the accesses of the owner's machine alone.
 */
#ifndef PET_MPC_LOOKUP_H
#define PET_MPC_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mpc/block.h"

#define LOOKUP_BITS_MAX 96
#define LOOKUP_ITEMS_MAX (UINT32_C(1) << 28)

struct lookup_tag {
	uint64_t top;		/* the first 64 bits */
	uint32_t low;		/* the others, from the top; 0 beyond `bits` */
	uint32_t id;
};

/* 40 + log2 n + log2 m, each rounded up, at least 64, rounded up to bytes: unequal tags of the two lists meet with probability <= 2^-40. */
unsigned lookup_tag_bits(uint64_t n, uint64_t m);

static inline struct lookup_tag lookup_tag(struct block b, unsigned bits, uint32_t id)
{
	uint32_t keep = bits == 64 ? 0 : UINT32_MAX << (LOOKUP_BITS_MAX - bits);

	return (struct lookup_tag){ b.w[0], (uint32_t)b.w[1] & keep, id };
}

/* Ascending by value, then id; scratch holds n tags, too. ERR_NOMEM. */
int lookup_sort_var(struct lookup_tag *t, struct lookup_tag *scratch, uint32_t n, int threads) PET_MUST_USE;

/* Bytes of n tags on the wire. */
size_t lookup_wire_size(uint32_t n, unsigned bits);
/* t is sorted; out holds lookup_wire_size bytes. ERR_INTERNAL when the tags are not what a hash gives. */
int lookup_pack(uint8_t *out, const struct lookup_tag *t, uint32_t n, unsigned bits) PET_MUST_USE;

struct lookup_result {
	uint8_t *matched;	/* in: zeroed, `ids` bytes; matched[id] becomes 1 for an own tag that the peer has too */
	uint32_t ids;		/* own tags with a higher id are dummies: never marked */
	uint8_t *flags;		/* in: NULL or (m + 7) / 8 bytes; bit i: the peer's i-th tag is one of ours */
	uint32_t matches;	/* how many of matched are set */
};

/*
 * own is sorted; wire: lookup_wire_size(m) bytes from the peer. ERR_PEER when its
 * counts do not add up to m or its tags do not ascend. ERR_NOMEM.
 */
int lookup_match_var(struct lookup_result *r, const struct lookup_tag *own, uint32_t n,
		     const uint8_t *wire, uint32_t m, unsigned bits, int threads) PET_MUST_USE;

#endif
