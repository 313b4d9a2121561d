/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tun.h - the adapter: a non-persistent TUN that speaks IPv4 trains
 *
 * For traffic between clients and the gateway host itself, never in the path to the internet.
 * It vanishes with its descriptor.  Needs CAP_NET_ADMIN and /dev/net/tun.
 */
#ifndef CULVERT_IO_TUN_H
#define CULVERT_IO_TUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "packet/train.h"

#define TUN_RX_BATCH 8

struct tun;

/**
 * tun_open() - creates adapter @name with @address and brings it up
 * @address: e.g. 10.66.77.1/24; sets the one connected route that it implies
 * @mtu: bytes
 *
 * With vnet headers and TSO/USO offloads where the kernel has them.  No IPv6 address.
 * Return: 0; -EBUSY: the name is taken; -EPERM; -ENOENT: no /dev/net/tun; -errno.
 */
int tun_open(const char *name, const struct prefix *address, uint32_t mtu, struct tun **ret);
struct tun *tun_free(struct tun *tun);

int tun_fd(const struct tun *tun);
const char *tun_name(const struct tun *tun);

/** tun_recv() - as external_recv(); IPv6 packets count as DROP_IP6_REFUSED */
size_t tun_recv(struct tun *tun, struct train *t, size_t n, uint64_t *drops);

/** tun_send() - Return: PASS or DROP_HOST_SEND */
enum verdict tun_send(struct tun *tun, const struct train *t);

/** tun_send_raw() - one whole packet of any version.  Return: PASS or DROP_HOST_SEND. */
enum verdict tun_send_raw(struct tun *tun, const uint8_t *packet, size_t len);

#endif
