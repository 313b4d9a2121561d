/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a command says what is wrong: one sentence with cause and cure.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "io/file.h"

int complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("culvert: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return STATUS_FAILED;
}

int complain_usage(const char *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "culvert %s: ", command);
	vfprintf(stderr, format, args);
	fprintf(stderr, ", see `culvert %s --help`\n", command);
	va_end(args);
	return STATUS_USAGE;
}

int complain_file(const char *path, int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
		return complain("%s: no such file, name one with --config or make one with "
				"`culvert init`",
				path);
	case -EACCES:
	case -EPERM:
		return complain("%s: permission denied, run this as root or as the file's owner",
				path);
	case -EROFS:
		return complain("%s: the file system is read-only, make it writable first", path);
	case -ENOSPC:
	case -EDQUOT:
		return complain("%s: no space left on the file system, free some and repeat; "
				"nothing was changed",
				path);
	case -EEXIST:
		return complain("%s: exists and is never overwritten, remove it or name another "
				"file with --config",
				path);
	case -EISDIR:
	case -EINVAL:
		return complain("%s: not a regular file, name a configuration file", path);
	case -EFBIG:
		return complain("%s: larger than %u MiB, name a configuration file", path,
				FILE_READ_MAX >> 20);
	default:
		return complain("%s: %s, nothing was changed", path, strerror(-error));
	}
}

int complain_option(const char *command, int c, char **argv)
{
	const char *word = argv[optind - 1];

	if (c == ':')
		return complain_usage(command, "option %s wants a value", word);
	return complain_usage(command, "unknown option %s", word);
}

bool adapter_name_valid(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_=+.-";
	size_t len = strlen(name);

	/* resolvectl(1) and `culvert disconnect` would take one that begins with '-' for an option. */
	return len > 0 && len < IFNAMSIZ && name[0] != '-' && strspn(name, allowed) == len &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

bool logs_to_journal(void)
{
	/* systemd sets the variable for services, and their children inherit it. */
	return getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO);
}

void print_messages(const char *path, const struct config_messages *messages, bool notes)
{
	for (size_t i = 0; i < messages->n; i++) {
		const struct config_message *m = &messages->items[i];

		if (!m->error && !notes)
			continue;
		fputs(path, stderr);
		if (m->line)
			fprintf(stderr, ":%u", m->line);
		fprintf(stderr, ": %s%s\n", m->error ? "" : "note: ", m->text);
	}
}

int load_text(const char *path, const char *text, size_t len, bool notes, struct config **ret)
{
	struct config_messages messages;
	int r;

	r = config_parse(text, len, ret, &messages);
	/* Some notes on a file that reads as a gateway's would not be true of a client. */
	print_messages(path, &messages, notes && r == 0 && config_is_client(*ret));
	config_messages_done(&messages);
	if (r == -EINVAL)
		return complain("%s: not a valid configuration, correct the lines above; nothing "
				"was changed",
				path);
	return r < 0 ? complain_file(path, r) : STATUS_OK;
}

int load_file(const char *path, struct config **ret)
{
	size_t len;
	char *text;
	int r;

	r = file_read(path, &text, &len);
	if (r < 0)
		return complain_file(path, r);
	r = load_text(path, text, len, false, ret);
	file_text_free(text, len);
	return r;
}
