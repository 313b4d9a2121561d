/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checksum.h - the Internet checksum
 *
 * Sums are carried as uint64_t of 16-bit big-endian words not yet folded; pass 0
 * to begin.  A piece of odd length must be the last, or be chained with
 * checksum_add_at().
 *
 * Source: RFC 1071, RFC 1624 (equation 3), RFC 768 (a computed 0 is sent as 0xffff).
 */
#ifndef CULVERT_PACKET_CHECKSUM_H
#define CULVERT_PACKET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/** checksum_add() - adds @len bytes; Return: the new sum */
uint64_t checksum_add(uint64_t sum, const void *data, size_t len);

/** checksum_copy() - the same, copying to @out on the way */
uint64_t checksum_copy(uint64_t sum, void *out, const void *data, size_t len);

/** checksum_add_at() - adds bytes that stand at @offset of the summed message (odd or even) */
uint64_t checksum_add_at(uint64_t sum, const void *data, size_t len, size_t offset);

/** checksum_fold() - Return: the folded 16-bit sum, not complemented, host order */
uint16_t checksum_fold(uint64_t sum);

/** checksum_pseudo() - the IPv4 pseudo-header's sum; all host order, @len bytes of transport */
uint64_t checksum_pseudo(uint32_t src, uint32_t dst, uint8_t proto, uint16_t len);

/** checksum_pseudo_ip6() - IPv6's (RFC 8200 section 8.1); source and destination stand behind each
 *  other in wire order, as in the header */
uint64_t checksum_pseudo_ip6(const uint8_t addresses[static 32], uint8_t proto, uint32_t len);

/** checksum_adjust16(), checksum_adjust32() - RFC 1624: the new checksum field when a word changes.
 *  @check is the field as stored (complemented), host order. */
uint16_t checksum_adjust16(uint16_t check, uint16_t from, uint16_t to);
uint16_t checksum_adjust32(uint16_t check, uint32_t from, uint32_t to);

#endif
