/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "io/control.h"

int apply(const char *path)
{
	char *answer = NULL;
	int r;

	r = control_request(path, "reload", &answer);
	if (r == -ECONNREFUSED || r == -ENOENT) {
		fprintf(stderr, "no gateway runs with %s, it takes effect when one starts\n", path);
		return STATUS_OK;
	}
	if (r < 0) {
		complain("%s is changed but the running gateway could not be told (%s), reload it "
			 "as root",
			 path, strerror(-r));
		return STATUS_NOT_APPLIED;
	}
	answer[strcspn(answer, "\n")] = '\0';
	if (strcmp(answer, "ok") == 0) {
		fputs("applied to the running gateway\n", stderr);
	} else {
		complain("%s is changed but the running gateway goes on without it: %s", path,
			 strncmp(answer, "error: ", 7) == 0 ? answer + 7 : answer);
		r = STATUS_NOT_APPLIED;
	}
	free(answer);
	return r;
}
