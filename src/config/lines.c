/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/lines.h"

#include <string.h>
#include <strings.h>

/* A carriage return counts as a blank: files edited on Windows are common. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

bool line_next(const char **cursor, const char *end, struct line *ret)
{
	const char *start = *cursor;
	const char *newline;
	const char *first;

	if (start == end)
		return false;
	newline = memchr(start, '\n', (size_t)(end - start));
	*cursor = newline ? newline + 1 : end;
	first = skip_blanks(start, *cursor);
	ret->text = start;
	ret->len = (size_t)(*cursor - start);
	if (first == *cursor)
		ret->kind = LINE_BLANK;
	else if (*first == '#')
		ret->kind = LINE_COMMENT;
	else if (*first == '[')
		ret->kind = LINE_SECTION;
	else
		ret->kind = LINE_KEY;
	return true;
}

bool line_is_section(const struct line *line, const char *name)
{
	const char *end = line->text + line->len;
	const char *p = skip_blanks(line->text, end);
	size_t len = strlen(name);

	if (line->kind != LINE_SECTION)
		return false;
	p = skip_blanks(p + 1, end);
	if ((size_t)(end - p) < len || strncasecmp(p, name, len) != 0)
		return false;
	p = skip_blanks(p + len, end);
	if (p == end || *p != ']')
		return false;
	p = skip_blanks(p + 1, end);
	return p == end || *p == '#';
}

bool line_comment_value(const struct line *line, const char *name, char out[static LINE_VALUE_MAX])
{
	size_t name_len = strlen(name);
	const char *end = line->text + line->len;
	const char *p = skip_blanks(line->text, end);
	size_t len;

	if (line->kind != LINE_COMMENT)
		return false;
	p = skip_blanks(p + 1, end);
	if ((size_t)(end - p) < name_len || strncasecmp(p, name, name_len) != 0)
		return false;
	p = skip_blanks(p + name_len, end);
	if (p == end || *p != '=')
		return false;
	p = skip_blanks(p + 1, end);
	while (end > p && is_blank(end[-1]))
		end--;
	len = (size_t)(end - p);
	if (len >= LINE_VALUE_MAX)
		len = LINE_VALUE_MAX - 1;
	memcpy(out, p, len);
	out[len] = '\0';
	return true;
}
