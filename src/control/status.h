/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status.h - what a gateway or a client says of itself: one struct, its JSON, its page for a person
 *
 * The engine fills the struct, status_json() writes the only wire format, and
 * `culvert status` renders either that text or a page made from it.  Pure.
 * Times in JSON are seconds, sizes bytes, addresses text.
 */
#ifndef CULVERT_CONTROL_STATUS_H
#define CULVERT_CONTROL_STATUS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "packet/drop.h"

struct status_peer {
	char name[64];
	uint8_t public_key[32];
	struct endpoint endpoint; /* family ADDR_NONE while unknown; .stream tells the transport */
	struct prefix *allowed;   /* borrowed */
	size_t n_allowed;
	uint64_t handshake_age; /* ns; UINT64_MAX: never */
	uint64_t rx_bytes;      /* from the peer */
	uint64_t tx_bytes;
	uint64_t rx_rate; /* bytes per second, over the last seconds */
	uint64_t tx_rate;
	uint32_t mappings; /* NAT mappings; not filled yet when UINT32_MAX */
	bool runtime;      /* added by `wg set`, not in the file */
	/* a client's alone */
	uint32_t mtu;         /* bytes, inside, that the path carries now; 0: a gateway's peer */
	unsigned int streams; /* TCP connections open */
};

/* What a client has and a gateway has not. */
struct status_client {
	const struct prefix *addresses; /* borrowed */
	size_t n_addresses;
	bool route_all;
	bool kill_switch;
	char trouble[512]; /* one sentence with the cure; empty: all is well */
};

struct status_nat {
	uint32_t mappings;
	uint32_t leased;
	uint32_t free;
	uint32_t leasable;
	char guard[16]; /* "md5", "minttl", "filter", "none" */
};

struct status_upstream {
	char text[80]; /* "tls://9.9.9.9:853#dns.quad9.net" */
	bool alive;
	uint64_t rtt; /* ns */
	uint64_t queries;
	uint64_t failures;
};

struct status {
	const struct status_client *client; /* borrowed; NULL: a gateway */
	char version[32];
	long pid;
	uint64_t uptime; /* ns */
	char rung[160];  /* the rung of the capability ladder, in words */
	unsigned int workers;
	uint8_t public_key[32];
	uint16_t listen_port;
	struct prefix address;  /* 10.66.77.1/24 */
	char adapter[IFNAMSIZ]; /* empty: none */
	/* streams */
	uint16_t stream_port; /* TCP; 0: none */
	const char *stream_tls;
	uint32_t stream_connections; /* now */
	/* external interface */
	char interface[IFNAMSIZ];
	bool interface_up;
	struct addr external;
	uint32_t mtu;
	char offload[16];
	uint64_t out_packets, out_bytes, in_packets, in_bytes; /* to and from the internet */
	/* NAT: TCP, UDP, ICMP */
	struct status_nat nat[3];
	/* DNS */
	bool dns;
	uint64_t dns_queries, dns_cached, dns_failed;
	uint32_t dns_cache_entries;
	struct status_upstream *upstreams; /* borrowed */
	size_t n_upstreams;

	uint64_t drops[N_VERDICTS];
	uint64_t packets_in; /* everything that came in at any edge: in = out + drops */
	uint64_t packets_out;

	struct status_peer *peers; /* borrowed */
	size_t n_peers;
};

/** status_json() - Return: malloc'd text with a final newline, or NULL without memory */
char *status_json(const struct status *status);

/**
 * status_page() - the page for a person, from the JSON
 * @json: as status_json() made it, perhaps by another version: unknown members are ignored, missing ones left out
 * @columns: width of the terminal, 0 when it is none
 *
 * Return: malloc'd text, or NULL if @json is not such JSON.
 */
char *status_page(const char *json, unsigned int columns);

/** status_client_adapter() - whether @json is a client's, and its adapter's name */
bool status_client_adapter(const char *json, char ret[static IFNAMSIZ]);

#endif
