#include <string.h>

#include "mpc/lookup_impl.h"

/* A value of 96 bits and what is left of it behind its prefix, both from the top. */
typedef unsigned __int128 wide;

#define COUNT_MAX UINT16_MAX

/* A prefix of H bits costs 2 * 2^H bytes and saves H/8 a tag; beyond these lengths it pays. */
unsigned lookup_prefix_bits(uint32_t n)
{
	if (n < 1u << 10)
		return 0;
	return n < 1u << 17 ? 8 : 16;
}

static size_t counts_size(unsigned prefix)
{
	return prefix ? (size_t)2 << prefix : 0;
}

size_t lookup_wire_size(uint32_t n, unsigned bits)
{
	unsigned prefix = lookup_prefix_bits(n);

	return counts_size(prefix) + (size_t)n * ((bits - prefix) / 8);
}

static uint64_t load_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static uint32_t load_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static wide value_of(const struct lookup_tag *t)
{
	return (wide)t->top << 32 | t->low;
}

/* The number of tags per prefix, little-endian. */
static int pack_counts(uint8_t *out, const struct lookup_tag *t, uint32_t n, unsigned prefix)
{
	uint32_t i = 0;

	for (uint32_t g = 0; prefix && g < 1u << prefix; g++) {
		uint32_t k = 0;

		for (; i < n && lookup_part(t[i].top, prefix) == g; i++)
			k++;
		if (k > COUNT_MAX)
			return ERR_INTERNAL;
		out[2 * g] = (uint8_t)k;
		out[2 * g + 1] = (uint8_t)(k >> 8);
	}
	return !prefix || i == n ? 0 : ERR_INTERNAL;
}

int lookup_pack(uint8_t *out, const struct lookup_tag *t, uint32_t n, unsigned bits)
{
	unsigned prefix = lookup_prefix_bits(n), len = (bits - prefix) / 8;
	uint8_t *end = out + lookup_wire_size(n, bits);
	int rc = pack_counts(out, t, n, prefix);

	out += counts_size(prefix);
	for (uint32_t i = 0; rc == 0 && i < n; i++, out += len) {
		wide rest = value_of(&t[i]) << prefix;
		uint64_t hi = __builtin_bswap64((uint64_t)(rest >> 32));
		uint32_t lo = __builtin_bswap32((uint32_t)rest);
		uint8_t b[12];

		memcpy(b, &hi, 8);
		memcpy(b + 8, &lo, 4);
		/* A store of fixed size, whose end the next tag overwrites; near the end, of the right one. */
		if (end - out >= 12)
			memcpy(out, b, 12);
		else
			memcpy(out, b, len);
	}
	return rc;
}

static uint32_t count_at(const uint8_t *counts, uint32_t g)
{
	return counts[2 * g] | (uint32_t)counts[2 * g + 1] << 8;
}

uint32_t lookup_wire_count(const uint8_t *wire, uint32_t m, uint32_t from, uint32_t to)
{
	uint32_t sum = 0;

	if (!lookup_prefix_bits(m))
		return m;
	for (uint32_t g = from; g < to; g++)
		sum += count_at(wire, g);
	return sum;
}

/* At most 2^16 counts of 16 bits: the sum fits. */
int lookup_wire_check(const uint8_t *wire, uint32_t m)
{
	return lookup_wire_count(wire, m, 0, UINT32_C(1) << lookup_prefix_bits(m)) == m ? 0 : ERR_PEER;
}

void lookup_reader_init(struct lookup_reader *r, const uint8_t *wire, uint32_t m, unsigned bits, uint32_t group)
{
	unsigned prefix = lookup_prefix_bits(m);

	*r = (struct lookup_reader){
		.counts = wire, .rest = wire + counts_size(prefix), .end = wire + lookup_wire_size(m, bits),
		.group = group, .left = prefix ? count_at(wire, group) : m, .prefix = prefix, .len = (bits - prefix) / 8,
		.at = prefix ? lookup_wire_count(wire, m, 0, group) : 0,
	};
	r->rest += (size_t)r->at * r->len;
}

/* One tag: 12 bytes are read where so many are left, the surplus is cut off. */
static wide rest_at(const struct lookup_reader *r, wide keep)
{
	uint8_t b[12] = { 0 };

	if (r->end - r->rest >= 12)
		memcpy(b, r->rest, 12);
	else
		memcpy(b, r->rest, r->len);
	return ((wide)load_be64(b) << 32 | load_be32(b + 8)) & keep;
}

void lookup_reader_read(struct lookup_reader *r, struct lookup_tag *out, uint32_t k)
{
	wide keep = ~(wide)0 << (LOOKUP_BITS_MAX - 8 * r->len);

	while (k > 0) {
		wide first = (wide)r->group << (LOOKUP_BITS_MAX - r->prefix);
		uint32_t now = r->left < k ? r->left : k;

		for (uint32_t i = 0; i < now; i++, out++, r->rest += r->len) {
			wide v = rest_at(r, keep) >> r->prefix | first;

			*out = (struct lookup_tag){ (uint64_t)(v >> 32), (uint32_t)v, r->at++ };
		}
		k -= now;
		r->left -= now;
		if (k > 0)
			r->left = count_at(r->counts, ++r->group);
	}
}
