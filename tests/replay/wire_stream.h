/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire_stream.h - io/stream.h made of memory: connections without TCP
 *
 * The gateway's end is a struct stream as ever; the far end is the same object, which scenarios and
 * tests hold by wire_connect() until wire_hang_up().  Single-threaded.
 */
#ifndef CULVERT_TESTS_REPLAY_WIRE_STREAM_H
#define CULVERT_TESTS_REPLAY_WIRE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "wire.h"

struct stream;

/** wire_listener_new() - what stream_accept() is given; the caller closes it */
int wire_listener_new(void);

/** wire_connect() - @from calls @to; waits to be accepted */
struct stream *wire_connect(const struct endpoint *from, const struct addr *to);

/** wire_call() - one message from the far end */
void wire_call(struct stream *s, const uint8_t *message, size_t len);

/** wire_answer() - the next message that the gateway sent.  Return: false: none. */
bool wire_answer(struct stream *s, struct wire_packet *ret);

/** wire_hang_up() - the far end closes, and forgets @s */
void wire_hang_up(struct stream *s);

/** wire_gone() - whether the gateway has closed its end */
bool wire_gone(const struct stream *s);

/** wire_handshaking() - whether TLS has not come to its end */
void wire_handshaking(struct stream *s, bool on);

/** wire_congest() - whether the gateway's end takes nothing */
void wire_congest(struct stream *s, bool on);

/** wire_grow_stale() - @n messages that the gateway's end had taken are dropped */
void wire_grow_stale(struct stream *s, uint32_t n);

/** wire_accept_fails() - the next accept() ends with -@error */
void wire_accept_fails(int error);

#endif
