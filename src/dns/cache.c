/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache.c - answers kept for as long as they say
 *
 * Flat: a table of entries, a table of blocks that hold their bytes in chains, a hash over
 * the entries and one list from the newest use to the oldest.  What does not fit evicts
 * from the old end.  The key is hashed with a secret, so that a client can't choose names
 * that all fall into one chain; the name itself is compared in the copy of the answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wire.h"
#include "crypto/siphash.h"
#include "dns/dns.h"
#include "dns/record.h"

#define NONE             UINT32_MAX
#define BLOCK_LEN        124u
#define BLOCKS_PER_ENTRY 4u     /* 512 bytes each on average; a usual answer takes 1 or 2 */
#define REPLY_MAX        16384u /* longer ones are fetched again each time */
#define TTL_MAX          86400u /* s; what says more is asked once a day all the same */
#define NEGATIVE_TTL_MAX 3600u  /* s; RFC 2308 section 5 suggests one to three hours */
#define KEY_MAX          (DNS_NAME_MAX + 5)

struct block {
	uint32_t next;
	uint8_t bytes[BLOCK_LEN];
};

struct entry {
	uint64_t hash;
	uint64_t stored;  /* ns */
	uint64_t expires; /* ns */
	uint32_t chain;   /* next with this hash; next free one while unused */
	uint32_t newer, older;
	uint32_t first; /* block */
	uint32_t len;   /* bytes; 0: unused */
	uint8_t flags;  /* of the key */
};

struct dns_cache {
	uint8_t secret[SIPHASH_KEY_LEN];
	uint32_t n_entries, n_blocks, n_buckets, used;
	struct entry *entries;
	struct block *blocks;
	uint32_t *buckets;
	uint32_t free_entry, free_block, n_free_blocks;
	uint32_t fresh_entry, fresh_block; /* from here on never used: not resident yet */
	uint32_t newest, oldest;
	uint8_t scratch[REPLY_MAX]; /* an answer on its way in */
};

int dns_cache_new(uint32_t entries, struct rng *rng, struct dns_cache **ret)
{
	struct dns_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->n_entries = entries;
	c->n_blocks = entries * BLOCKS_PER_ENTRY;
	c->n_buckets = 16;
	while (c->n_buckets < entries)
		c->n_buckets *= 2;
	c->entries = calloc(entries + 1u, sizeof(*c->entries));
	c->blocks = calloc(c->n_blocks + 1u, sizeof(*c->blocks));
	c->buckets = calloc(c->n_buckets, sizeof(*c->buckets));
	if (!c->entries || !c->blocks || !c->buckets) {
		dns_cache_free(c);
		return -ENOMEM;
	}
	rng_fill(rng, c->secret, sizeof(c->secret));
	memset(c->buckets, 0xff, c->n_buckets * sizeof(*c->buckets));
	c->free_entry = c->free_block = NONE;
	c->n_free_blocks = c->n_blocks;
	c->newest = c->oldest = NONE;
	*ret = c;
	return 0;
}

struct dns_cache *dns_cache_free(struct dns_cache *cache)
{
	if (cache) {
		free(cache->entries);
		free(cache->blocks);
		free(cache->buckets);
	}
	free(cache);
	return NULL;
}

/*
 * DO, CD, AD and the presence of EDNS change what an answer may contain (RFC 6840 section
 * 5.8, RFC 6891 section 7), so each combination is kept apart.
 */
static uint8_t key_flags(const struct dns_query *query)
{
	return (uint8_t)(query->dnssec << 0 | query->checking_off << 1 | query->authentic << 2 |
			 (query->edns_at != 0) << 3);
}

static uint64_t key_hash(const struct dns_cache *c, const struct dns_query *query,
			 const uint8_t *message)
{
	size_t len = query->question_end - DNS_HEADER_LEN;
	uint8_t key[KEY_MAX];

	/* Type and class behind the name are lowered too: harmless, they are compared later. */
	for (size_t i = 0; i < len; i++)
		key[i] = dns_lower(message[DNS_HEADER_LEN + i]);
	key[len] = key_flags(query);
	return siphash(c->secret, key, len + 1);
}

static uint32_t *bucket(struct dns_cache *c, uint64_t hash)
{
	return &c->buckets[hash & (c->n_buckets - 1)];
}

static void list_remove(struct dns_cache *c, struct entry *e)
{
	*(e->newer == NONE ? &c->newest : &c->entries[e->newer].older) = e->older;
	*(e->older == NONE ? &c->oldest : &c->entries[e->older].newer) = e->newer;
}

static void list_add_newest(struct dns_cache *c, uint32_t i)
{
	struct entry *e = &c->entries[i];

	e->newer = NONE;
	e->older = c->newest;
	*(c->newest == NONE ? &c->oldest : &c->entries[c->newest].newer) = i;
	c->newest = i;
}

static void entry_remove(struct dns_cache *c, uint32_t i)
{
	struct entry *e = &c->entries[i];
	uint32_t *link = bucket(c, e->hash);

	while (*link != i)
		link = &c->entries[*link].chain;
	*link = e->chain;
	list_remove(c, e);
	while (e->first != NONE) {
		uint32_t next = c->blocks[e->first].next;

		c->blocks[e->first].next = c->free_block;
		c->free_block = e->first;
		c->n_free_blocks++;
		e->first = next;
	}
	e->len = 0;
	e->chain = c->free_entry;
	c->free_entry = i;
	c->used--;
}

/* One of n_free_blocks. */
static uint32_t block_take(struct dns_cache *c)
{
	uint32_t b = c->free_block;

	if (b != NONE)
		c->free_block = c->blocks[b].next;
	else
		b = c->fresh_block++;
	c->n_free_blocks--;
	return b;
}

/* An unused entry while there are fewer than n_entries. */
static uint32_t entry_take(struct dns_cache *c)
{
	uint32_t i = c->free_entry;

	if (i != NONE)
		c->free_entry = c->entries[i].chain;
	else
		i = c->fresh_entry++;
	c->used++;
	return i;
}

static void copy_in(struct dns_cache *c, struct entry *e, const uint8_t *bytes, uint32_t len)
{
	uint32_t *link = &e->first;

	for (uint32_t at = 0; at < len; at += BLOCK_LEN) {
		uint32_t n = len - at < BLOCK_LEN ? len - at : BLOCK_LEN;
		uint32_t b = block_take(c);

		memcpy(c->blocks[b].bytes, bytes + at, n);
		*link = b;
		link = &c->blocks[b].next;
	}
	*link = NONE;
	e->len = len;
}

static void copy_out(const struct dns_cache *c, const struct entry *e, uint8_t *out)
{
	uint32_t b = e->first;

	for (uint32_t at = 0; at < e->len; at += BLOCK_LEN) {
		uint32_t n = e->len - at < BLOCK_LEN ? e->len - at : BLOCK_LEN;

		memcpy(out + at, c->blocks[b].bytes, n);
		b = c->blocks[b].next;
	}
}

/* Seconds that a negative answer may be kept: the SOA's own TTL or its last field. */
static uint32_t soa_ttl(const uint8_t *reply, const struct dns_record *record)
{
	uint32_t minimum;

	if (record->data_len < 20)
		return 0;
	minimum = load_be32(reply + record->data_at + record->data_len - 4);
	return minimum < record->ttl ? minimum : record->ttl;
}

/* How long @reply may be kept, in seconds; 0: not at all.  *ret_opt: its OPT record if any. */
static uint32_t reply_ttl(const uint8_t *reply, size_t len, size_t question_end,
			  struct dns_record *ret_opt)
{
	struct dns_walk walk = dns_walk_begin(reply, len, question_end);
	uint32_t ttl = TTL_MAX;
	struct dns_record record;
	bool negative = dns_reply_rcode(reply) == DNS_NXDOMAIN || load_be16(reply + 6) == 0;
	bool soa = false;

	while (dns_walk_next(&walk, &record)) {
		uint32_t this_ttl = record.ttl;

		if (record.type == DNS_TYPE_OPT) {
			*ret_opt = record;
			continue;
		}
		if (record.type == DNS_TYPE_SOA && record.section == DNS_AUTHORITY) {
			this_ttl = soa_ttl(reply, &record);
			if (this_ttl > NEGATIVE_TTL_MAX)
				this_ttl = NEGATIVE_TTL_MAX;
			soa = true;
		}
		if (this_ttl > INT32_MAX)
			this_ttl = 0; /* RFC 2181 section 8 */
		if (this_ttl < ttl)
			ttl = this_ttl;
	}
	return walk.broken || walk.at != len || (negative && !soa) ? 0 : ttl;
}

/*
 * Copies @reply to @out without the OPT options that concern one hop (a cookie is for one
 * client only).  Only an OPT at the very end can be shortened; else nothing is kept.
 */
static size_t copy_without_local_options(uint8_t *out, const uint8_t *reply, size_t len,
					 const struct dns_record *opt)
{
	const uint8_t *data = reply + opt->data_at;
	size_t from = 0;
	size_t at = 0;
	size_t to = opt->data_at;
	uint16_t code;
	uint16_t n;

	memcpy(out, reply, opt->data_at);
	while (dns_option_next(data, opt->data_len, &at, &code, &n)) {
		if (!dns_option_is_local(code)) {
			memcpy(out + to, data + from, at - from);
			to += at - from;
		}
		from = at;
	}
	store_be16(out + opt->data_at - 2, (uint16_t)(to - opt->data_at));
	return at == opt->data_len && opt->data_at + opt->data_len == len ? to : 0;
}

static bool cacheable(const struct dns_cache *c, const struct dns_query *query,
		      const uint8_t *reply, size_t len)
{
	enum dns_rcode rcode = dns_reply_rcode(reply);

	if (!query->plain || !query->recursion)
		return false;
	if (query->type >= DNS_TYPE_META && query->type <= DNS_TYPE_ANY)
		return false;
	return len <= REPLY_MAX && len <= (size_t)c->n_blocks * BLOCK_LEN && c->n_entries > 0 &&
	       !dns_reply_truncated(reply) && (rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN);
}

static uint32_t find(struct dns_cache *c, uint64_t hash, uint8_t flags)
{
	uint32_t i = *bucket(c, hash);

	while (i != NONE && (c->entries[i].hash != hash || c->entries[i].flags != flags))
		i = c->entries[i].chain;
	return i;
}

bool dns_cache_store(struct dns_cache *c, const struct dns_query *query, const uint8_t *reply,
		     size_t len, uint64_t now)
{
	struct dns_record opt = { 0 };
	uint64_t hash;
	struct entry *e;
	uint32_t ttl;
	uint32_t i;

	if (!cacheable(c, query, reply, len))
		return false;
	ttl = reply_ttl(reply, len, query->question_end, &opt);
	/* An extended rcode (upper bits in OPT) is an error whatever the header says. */
	if (ttl == 0 || opt.ttl >> 24 != 0 || (opt.at != 0) != (query->edns_at != 0))
		return false;
	if (opt.at != 0) {
		len = copy_without_local_options(c->scratch, reply, len, &opt);
		reply = c->scratch;
	}
	if (len == 0)
		return false;
	hash = key_hash(c, query, reply);
	i = find(c, hash, key_flags(query));
	if (i != NONE)
		entry_remove(c, i);
	while (c->used == c->n_entries || (size_t)c->n_free_blocks * BLOCK_LEN < len)
		entry_remove(c, c->oldest);
	i = entry_take(c);
	e = &c->entries[i];
	e->hash = hash;
	e->flags = key_flags(query);
	e->stored = now;
	e->expires = now + ttl * NS_PER_S;
	copy_in(c, e, reply, (uint32_t)len);
	e->chain = *bucket(c, hash);
	*bucket(c, hash) = i;
	list_add_newest(c, i);
	return true;
}

static void lower_ttls(uint8_t *reply, size_t len, size_t question_end, uint32_t age)
{
	struct dns_walk walk = dns_walk_begin(reply, len, question_end);
	struct dns_record record;

	while (dns_walk_next(&walk, &record)) {
		if (record.type != DNS_TYPE_OPT)
			store_be32(reply + record.ttl_at, record.ttl > age ? record.ttl - age : 0);
	}
}

size_t dns_cache_find(struct dns_cache *c, const struct dns_query *query, const uint8_t *message,
		      uint64_t now, uint8_t out[static DNS_MESSAGE_MAX])
{
	size_t end = query->question_end;
	struct entry *e;
	uint32_t i;

	if (!query->plain || !query->recursion)
		return 0;
	i = find(c, key_hash(c, query, message), key_flags(query));
	if (i == NONE)
		return 0;
	e = &c->entries[i];
	if (now >= e->expires) {
		entry_remove(c, i);
		return 0;
	}
	copy_out(c, e, out);
	if (!dns_reply_matches(query, message, load_be16(out), out, e->len))
		return 0; /* another name with the same hash */
	list_remove(c, e);
	list_add_newest(c, i);
	store_be16(out, query->id);
	memcpy(out + DNS_HEADER_LEN, message + DNS_HEADER_LEN, end - DNS_HEADER_LEN);
	lower_ttls(out, e->len, end, (uint32_t)((now - e->stored) / NS_PER_S));
	return e->len;
}

uint32_t dns_cache_entries(const struct dns_cache *cache)
{
	return cache->used;
}
