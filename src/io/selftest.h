/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selftest.h - does this kernel cut and join our trains rightly?
 *
 * Offloads have been broken by kernel releases before, silently.  At start canaries with known
 * bytes go over lo, by the same calls as the data path: trains of TCP and UDP by a packet
 * socket, once whole and once so long that the kernel must cut them, and a train of datagrams
 * by UDP_SEGMENT, received with and without UDP_GRO.  What arrives is compared byte by byte,
 * checksums included, with what our own cutting makes of the same train.
 *
 * It can't see what a network card does: that needs somebody at the other end of the wire.
 * The canaries bear a hardware address that nobody has, so that the host's stack drops them.
 *
 * Needs CAP_NET_RAW.  Takes a few milliseconds.
 */
#ifndef CULVERT_IO_SELFTEST_H
#define CULVERT_IO_SELFTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct selftest_result {
	bool external;       /* else external_set_offload(.., false) */
	bool tunnel;         /* else udp_set_offload(.., false) */
	const char *finding; /* what went wrong first, for the log; NULL if nothing */
};

/**
 * selftest_offloads() - sends the canaries
 *
 * What the kernel refuses to take is not wrong: the senders find that out by themselves.
 * Return: 0 and *ret; -errno when it can't be told (lo is down, no CAP_NET_RAW).
 */
int selftest_offloads(struct selftest_result *ret);

/** selftest_offloads_with() - the same; @fault, if any, spoils every packet that arrives.  For tests. */
int selftest_offloads_with(void (*fault)(uint8_t *packet, size_t len), struct selftest_result *ret);

#endif
