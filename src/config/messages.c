/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/parse.h"

/* Of errors, and again of notes, so that a flood of notes hides no error. */
#define MESSAGES_MAX 100

static void add(struct parser *p, bool error, unsigned int line, const char *format, va_list args)
{
	struct config_messages *m = p->messages;
	size_t same = error ? m->n_errors : m->n - m->n_errors;
	struct config_message *items;
	size_t at = m->n;

	if (same >= MESSAGES_MAX)
		return;
	items = realloc(m->items, (m->n + 1) * sizeof(*items));
	if (!items) {
		p->no_memory = true;
		return;
	}
	m->items = items;
	/* Keeps the order of the file; what concerns the whole file comes first. */
	while (at > 0 && items[at - 1].line > line) {
		items[at] = items[at - 1];
		at--;
	}
	items[at].line = line;
	items[at].error = error;
	vsnprintf(items[at].text, sizeof(items[at].text), format, args);
	m->n++;
	if (error)
		m->n_errors++;
}

void parser_error(struct parser *p, unsigned int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(p, true, line, format, args);
	va_end(args);
}

void parser_note(struct parser *p, unsigned int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(p, false, line, format, args);
	va_end(args);
}

const char *quote(const char *text, char out[static QUOTE_MAX])
{
	size_t n = 0;

	while (text[n] && n < QUOTE_MAX - 4) {
		out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
		n++;
	}
	snprintf(out + n, QUOTE_MAX - n, "%s", text[n] ? "..." : "");
	return out;
}

void config_messages_done(struct config_messages *messages)
{
	free(messages->items);
	*messages = (struct config_messages){ .items = NULL };
}
