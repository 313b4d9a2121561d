/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vnet.h - trains to and from the virtio_net header of packet sockets and adapters
 *
 * The header says in 10 bytes what the segments of a frame are and what its checksum
 * field holds; it is in the host's byte order on both kinds of descriptors.
 *
 * Source: virtio 1.2 section 5.1.6, include/uapi/linux/virtio_net.h.
 */
#ifndef CULVERT_IO_VNET_H
#define CULVERT_IO_VNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "packet/train.h"

struct vnet_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t header_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};

_Static_assert(sizeof(struct vnet_header) == 10, "as the kernel has it");

/** vnet_is_train() - more than one segment, which only a GSO type can describe */
bool vnet_is_train(const struct train *t);

/**
 * vnet_describe() - the header of a frame that carries @t
 * @l2: bytes before the IP header
 *
 * A train needs a partial checksum: the kernel computes one per segment.
 */
struct vnet_header vnet_describe(const struct train *t, uint32_t l2);

/** vnet_gather() - head and pieces to @iov (1 + TRAIN_PIECES_MAX); Return: how many */
size_t vnet_gather(const struct train *t, struct iovec *iov);

/**
 * vnet_parse() - a frame's IPv4 packet of @len bytes becomes a train
 *
 * A partial checksum that is not of the train's own transport header (behind IPv6 extension
 * headers, in a packet within the packet) is completed here: nobody else would know where it is.
 *
 * Return: as train_parse(); DROP_L4_MALFORMED when header and packet contradict each other, and
 * for several segments behind extension headers, which no train can stand for.
 */
enum verdict vnet_parse(struct train *t, const struct vnet_header *h, uint32_t l2, uint8_t *packet,
			size_t len);

/** vnet_parse_any() - the same for a packet of either family */
enum verdict vnet_parse_any(struct train *t, const struct vnet_header *h, uint32_t l2,
			    uint8_t *packet, size_t len);

#endif
