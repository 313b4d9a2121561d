/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static bool to_journal;
static bool show_debug;

void log_init(bool journal, bool debug)
{
	to_journal = journal;
	show_debug = debug;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[1024];
	int n = 0;
	va_list ap;

	if (level == LOG_LEVEL_DEBUG && !show_debug)
		return;
	if (to_journal)
		n = snprintf(line, sizeof(line), "<%d>", (int)level);
	va_start(ap, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, ap);
	va_end(ap);
	/* One call per line: lines of different threads do not mix. */
	fprintf(stderr, "%s\n", line);
}
