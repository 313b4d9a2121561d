/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_file.h - the file of a client, as `culvert connect` and `culvert exec` take it
 */
#ifndef CULVERT_COMMAND_CLIENT_FILE_H
#define CULVERT_COMMAND_CLIENT_FILE_H

#include <net/if.h>
#include <stdbool.h>

#include "config/config.h"

/**
 * client_file_load() - a file by which a tunnel can be made: a key, an address, a peer with an endpoint
 * @notes: also says what of it has no effect, such as PostUp
 * Return: STATUS_OK and *ret; or STATUS_FAILED, and said what to do.
 */
int client_file_load(const char *path, bool notes, struct config **ret);

/** client_file_adapter() - the base name without ".conf".  Return: false if it is no adapter's name. */
bool client_file_adapter(const char *path, char ret[static IFNAMSIZ]);

#endif
