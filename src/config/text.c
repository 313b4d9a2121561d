/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file as its owner wrote it, with one peer more or one less.
 *
 * Texts hold keys: what is given up is wiped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/lines.h"

int config_text_add_peer(const char *text, const struct config_peer *peer, char **ret)
{
	size_t len = strlen(text);
	bool newline = len == 0 || text[len - 1] == '\n';
	char *section = config_print_peer(peer, true);
	size_t size;
	char *out;

	if (!section)
		return -ENOMEM;
	size = len + strlen(section) + 2;
	out = malloc(size);
	if (out)
		snprintf(out, size, "%s%s%s", text, newline ? "" : "\n", section);
	explicit_bzero(section, strlen(section));
	free(section);
	if (!out)
		return -ENOMEM;
	*ret = out;
	return 0;
}

/*
 * Walks the text and remembers of the section at hand where it and its comments begin and
 * whose it is.  The parser gives a comment block to the section that it touches from above.
 */
struct walk {
	const char *name;     /* whom we look for */
	const char *begin;    /* of the section, its leading comment block included */
	const char *end;      /* behind its last key and the comments glued to that */
	const char *comments; /* the comment block at hand; NULL: none */
	struct config_peer peer;
	bool named;
	bool in_peer;
	bool glued; /* no blank line since end */
	bool comment_named;
	char comment_name[LINE_VALUE_MAX];
};

static void take_name(struct walk *w)
{
	if (w->comment_named && w->in_peer && !w->named && config_name_valid(w->comment_name)) {
		strcpy(w->peer.name, w->comment_name);
		w->named = true;
	}
	w->comment_named = false;
}

/* Ends a comment block that no section header follows. */
static void end_comments(struct walk *w, const char *at)
{
	if (!w->comments)
		return;
	take_name(w);
	if (w->glued)
		w->end = at;
	w->comments = NULL;
}

static bool is_found(const struct walk *w)
{
	return w->in_peer && config_peer_is(&w->peer, w->name);
}

static void begin_section(struct walk *w, const struct line *line)
{
	w->begin = w->comments ? w->comments : line->text;
	w->end = line->text + line->len;
	w->comments = NULL;
	w->in_peer = line_is_section(line, "Peer");
	w->glued = true;
	w->named = false;
	memset(&w->peer, 0, sizeof(w->peer));
	take_name(w);
}

static void read_public_key(struct walk *w, const struct line *line)
{
	char text[256];
	char name[16];
	char value[64];

	snprintf(text, sizeof(text), "%.*s", (int)(line->len < 255 ? line->len : 255), line->text);
	if (sscanf(text, " %15[A-Za-z] = %63[A-Za-z0-9+/=]", name, value) == 2 &&
	    strcasecmp(name, "PublicKey") == 0)
		config_key_parse(value, w->peer.public_key);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(value, sizeof(value));
}

/* Return: whether the section that ended with this line is the one. */
static bool walk_line(struct walk *w, const struct line *line)
{
	switch (line->kind) {
	case LINE_COMMENT:
		if (!w->comments) {
			w->comments = line->text;
			w->comment_named = line_comment_value(line, "Name", w->comment_name);
		} else if (!w->comment_named) {
			w->comment_named = line_comment_value(line, "Name", w->comment_name);
		}
		return false;
	case LINE_SECTION:
		if (is_found(w))
			return true;
		begin_section(w, line);
		return false;
	case LINE_BLANK:
		end_comments(w, line->text);
		w->glued = false;
		return false;
	case LINE_KEY:
		end_comments(w, line->text);
		w->end = line->text + line->len;
		w->glued = true;
		if (w->in_peer)
			read_public_key(w, line);
		return false;
	}
	return false;
}

/* Blank lines go with the section: those behind it, or at the end of the text the one before. */
static void take_blanks(struct walk *w, const char *text, const char *text_end)
{
	const char *cursor = w->end;
	const char *behind = w->end;
	struct line line;

	while (line_next(&cursor, text_end, &line) && line.kind == LINE_BLANK)
		behind = cursor;
	if (behind < text_end) {
		w->end = behind;
	} else if (w->begin - text >= 2 && w->begin[-1] == '\n' && w->begin[-2] == '\n') {
		w->begin--;
	}
}

int config_text_remove_peer(const char *text, const char *name, char **ret)
{
	const char *end = text + strlen(text);
	struct walk w = { .name = name };
	const char *cursor = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
	struct line line;
	bool found = false;
	char *out;

	while (!found && line_next(&cursor, end, &line))
		found = walk_line(&w, &line);
	if (!found)
		end_comments(&w, end);
	if (!found && !is_found(&w))
		return -ENOENT;
	take_blanks(&w, text, end);
	out = malloc(strlen(text) + 1);
	if (!out)
		return -ENOMEM;
	memcpy(out, text, (size_t)(w.begin - text));
	strcpy(out + (w.begin - text), w.end);
	*ret = out;
	return 0;
}
