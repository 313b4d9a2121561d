/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <sys/socket.h>

int netlink_open(struct mnl_socket **ret)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int on = 1;
	int r = 0;

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	/* A refusal quotes the request only as far as its header, so it fits a small buffer. */
	else if (mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &on, sizeof(on)) < 0)
		r = -errno;
	if (r < 0) {
		mnl_socket_close(nl);
		return r;
	}
	*ret = nl;
	return 0;
}

int netlink_request(struct mnl_socket *nl, struct nlmsghdr *nlh)
{
	uint8_t answer[512];
	ssize_t n;

	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(nl, answer, sizeof(answer));
	if (n < 0)
		return -errno;
	return mnl_cb_run(answer, (size_t)n, 0, mnl_socket_get_portid(nl), NULL, NULL) < 0 ? -errno
											   : 0;
}
