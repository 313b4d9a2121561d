/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlink.h - one request to the kernel's network configuration, and its acknowledgement
 *
 * The messages are built with libmnl by whoever knows what they say: addresses and links
 * (io/tun_make.c), rules and routes.  Adding and deleting needs CAP_NET_ADMIN.
 *
 * Source: RFC 3549; rtnetlink(7).
 */
#ifndef CULVERT_IO_NETLINK_H
#define CULVERT_IO_NETLINK_H

#include <libmnl/libmnl.h>

/** netlink_open() - a NETLINK_ROUTE socket of the caller's network namespace; mnl_socket_close()
 *  ends it.  Return: 0 or -errno. */
int netlink_open(struct mnl_socket **ret);

/**
 * netlink_request() - sends @nlh and waits for the kernel's word on it
 * @nlh: type, body and NLM_F_CREATE and the like are set; NLM_F_REQUEST and NLM_F_ACK are added
 *
 * Return: 0; -errno as the kernel says (-EEXIST, -ESRCH...), or as the socket does.
 */
int netlink_request(struct mnl_socket *nl, struct nlmsghdr *nlh);

#endif
