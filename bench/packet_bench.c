/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_bench.c - what the data path pays for checksums, cutting and joining
 *
 * Prints one line "name value unit" per figure.  The best of several runs counts: the rest measure
 * the neighbours.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/checksum_kernels.h"
#include "packet/train.h"

#define SEGMENTS 46
#define SEGMENT  1400
#define RUNS     50
#define TIMES    20
#define SUMMED   (SEGMENTS * 1440) /* bytes */

#define IP4 20
#define IP6 40
#define TCP 20

static uint8_t packets[SEGMENTS * (IP6 + TCP + SEGMENT)];
static uint8_t pristine[SEGMENTS * (IP6 + TCP + SEGMENT)];
static size_t packet_len; /* they stand behind each other */
static uint8_t out[SEGMENTS * (IP6 + TCP + SEGMENT)];
static struct train trains[SEGMENTS];
static volatile uint64_t sink;

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void sum_with_words(void)
{
	sink += checksum_words(out, SUMMED);
}

static void sum(void)
{
	sink += checksum_add(0, out, SUMMED);
}

static void sum_and_copy(void)
{
	sink += checksum_copy(0, packets, out, SUMMED);
}

/* Fresh segments of one TCP flow; what it costs is measured alone and subtracted. */
static void parse_all(void)
{
	memcpy(packets, pristine, SEGMENTS * packet_len);
	for (size_t i = 0; i < SEGMENTS; i++)
		sink += train_parse_any(&trains[i], packets + i * packet_len, packet_len,
					CSUM_UNCHECKED);
}

static void parse_and_join(void)
{
	parse_all();
	sink += trains_join(trains, SEGMENTS);
}

static void cut(void)
{
	struct cut cut;
	size_t at = 0;
	size_t n;

	cut_start(&cut, &trains[0]);
	while ((n = cut_next(&cut, out + at, sizeof(out) - at)) > 0)
		at += n;
	sink += at;
}

static void write_ip4(uint8_t *p, uint16_t id)
{
	memcpy(p, "\x45\0\0\0\0\0\x40\0\x40\x06\0\0\x0a\x42\x4d\x02\xc6\x33\x64\x07", IP4);
	store_be16(p + 2, IP4 + TCP + SEGMENT);
	store_be16(p + 4, id);
	store_be16(p + 10, (uint16_t)~checksum_fold(checksum_add(0, p, IP4)));
}

static void write_ip6(uint8_t *p)
{
	memcpy(p, "\x60\x01\x23\x45\0\0\x06\x40\x20\x01\x0d\xb8", 12);
	store_be16(p + 4, TCP + SEGMENT);
	memset(p + 12, 0, 12);
	memcpy(p + 24, p + 8, 16);
	p[39]++;
}

/* Segments that continue each other, in packets of either family. */
static void fill(bool ip6)
{
	size_t l4 = ip6 ? IP6 : IP4;

	packet_len = l4 + TCP + SEGMENT;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 31);
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		uint8_t *p = pristine + i * packet_len;
		uint64_t sum;

		memcpy(p, out + i, packet_len);
		if (ip6)
			write_ip6(p);
		else
			write_ip4(p, (uint16_t)i);
		store_be32(p + l4, 40000u << 16 | 443);
		store_be32(p + l4 + 4, i * SEGMENT);
		memcpy(p + l4 + 8, "\0\0\0\1\x50\x10\1\0\0\0\0\0", 12);
		sum = ip6 ? checksum_pseudo_ip6(p + 8, 6, TCP + SEGMENT)
			  : checksum_pseudo(0x0a424d02, 0xc6336407, 6, TCP + SEGMENT);
		sum = checksum_add(sum, p + l4, TCP + SEGMENT);
		store_be16(p + l4 + 16, (uint16_t)~checksum_fold(sum));
	}
}

/* Return: the best time of one call, us. */
static double best(void (*work)(void))
{
	double least = 1e9;

	for (int run = 0; run < RUNS; run++) {
		double start = now_us();
		double each;

		for (int i = 0; i < TIMES; i++)
			work();
		each = (now_us() - start) / TIMES;
		if (each < least)
			least = each;
	}
	return least;
}

static void print_rate(const char *name, double us)
{
	printf("%s %.1f GB/s\n", name, (double)SUMMED / us / 1e3);
}

/* Return: false if the segments did not join, and what was measured is worth nothing. */
static bool join_and_cut(bool ip6, const char *suffix)
{
	double parsing;

	fill(ip6);
	parsing = best(parse_all);
	printf("join_46_segments%s %.2f us\n", suffix, best(parse_and_join) - parsing);
	printf("cut_46_segments%s %.2f us\n", suffix, best(cut));
	return trains[0].gso_size == SEGMENT;
}

int main(void)
{
	fill(false);
	print_rate("checksum_portable", best(sum_with_words));
	print_rate("checksum_add", best(sum));
	print_rate("checksum_copy", best(sum_and_copy));
	return join_and_cut(false, "") && join_and_cut(true, "_ip6") ? 0 : 1;
}
