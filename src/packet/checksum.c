/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/checksum.h"

#include <string.h>

#include "packet/checksum_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* Below this the set-up of the vector loop costs more than it saves. */
#define AVX2_LEN_MIN 64
#endif

/* Adding the two halves of a word keeps the carries in the upper half of the sum. */
static inline uint64_t add_word(uint64_t sum, uint64_t word)
{
	return sum + (word & 0xffffffff) + (word >> 32);
}

/* The last 0..7 bytes, padded with zeros to a word; even positions stay even. */
static inline uint64_t tail_word(const uint8_t *data, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, data, len);
	return word;
}

uint64_t checksum_words(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;
	uint64_t word;

	for (; len >= 8; data += 8, len -= 8) {
		memcpy(&word, data, 8);
		sum = add_word(sum, word);
	}
	return add_word(sum, tail_word(data, len));
}

uint64_t checksum_words_copy(uint8_t *out, const uint8_t *data, size_t len)
{
	uint64_t sum = 0;
	uint64_t word;

	for (; len >= 8; out += 8, data += 8, len -= 8) {
		memcpy(&word, data, 8);
		memcpy(out, &word, 8);
		sum = add_word(sum, word);
	}
	word = tail_word(data, len);
	memcpy(out, &word, len);
	return add_word(sum, word);
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) static inline __m256i add_vector(__m256i sum, __m256i v)
{
	__m256i low = _mm256_and_si256(v, _mm256_set1_epi64x(0xffffffff));

	return _mm256_add_epi64(sum, _mm256_add_epi64(low, _mm256_srli_epi64(v, 32)));
}

__attribute__((target("avx2"))) static inline uint64_t add_lanes(__m256i a, __m256i b)
{
	uint64_t lane[4];

	_mm256_storeu_si256((__m256i *)lane, _mm256_add_epi64(a, b));
	return lane[0] + lane[1] + lane[2] + lane[3];
}

__attribute__((target("avx2"))) uint64_t checksum_words_avx2(const uint8_t *data, size_t len)
{
	__m256i a = _mm256_setzero_si256();
	__m256i b = a;

	for (; len >= 64; data += 64, len -= 64) {
		a = add_vector(a, _mm256_loadu_si256((const __m256i *)data));
		b = add_vector(b, _mm256_loadu_si256((const __m256i *)(data + 32)));
	}
	return add_lanes(a, b) + checksum_words(data, len);
}

__attribute__((target("avx2"))) uint64_t checksum_words_copy_avx2(uint8_t *out, const uint8_t *data,
								  size_t len)
{
	__m256i a = _mm256_setzero_si256();
	__m256i b = a;

	for (; len >= 64; out += 64, data += 64, len -= 64) {
		__m256i first = _mm256_loadu_si256((const __m256i *)data);
		__m256i second = _mm256_loadu_si256((const __m256i *)(data + 32));

		_mm256_storeu_si256((__m256i *)out, first);
		_mm256_storeu_si256((__m256i *)(out + 32), second);
		a = add_vector(a, first);
		b = add_vector(b, second);
	}
	return add_lanes(a, b) + checksum_words_copy(out, data, len);
}

bool checksum_has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

#else

bool checksum_has_avx2(void)
{
	return false;
}

#endif

/* A folded native-order sum as a big-endian one. */
static inline uint16_t to_big_endian(uint16_t sum)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap16(sum);
#else
	return sum;
#endif
}

uint64_t checksum_add(uint64_t sum, const void *data, size_t len)
{
	uint64_t words;

#if defined(__x86_64__)
	if (len >= AVX2_LEN_MIN && checksum_has_avx2())
		words = checksum_words_avx2(data, len);
	else
#endif
		words = checksum_words(data, len);
	return sum + to_big_endian(checksum_fold(words));
}

uint64_t checksum_copy(uint64_t sum, void *out, const void *data, size_t len)
{
	uint64_t words;

#if defined(__x86_64__)
	if (len >= AVX2_LEN_MIN && checksum_has_avx2())
		words = checksum_words_copy_avx2(out, data, len);
	else
#endif
		words = checksum_words_copy(out, data, len);
	return sum + to_big_endian(checksum_fold(words));
}

uint64_t checksum_add_at(uint64_t sum, const void *data, size_t len, size_t offset)
{
	uint16_t part = checksum_fold(checksum_add(0, data, len));

	/* At an odd offset each byte stands in the other half of its word (RFC 1071 section 2(B)). */
	return sum + (offset & 1 ? __builtin_bswap16(part) : part);
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t checksum_pseudo(uint32_t src, uint32_t dst, uint8_t proto, uint16_t len)
{
	return (uint64_t)src + dst + proto + len;
}

uint64_t checksum_pseudo_ip6(const uint8_t addresses[static 32], uint8_t proto, uint32_t len)
{
	/* A 32-bit length is congruent to the sum of its halves. */
	return checksum_add((uint64_t)len + proto, addresses, 32);
}

uint16_t checksum_adjust16(uint16_t check, uint16_t from, uint16_t to)
{
	uint64_t sum = (uint64_t)(uint16_t)~check + (uint16_t)~from + to;

	return (uint16_t)~checksum_fold(sum);
}

uint16_t checksum_adjust32(uint16_t check, uint32_t from, uint32_t to)
{
	/* A 32-bit number is congruent to the sum of its halves, so one addition serves both. */
	uint64_t sum = (uint64_t)(uint16_t)~check + (uint32_t)~from + to;

	return (uint16_t)~checksum_fold(sum);
}
