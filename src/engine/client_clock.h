/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_clock.h - the time that a client puts into its handshakes, which must only ever grow
 *
 * A gateway refuses an initiation that isn't newer than the last one: that stops replays, and
 * locks out a client whose clock has gone back.  While it runs the handshaker sees to it
 * (wireguard/stamp.h); over a restart the newest time is kept in a small file, in $STATE_DIRECTORY or
 * /var/lib/culvert.  Where none can be written, for ordinary users that is, a clock that can't be
 * right is told instead.
 */
#ifndef CULVERT_ENGINE_CLIENT_CLOCK_H
#define CULVERT_ENGINE_CLIENT_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_CLOCK_PATH_MAX 4096

struct client_clock {
	char config[CLIENT_CLOCK_PATH_MAX]; /* the client's file */
	char path[CLIENT_CLOCK_PATH_MAX];   /* of the newest time; empty: not kept */
	uint64_t floor;                     /* ns since 1970: used before; 0: unknown */
	uint64_t since;                     /* ns, monotonic: when the floor was read */
};

/** client_clock_open() - @config: real path of the client's file; empty: nothing is kept */
void client_clock_open(struct client_clock *c, const char *config, uint64_t now);

/** client_clock_wall() - @wall, or what follows from the newest time that was used if that is later;
 *  both ns since 1970 */
uint64_t client_clock_wall(const struct client_clock *c, uint64_t now, uint64_t wall);

/** client_clock_keep() - remembers that a handshake was made at @wall */
void client_clock_keep(struct client_clock *c, uint64_t wall);

/**
 * client_clock_doubt() - why @wall can't be the time
 * Return: true and one sentence in @out; false: nothing speaks against it.
 */
bool client_clock_doubt(const struct client_clock *c, uint64_t wall, char *out, size_t size);

#endif
