/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - walks over the records of a message (private to dns/)
 *
 * Names are skipped, never followed: a compression pointer ends a name, so no pointer
 * loop can hold the walk up.
 *
 * Source: RFC 1035 sections 4.1.3 and 4.1.4; RFC 6891 section 6.1.
 */
#ifndef CULVERT_DNS_RECORD_H
#define CULVERT_DNS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX    255 /* bytes on the wire, with the root's zero */
#define DNS_TYPE_A      1
#define DNS_TYPE_SOA    6
#define DNS_TYPE_AAAA   28
#define DNS_TYPE_OPT    41
#define DNS_TYPE_SVCB   64
#define DNS_TYPE_HTTPS  65
#define DNS_TYPE_META   249 /* TKEY; the types up to ANY are never cached */
#define DNS_TYPE_ANY    255
#define DNS_TYPE_IXFR   251
#define DNS_TYPE_AXFR   252
#define DNS_OPT_LEN     11 /* an OPT record without options */
#define DNS_OPT_DO      0x8000u
#define DNS_FLAG_QR     0x8000u
#define DNS_FLAG_OPCODE 0x7800u
#define DNS_FLAG_TC     0x0200u
#define DNS_FLAG_RD     0x0100u
#define DNS_FLAG_RA     0x0080u
#define DNS_FLAG_AD     0x0020u
#define DNS_FLAG_CD     0x0010u
#define DNS_OPTION_KEEP 11 /* edns-tcp-keepalive, RFC 7828 */
#define DNS_OPTION_COOK 10 /* COOKIE, RFC 7873 */
#define DNS_OPTION_PAD  12 /* Padding, RFC 7830 */

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, N_DNS_SECTIONS };

struct dns_record {
	size_t at; /* where its name begins */
	size_t ttl_at;
	size_t data_at;
	uint32_t ttl; /* s; flags of an OPT record */
	uint16_t type;
	uint16_t class;
	uint16_t data_len;
	enum dns_section section;
};

struct dns_walk {
	const uint8_t *message;
	size_t len;
	size_t at;
	unsigned int left[N_DNS_SECTIONS];
	bool broken; /* the message ended too early, or a name is wrong */
};

/** dns_question_end() - the offset behind the only question, 0 when it is malformed */
size_t dns_question_end(const uint8_t *message, size_t len);

/** dns_name_equal() - two uncompressed names of valid form, without regard to ASCII case */
bool dns_name_equal(const uint8_t *a, const uint8_t *b, size_t len);
uint8_t dns_lower(uint8_t c);

/** dns_walk_begin() - at the first record; @question_end as dns_question_end() said */
struct dns_walk dns_walk_begin(const uint8_t *message, size_t len, size_t question_end);

/** dns_walk_next() - Return: false at the end or when .broken */
bool dns_walk_next(struct dns_walk *walk, struct dns_record *ret);

/** dns_opt_append() - an OPT record without options; Return: the offset behind it */
size_t dns_opt_append(uint8_t *out, size_t at, uint16_t size, uint32_t flags);

/** dns_option_is_local() - it concerns one hop only and does not change an answer */
bool dns_option_is_local(uint16_t code);

/* The options of an OPT record: code and length of the one at *at, which is moved behind it. */
bool dns_option_next(const uint8_t *data, size_t len, size_t *at, uint16_t *ret_code,
		     uint16_t *ret_len);

#endif
