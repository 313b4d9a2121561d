/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/protocol.h"

#include <stdio.h>
#include <string.h>

static const char *const verbs[] = {
	[CONTROL_STATUS] = "status",
	[CONTROL_RELOAD] = "reload",
	[CONTROL_STOP] = "stop",
};

/* A path that could forge a line in a log or an answer is no path of ours. */
static bool path_acceptable(const char *path, size_t len)
{
	if (len == 0 || path[0] != '/')
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)path[i];

		if (c < 0x20 || c == 0x7f)
			return false;
	}
	return true;
}

bool control_request_parse(const char *line, size_t len, struct control_request *ret)
{
	if (len > 0 && line[len - 1] == '\n')
		len--;
	if (len >= CONTROL_LINE_MAX)
		return false;
	for (enum control_verb verb = CONTROL_STATUS; verb <= CONTROL_STOP; verb++) {
		size_t n = strlen(verbs[verb]);

		if (len < n + 1 || memcmp(line, verbs[verb], n) != 0 || line[n] != ' ')
			continue;
		if (!path_acceptable(line + n + 1, len - n - 1))
			return false;
		ret->verb = verb;
		memcpy(ret->path, line + n + 1, len - n - 1);
		ret->path[len - n - 1] = '\0';
		return true;
	}
	return false;
}

size_t control_request_format(const struct control_request *request,
			      char out[static CONTROL_LINE_MAX + 1])
{
	size_t len = strlen(request->path);
	int n;

	if (request->verb == CONTROL_REFUSED || !path_acceptable(request->path, len))
		return 0;
	n = snprintf(out, CONTROL_LINE_MAX + 1, "%s %s\n", verbs[request->verb], request->path);
	return n > 0 && n <= CONTROL_LINE_MAX ? (size_t)n : 0;
}

enum control_verb control_admit(const char *line, size_t len, const char *config_path, bool reader,
				bool owner, char refusal[static CONTROL_ANSWER_MAX])
{
	struct control_request request;

	/* Rights come first: a stranger learns nothing, not even the configuration's name. */
	if (!reader && !owner) {
		strcpy(refusal, "error: not permitted: ask as root, as the gateway's user or as a "
				"member of the configuration file's group\n");
		return CONTROL_REFUSED;
	}
	if (!control_request_parse(line, len, &request)) {
		strcpy(refusal, "error: not a request that this version knows\n");
		return CONTROL_REFUSED;
	}
	if (strcmp(request.path, config_path) != 0) {
		snprintf(refusal, CONTROL_ANSWER_MAX, CONTROL_OTHER_GATEWAY "%s\n", config_path);
		return CONTROL_REFUSED;
	}
	if (request.verb != CONTROL_STATUS && !owner) {
		snprintf(refusal, CONTROL_ANSWER_MAX,
			 "error: not permitted: %s as root or as the user who started it\n",
			 verbs[request.verb]);
		return CONTROL_REFUSED;
	}
	return request.verb;
}
