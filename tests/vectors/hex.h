/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hex.h - vectors as the RFCs print them: hexadecimal, blanks anywhere
 */
#ifndef CULVERT_VECTORS_HEX_H
#define CULVERT_VECTORS_HEX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Return: the number of bytes written. */
static inline size_t hex_bytes(const char *text, uint8_t *out, size_t room)
{
	size_t n = 0;

	for (; *text; text++) {
		if (*text == ' ')
			continue;
		assert(n < room && hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0);
		out[n++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
		text++;
	}
	return n;
}

#endif
