/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was read is written and read again without loss. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct state_peer peers[16];
	struct state_peer again[16];
	size_t n = state_parse((const char *)data, len, peers, 16);
	char *text = state_format(peers, n);

	if (!text || state_parse(text, strlen(text), again, 16) != n)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (memcmp(peers[i].public_key, again[i].public_key, 32) != 0 ||
		    !endpoint_equal(&peers[i].endpoint, &again[i].endpoint) ||
		    peers[i].handshake != again[i].handshake)
			abort();
	}
	free(text);
	return 0;
}
