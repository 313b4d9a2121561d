/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder looks at every character in the same way and without tables, because most
 * of what it decodes is secret.
 */
#include <string.h>

#include "config/config.h"

#define KEY_CHARACTERS (CONFIG_KEY_TEXT_MAX - 1)

/* All ones when @from <= c <= @to, else zero. */
static int within(int c, int from, int to)
{
	return ((from - 1 - c) & (c - to - 1)) >> 8;
}

/* 0..63, or -1 when @c is not of the alphabet. */
static int sextet(int c)
{
	int v = -1;

	v += within(c, 'A', 'Z') & (c - 'A' + 1);
	v += within(c, 'a', 'z') & (c - 'a' + 27);
	v += within(c, '0', '9') & (c - '0' + 53);
	v += within(c, '+', '+') & 63;
	v += within(c, '/', '/') & 64;
	return v;
}

static char letter(unsigned int v)
{
	int c = (int)v;

	return (char)((within(c, 0, 25) & (c + 'A')) | (within(c, 26, 51) & (c - 26 + 'a')) |
		      (within(c, 52, 61) & (c - 52 + '0')) | (within(c, 62, 62) & '+') |
		      (within(c, 63, 63) & '/'));
}

bool config_key_parse(const char *text, uint8_t ret[static CONFIG_KEY_LEN])
{
	uint8_t key[CONFIG_KEY_LEN + 1] = { 0 };
	int bad = 0;

	if (strlen(text) != KEY_CHARACTERS || text[KEY_CHARACTERS - 1] != '=')
		return false;
	for (unsigned int i = 0; i < KEY_CHARACTERS; i += 4) {
		uint32_t group = 0;

		for (unsigned int k = i; k < i + 4; k++) {
			int v = k == KEY_CHARACTERS - 1 ? 0 : sextet((unsigned char)text[k]);

			bad |= v;
			group = group << 6 | (uint32_t)(v & 63);
		}
		key[i / 4 * 3] = (uint8_t)(group >> 16);
		key[i / 4 * 3 + 1] = (uint8_t)(group >> 8);
		key[i / 4 * 3 + 2] = (uint8_t)group;
	}
	/* The last two bits belong to no byte: only zero is canonical. */
	if (bad >= 0 && key[CONFIG_KEY_LEN] == 0) {
		memcpy(ret, key, CONFIG_KEY_LEN);
		explicit_bzero(key, sizeof(key));
		return true;
	}
	explicit_bzero(key, sizeof(key));
	return false;
}

void config_key_format(const uint8_t key[static CONFIG_KEY_LEN],
		       char out[static CONFIG_KEY_TEXT_MAX])
{
	for (unsigned int i = 0; i < KEY_CHARACTERS; i += 4) {
		unsigned int from = i / 4 * 3;
		uint32_t group = (uint32_t)key[from] << 16 | (uint32_t)key[from + 1] << 8;

		if (from + 2 < CONFIG_KEY_LEN)
			group |= key[from + 2];
		for (unsigned int k = 0; k < 4; k++)
			out[i + k] = letter(group >> (18 - 6 * k) & 63);
	}
	out[KEY_CHARACTERS - 1] = '=';
	out[KEY_CHARACTERS] = '\0';
}
