/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow_hash.h - which packets must stay in order
 *
 * A number that all packets of one inner flow share, so that a tunnel made of several streams keeps
 * each flow on one of them.  It is neither keyed nor symmetric: a client that makes its flows collide
 * slows down itself alone, and the other direction is the other side's to choose.  Pure.
 */
#ifndef CULVERT_PACKET_FLOW_HASH_H
#define CULVERT_PACKET_FLOW_HASH_H

#include <stddef.h>
#include <stdint.h>

struct train;

/**
 * flow_hash() - of addresses and protocol, and of the ports of TCP and UDP
 * @packet: @len bytes of an IPv4 or IPv6 packet, of which the first headers are enough; hostile
 *
 * A fragment has no ports, not even the first: so all of one packet share a number.  Nor are they
 * looked for behind IPv6 extension headers.
 *
 * Return: 0 for what is neither IPv4 nor IPv6 or too short for its header.
 */
uint32_t flow_hash(const uint8_t *packet, size_t len);

/** train_flow_hash() - the same for a train of either family */
uint32_t train_flow_hash(const struct train *t);

#endif
