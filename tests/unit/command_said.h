/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_said.h - what a subcommand says on standard output and standard error
 */
#ifndef CULVERT_TESTS_COMMAND_SAID_H
#define CULVERT_TESTS_COMMAND_SAID_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "command/command.h"

struct said {
	FILE *file[2];
	int saved[2];
	char out[8192];
	char error[8192];
};

static inline void said_begin(struct said *s)
{
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		s->file[i] = tmpfile();
		assert_non_null(s->file[i]);
		s->saved[i] = dup(i + 1);
		dup2(fileno(s->file[i]), i + 1);
	}
}

static inline void said_end(struct said *s)
{
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		char *text = i ? s->error : s->out;
		size_t n;

		dup2(s->saved[i], i + 1);
		close(s->saved[i]);
		rewind(s->file[i]);
		n = fread(text, 1, sizeof(s->out) - 1, s->file[i]);
		text[n] = '\0';
		fclose(s->file[i]);
	}
}

#define SAID_WORDS 8

/* Runs a subcommand with the words of @line; @s: what it said.  Return: its exit status. */
static inline int said_run(struct said *s, int (*run)(int, char **), const char *line)
{
	char words[256];
	char *argv[SAID_WORDS + 1] = { NULL };
	int argc = 0;
	int r;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok(words, " "); w && argc < SAID_WORDS; w = strtok(NULL, " "))
		argv[argc++] = w;
	optind = 0; /* glibc's getopt_long() starts anew */
	said_begin(s);
	r = run(argc, argv);
	said_end(s);
	return r;
}

#endif
