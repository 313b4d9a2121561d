/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/protocol.h"
#include "control/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Whatever a server says, only lines of printable ASCII reach the terminal. */
static void show(const char *json, unsigned int columns)
{
	char *page = status_page(json, columns);

	for (const char *p = page; p && *p; p++) {
		if (*p != '\n' && (*p < ' ' || *p > '~'))
			abort();
	}
	free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct control_request request;
	struct control_request again;
	char line[CONTROL_LINE_MAX + 1];
	char refusal[CONTROL_ANSWER_MAX];
	char *text;

	if (control_request_parse((const char *)data, len, &request)) {
		size_t n = control_request_format(&request, line);

		if (n == 0 || !control_request_parse(line, n, &again) ||
		    again.verb != request.verb || strcmp(again.path, request.path) != 0)
			abort();
	}
	(void)control_admit((const char *)data, len, "/etc/culvert/culvert.conf", true, false,
			    refusal);
	text = malloc(len + 1);
	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	show(text, 0);
	show(text, 50);
	free(text);
	return 0;
}
