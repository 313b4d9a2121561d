/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - one line per event on standard error
 *
 * Where standard error is the journal each line carries its syslog priority as
 * "<n>"; on a terminal it does not.  Only engine/ and command/ log above debug;
 * the data path never does.
 */
#ifndef CULVERT_BASE_LOG_H
#define CULVERT_BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR = 3, /* syslog(3) numbers */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_DEBUG = 7,
};

/** log_init() - @journal: prefix each line with its priority; @debug: show debug lines */
void log_init(bool journal, bool debug);

/** log_line() - printf-like, the newline is added.  Context: any thread. */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
