/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_main.c - runs a fuzz target over the files of its corpus, without libFuzzer
 *
 * Each file is also tried truncated at every length and with single bits flipped, so that a
 * plain test run covers more than the corpus itself.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* An exact-size heap copy, so that AddressSanitizer sees the first byte too far. */
static void run(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void run_variants(uint8_t *data, size_t len)
{
	size_t step = 1 + len / 256;

	run(data, len);
	for (size_t n = 0; n < len; n += step)
		run(data, n);
	for (size_t bit = 0; bit < len * 8; bit += step * 5) {
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		run(data, len);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static int run_file(const char *path)
{
	static uint8_t data[1 << 17];
	FILE *f = fopen(path, "rb");
	size_t len;

	if (!f)
		return -1;
	len = fread(data, 1, sizeof(data), f);
	fclose(f);
	run_variants(data, len);
	return 0;
}

int main(int argc, char **argv)
{
	char path[4096];
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir;

	if (argc != 2 || !(dir = opendir(argv[1]))) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		if (run_file(path) == 0)
			n++;
	}
	closedir(dir);
	printf("%u inputs\n", n);
	return n > 0 ? 0 : 1; /* an empty corpus tests nothing */
}
