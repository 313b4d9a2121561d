/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lines.h - the lines of a configuration and what kind each is
 *
 * Shared by the parser and by the editor of the text, so that both see the same sections.
 * Nothing is copied or changed; a line is a slice of the caller's text.
 */
#ifndef CULVERT_CONFIG_LINES_H
#define CULVERT_CONFIG_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

enum line_kind {
	LINE_BLANK,
	LINE_COMMENT,
	LINE_SECTION, /* begins with '[' */
	LINE_KEY,     /* anything else, well-formed or not */
};

struct line {
	const char *text; /* its newline included */
	size_t len;
	enum line_kind kind;
};

/** line_next() - the line at *cursor, which moves behind it.  Return: false at @end. */
bool line_next(const char **cursor, const char *end, struct line *ret);

/** line_is_section() - whether it reads "[@name]", in any case, perhaps with a comment behind it */
bool line_is_section(const struct line *line, const char *name);

#define LINE_VALUE_MAX CONFIG_STREAM_TEXT_MAX

/**
 * line_comment_value() - the value of a comment of the form "# @name = value"
 * @name: in any case
 * @out: the value without surrounding blanks, cut to what fits; may be invalid
 */
bool line_comment_value(const struct line *line, const char *name, char out[static LINE_VALUE_MAX]);

#endif
