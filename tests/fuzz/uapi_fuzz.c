/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdint.h>
#include <stdlib.h>

#include "control/uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct uapi_set set;
	const char *body;
	size_t n;

	(void)uapi_operation((const char *)data, len, &body, &n);
	if (uapi_parse_set(body, n, &set) != 0)
		return 0;
	for (size_t i = 0; i < set.n_peers; i++) {
		/* What was read can be told again. */
		struct uapi_peer peer = { .endpoint = set.peers[i].endpoint,
					  .allowed = set.peers[i].allowed,
					  .n_allowed = set.peers[i].n_allowed };
		struct uapi_device device = { .peers = &peer, .n_peers = 1 };
		char *text = uapi_format_get(&device);

		if (!text)
			abort();
		free(text);
	}
	uapi_set_done(&set);
	return 0;
}
