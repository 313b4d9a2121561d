/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_proxy.h - the DNS proxy's thread
 *
 * Workers hand it the UDP queries that clients send to 10.66.77.1:53 and fetch its
 * answers, each by a ring; TCP clients reach its listener.  It talks to the upstreams
 * by UDP, TCP and TLS.  Nothing it waits for can hold up a packet.
 *
 * Source: RFC 1035, RFC 7766, RFC 7858, RFC 6891; DESIGN.md in dns/.
 */
#ifndef CULVERT_ENGINE_DNS_PROXY_H
#define CULVERT_ENGINE_DNS_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "config/config.h"
#include "control/status.h"

struct dns_proxy;

struct dns_proxy_params {
	const struct config *config; /* [Dns] and the tunnel's prefix; borrowed during the call */
	uint32_t gateway;            /* 10.66.77.1, host order */
	struct prefix
		tunnel;    /* 10.66.77.0/24: answers that point here are dropped unless allowed */
	uint32_t external; /* an upstream that is ourselves is refused; 0 if unknown */
	unsigned int workers;
	const int
		*worker_wakers;  /* eventfds (io/loop.h), one per worker, woken when answers wait */
	const char *resolv_conf; /* "/etc/resolv.conf" */
};

/* Whom an answer goes to; carried with the query and given back unchanged. */
struct dns_client {
	uint32_t peer;
	uint32_t src; /* the client's address, host order */
	uint32_t dst; /* the address that it asked, host order */
	uint16_t port;
	uint16_t size_max; /* longest UDP payload that fits its tunnel without fragments, bytes */
};

/**
 * dns_proxy_new() - makes the thread
 * @complaint: at least 256 bytes; on failure one sentence with the cause and the cure
 *
 * Return: 0 or -errno.
 */
int dns_proxy_new(const struct dns_proxy_params *params, struct dns_proxy **ret, char *complaint);

/** dns_proxy_free() - stops the thread and joins it */
struct dns_proxy *dns_proxy_free(struct dns_proxy *p);

/** dns_proxy_reload() - other upstreams or switches; running queries are kept.  Context: main thread. */
int dns_proxy_reload(struct dns_proxy *p, const struct config *config, char *complaint);

/**
 * dns_proxy_ask() - one query of @len bytes (the UDP payload, hostile)
 * Context: worker @worker.
 * Return: false when its queue is full (DROP_DNS_OVERLOAD).
 */
bool dns_proxy_ask(struct dns_proxy *p, unsigned int worker, const struct dns_client *client,
		   const uint8_t *query, size_t len);

/**
 * dns_proxy_answer() - the oldest answer for @worker, borrowed until dns_proxy_answer_done()
 * Context: worker @worker.
 * Return: the UDP payload, or NULL when there is none.
 */
const uint8_t *dns_proxy_answer(struct dns_proxy *p, unsigned int worker, struct dns_client *client,
				size_t *len);
void dns_proxy_answer_done(struct dns_proxy *p, unsigned int worker);

/**
 * dns_proxy_listen() - accepts DNS over TCP at @address:0 from sources inside @from only
 *
 * The engine translates 10.66.77.1:53 to the port that is returned, so that no
 * privileged port is needed and a resolver of the host on port 53 does not collide.
 * If @from is one address, a translator is taken to be there with all clients behind it:
 * limits per address then hold for each connection.  At most 4 listeners.
 * Context: main thread, before traffic starts.
 * Return: the port (host order), or -errno.
 */
int dns_proxy_listen(struct dns_proxy *p, uint32_t address, const struct prefix *from);

/** dns_proxy_status() - fills the DNS part of @status; @upstreams has room for CONFIG_UPSTREAMS_MAX */
void dns_proxy_status(struct dns_proxy *p, struct status *status,
		      struct status_upstream *upstreams);

#endif
