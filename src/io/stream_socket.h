/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_socket.h - the TCP sockets of streams
 *
 * For io/stream.c alone.  Linux: TCP_NOTSENT_LOWAT, TCP_USER_TIMEOUT.
 */
#ifndef CULVERT_IO_STREAM_SOCKET_H
#define CULVERT_IO_STREAM_SOCKET_H

#include "base/addr.h"

/**
 * stream_socket_connect() - begins to connect
 * @ret_failed: 0, or -errno if it has failed at once; the descriptor is returned all the same
 *
 * Return: descriptor or -errno.
 */
int stream_socket_connect(const struct endpoint *to, int *ret_failed);

/** stream_socket_connected() - Return: 0; -EAGAIN: not yet; -errno: it has failed */
int stream_socket_connected(int fd);

/** stream_socket_accept() - Return: descriptor; -EAGAIN: none waits; -errno */
int stream_socket_accept(int listener, struct endpoint *ret_remote);

/** stream_socket_local() - family ADDR_NONE if there is none */
struct addr stream_socket_local(int fd);

#endif
