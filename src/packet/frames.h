/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frames.h - messages in a stream of bytes: the length of each in 2 bytes, then the message
 *
 * The framing of DNS over TCP (RFC 1035 section 4.2.2) and of the udp-over-tcp helpers; there is no
 * preface and nothing between frames.  What is received is taken apart in place, and messages
 * of one length are moved together so that they pass on as a train.
 *
 * Pure.  Any bytes are frames of something: there is no error, only a frame that is not whole yet.
 */
#ifndef CULVERT_PACKET_FRAMES_H
#define CULVERT_PACKET_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER      2
#define FRAME_MESSAGE_MAX 65535
#define FRAME_MAX         (FRAME_HEADER + FRAME_MESSAGE_MAX)

/* Received bytes: those before `at` were handed out. */
struct frames {
	uint8_t *data;
	size_t size; /* of data; at least FRAME_MAX */
	size_t at;
	size_t end;
};

/* Messages that stand behind each other, equal but for the last, which may be shorter. */
struct frame_group {
	uint8_t *data;
	uint32_t len;
	uint32_t segment; /* bytes of each message; 0 for a lone empty one */
};

/** frames_whole() - whether there is a frame to hand out */
bool frames_whole(const struct frames *f);

/**
 * frames_next() - the next messages
 *
 * At most 64 of them and 65535 bytes, as in a train.  They stay where they are until
 * frames_make_room().
 *
 * Return: false: no frame is whole.
 */
bool frames_next(struct frames *f, struct frame_group *ret);

/** frames_make_room() - moves what was not handed out to the front, so that the rest of it fits */
void frames_make_room(struct frames *f);

/** frames_room() - bytes of frames that frames_write() makes */
size_t frames_room(size_t len, size_t segment);

/**
 * frames_write() - messages as frames
 * @out: frames_room() bytes
 * @segment: bytes of each message, at most 65535; the last may be shorter.  @len is not 0.
 */
void frames_write(uint8_t *out, const uint8_t *data, size_t len, size_t segment);

/** frames_count() - how many frames the @len bytes at @data are; whole ones only */
uint32_t frames_count(const uint8_t *data, size_t len);

#endif
