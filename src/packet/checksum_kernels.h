/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checksum_kernels.h - the twins behind checksum.h, declared for their tests
 *
 * Both sum 16-bit words in the machine's own byte order, which RFC 1071 section
 * 2(B) allows: swapping the folded sum once gives the big-endian one.
 */
#ifndef CULVERT_PACKET_CHECKSUM_KERNELS_H
#define CULVERT_PACKET_CHECKSUM_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** checksum_words() - Return: the unfolded native-order sum of @len bytes, an odd last one padded */
uint64_t checksum_words(const uint8_t *data, size_t len);

/** checksum_words_copy() - the same, copying to @out; the two do not overlap */
uint64_t checksum_words_copy(uint8_t *out, const uint8_t *data, size_t len);

#if defined(__x86_64__)
/** checksum_words_avx2() - only where checksum_has_avx2() */
uint64_t checksum_words_avx2(const uint8_t *data, size_t len);
uint64_t checksum_words_copy_avx2(uint8_t *out, const uint8_t *data, size_t len);
#endif

/** checksum_has_avx2() - whether this processor runs the AVX2 twin; false on other machines */
bool checksum_has_avx2(void);

#endif
