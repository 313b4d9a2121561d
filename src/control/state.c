/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/state.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define KEY_LEN      32
#define KEY_TEXT_LEN 44
#define TIME_MAX     UINT64_C(253402300799) /* the end of year 9999: beyond is corruption */

static const char first_line[] = "culvert-state 1\n";

static bool time_parse(const char *text, uint64_t *ret)
{
	uint64_t v = 0;

	if (*text == '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
		if (v > TIME_MAX)
			return false;
	}
	*ret = v;
	return true;
}

static bool line_parse(const char *text, size_t len, struct state_peer *ret)
{
	struct state_peer peer = { .handshake = 0 };
	char line[STATE_LINE_MAX];
	char *blank;
	size_t n;

	if (len < KEY_TEXT_LEN + 1 || len >= sizeof(line) || text[KEY_TEXT_LEN] != ' ' ||
	    memchr(text, '\0', len))
		return false;
	memcpy(line, text, len);
	line[len] = '\0';
	if (sodium_base642bin(peer.public_key, KEY_LEN, line, KEY_TEXT_LEN, NULL, &n, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    n != KEY_LEN)
		return false;
	blank = strchr(line + KEY_TEXT_LEN + 1, ' ');
	if (!blank)
		return false;
	*blank = '\0';
	if (!endpoint_parse(line + KEY_TEXT_LEN + 1, &peer.endpoint) ||
	    !time_parse(blank + 1, &peer.handshake))
		return false;
	*ret = peer;
	return true;
}

size_t state_parse(const char *text, size_t len, struct state_peer *ret, size_t max)
{
	size_t n = 0;

	if (len < sizeof(first_line) - 1 || memcmp(text, first_line, sizeof(first_line) - 1) != 0)
		return 0;
	text += sizeof(first_line) - 1;
	len -= sizeof(first_line) - 1;
	while (len > 0 && n < max) {
		const char *end = memchr(text, '\n', len);

		if (!end)
			break; /* a line without its end was cut short */
		n += line_parse(text, (size_t)(end - text), &ret[n]);
		len -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	return n;
}

char *state_format(const struct state_peer *peers, size_t n)
{
	size_t count = n < STATE_PEERS_MAX ? n : STATE_PEERS_MAX;
	size_t size = sizeof(first_line) + count * STATE_LINE_MAX;
	char *text = malloc(size);
	size_t len = sizeof(first_line) - 1;

	if (!text)
		return NULL;
	strcpy(text, first_line);
	for (size_t i = 0; i < count; i++) {
		char key[KEY_TEXT_LEN + 1];
		char endpoint[ENDPOINT_TEXT_MAX];

		sodium_bin2base64(key, sizeof(key), peers[i].public_key, KEY_LEN,
				  sodium_base64_VARIANT_ORIGINAL);
		len += (size_t)snprintf(text + len, size - len, "%s %s %" PRIu64 "\n", key,
					endpoint_format(&peers[i].endpoint, endpoint),
					peers[i].handshake);
	}
	return text;
}
