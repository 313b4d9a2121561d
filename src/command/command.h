/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.h - the subcommands and what they share
 *
 * Each command_NAME() gets its own arguments, argv[0] being its name, and returns the exit
 * status.  Standard output carries what was asked for and nothing else; everything said to a
 * person goes to standard error.
 */
#ifndef CULVERT_COMMAND_COMMAND_H
#define CULVERT_COMMAND_COMMAND_H

#include <getopt.h>
#include <stdbool.h>

#include "config/config.h"

#define CONFIG_PATH_DEFAULT "/etc/culvert/culvert.conf"

/* Exit statuses; culvert(8) lists them. */
enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,      /* said why; nothing was changed */
	STATUS_USAGE = 2,       /* the command line is wrong */
	STATUS_NOT_APPLIED = 3, /* the file was changed, the running gateway was not */
};

int command_check(int argc, char **argv);
int command_connect(int argc, char **argv);
int command_device(int argc, char **argv);
int command_disconnect(int argc, char **argv);
int command_exec(int argc, char **argv);
int command_gateway(int argc, char **argv);
int command_init(int argc, char **argv);
int command_peer(int argc, char **argv);
int command_status(int argc, char **argv);

/** complain() - "culvert: ..." on standard error.  Return: STATUS_FAILED. */
__attribute__((format(printf, 1, 2))) int complain(const char *format, ...);

/** complain_usage() - the same with a pointer to @command --help.  Return: STATUS_USAGE. */
__attribute__((format(printf, 2, 3))) int complain_usage(const char *command, const char *format,
							 ...);

/** complain_file() - what went wrong with @path and the cure.  Return: STATUS_FAILED. */
int complain_file(const char *path, int error);

/** complain_option() - about what getopt_long() has just refused.  Return: STATUS_USAGE. */
int complain_option(const char *command, int c, char **argv);

/** adapter_name_valid() - whether an interface may be called so: 1-15 letters, digits and _=+.-
 *  (what wg-quick(8) takes), and neither "." nor ".." */
bool adapter_name_valid(const char *name);

/** logs_to_journal() - whether standard error is the journal, as log_init() wants to know */
bool logs_to_journal(void);

/** print_messages() - as "file:line: ..." on standard error; @notes: also those */
void print_messages(const char *path, const struct config_messages *messages, bool notes);

/**
 * load_text() - the configuration of @len bytes that were read from @path
 * @notes: also says what has no effect, if it is a client's
 * Return: STATUS_OK and *ret; or STATUS_FAILED, complaints printed.
 */
int load_text(const char *path, const char *text, size_t len, bool notes, struct config **ret);

/** load_file() - the same from the file */
int load_file(const char *path, struct config **ret);

/**
 * apply() - asks the gateway that runs with @path to read it again
 * Return: STATUS_OK, also when none runs; STATUS_NOT_APPLIED when it refused.
 */
int apply(const char *path);

#endif
