/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_bench.c - what the data path pays for checksums, cutting and joining
 *
 * Prints one line "name value unit" per figure.  The best of several runs counts: the rest measure
 * the neighbours.
 */
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

static uint8_t packets[SEGMENTS][40 + SEGMENT];
static uint8_t pristine[SEGMENTS][40 + SEGMENT];
static uint8_t out[SEGMENTS * (40 + SEGMENT)];
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
	sink += checksum_words(out, sizeof(out));
}

static void sum(void)
{
	sink += checksum_add(0, out, sizeof(out));
}

static void sum_and_copy(void)
{
	sink += checksum_copy(0, packets, out, sizeof(out) - SEGMENTS);
}

/* Fresh segments of one TCP flow; what it costs is measured alone and subtracted. */
static void parse_all(void)
{
	memcpy(packets, pristine, sizeof(packets));
	for (size_t i = 0; i < SEGMENTS; i++)
		sink += train_parse(&trains[i], packets[i], sizeof(packets[i]), CSUM_UNCHECKED);
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

static void fill(void)
{
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 31);
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		uint8_t *p = pristine[i];
		uint64_t sum;

		memcpy(p, out + i, sizeof(pristine[i]));
		memcpy(p, "\x45\0\0\0\0\0\x40\0\x40\x06\0\0\x0a\x42\x4d\x02\xc6\x33\x64\x07", 20);
		store_be16(p + 2, sizeof(pristine[i]));
		store_be16(p + 4, (uint16_t)i);
		store_be16(p + 10, (uint16_t)~checksum_fold(checksum_add(0, p, 20)));
		store_be32(p + 20, 40000u << 16 | 443);
		store_be32(p + 24, i * SEGMENT);
		memcpy(p + 28, "\0\0\0\1\x50\x10\1\0\0\0\0\0", 12);
		sum = checksum_pseudo(0x0a424d02, 0xc6336407, 6, 20 + SEGMENT);
		sum = checksum_add(sum, p + 20, 20 + SEGMENT);
		store_be16(p + 36, (uint16_t)~checksum_fold(sum));
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
	printf("%s %.1f GB/s\n", name, (double)sizeof(out) / us / 1e3);
}

int main(void)
{
	double parsing;

	fill();
	print_rate("checksum_portable", best(sum_with_words));
	print_rate("checksum_add", best(sum));
	print_rate("checksum_copy", best(sum_and_copy));
	parsing = best(parse_all);
	printf("join_46_segments %.2f us\n", best(parse_and_join) - parsing);
	if (trains[0].gso_size != SEGMENT)
		return 1;
	printf("cut_46_segments %.2f us\n", best(cut));
	return 0;
}
