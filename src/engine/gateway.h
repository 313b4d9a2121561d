/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gateway.h - the whole gateway, from its configuration file to its end
 */
#ifndef CULVERT_ENGINE_GATEWAY_H
#define CULVERT_ENGINE_GATEWAY_H

/**
 * gateway_run() - runs the gateway of @config_path in the foreground
 *
 * Says on the log what it does, one line per event.  Returns after SIGTERM or SIGINT, or when it
 * cannot start; then nothing of it is left on the host.
 *
 * Return: the exit status: 0; 1: could not start; 2: the configuration is wrong.
 */
int gateway_run(const char *config_path);

#endif
