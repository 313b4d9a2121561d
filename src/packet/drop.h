/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drop.h - the one list of reasons for which a packet ends here
 *
 * Each packet is either forwarded or counted under exactly one of these.  The
 * list is the enum, the counter's name in status, its text and its entry in
 * culvert(8), where a test looks for every one of them.
 *
 * Columns: the enum's name after DROP_, and what it means to a person.
 */
#ifndef CULVERT_PACKET_DROP_H
#define CULVERT_PACKET_DROP_H

#define DROP_REASONS(X)                                                                \
	/* any packet */                                                               \
	X(IP_MALFORMED, "IP header that is truncated or contradicts itself")           \
	X(IP_CHECKSUM, "wrong IPv4 header checksum")                                   \
	X(IP_VERSION, "neither IPv4 nor IPv6")                                         \
	X(IP_SOURCE_ROUTE, "IPv4 source route option")                                 \
	X(IP6_REFUSED, "IPv6 inside the tunnel, refused with ICMPv6")                  \
	X(L4_MALFORMED, "transport header that is truncated or contradicts itself")    \
	X(L4_CHECKSUM, "wrong TCP, UDP or ICMP checksum")                              \
	X(FRAGMENT, "fragment that could not be matched or kept")                      \
	X(TOO_BIG, "larger than the next link, sender told by ICMP")                   \
	X(NO_MEMORY, "buffer pool or queue full")                                      \
	/* the tunnel */                                                               \
	X(WG_MALFORMED, "not a WireGuard message")                                     \
	X(WG_MAC, "handshake message with a wrong MAC1")                               \
	X(WG_COOKIE, "handshake message answered with a cookie under load")            \
	X(WG_RATE, "handshake message over the rate limit")                            \
	X(WG_HANDSHAKE, "handshake message that does not decrypt or match")            \
	X(WG_REPLAY, "replayed or too old WireGuard message")                          \
	X(WG_UNKNOWN_PEER, "handshake of a peer that is not configured")               \
	X(WG_INDEX, "receiver index of no session")                                    \
	X(WG_DECRYPT, "data message that does not authenticate")                       \
	X(WG_EXPIRED, "session too old to use")                                        \
	X(WG_SOURCE, "source address outside the peer's AllowedIPs")                   \
	X(WG_NO_SESSION, "no session and no room to wait for one")                     \
	X(WG_NO_ENDPOINT, "peer whose endpoint is not known yet")                      \
	X(WG_LOOP, "tunnel's own datagram for a peer that is behind the tunnel")       \
	X(WG_SEND, "UDP send of the tunnel failed")                                    \
	X(STREAM_STALE, "waited too long for a stream that is congested or closed")    \
	/* the router */                                                               \
	X(ROUTE_MARTIAN, "source that no packet may have")                             \
	X(ROUTE_MULTICAST, "multicast or broadcast destination")                       \
	X(ROUTE_LOOPBACK, "loopback or this-network destination")                      \
	X(ROUTE_LINK_LOCAL, "link-local destination")                                  \
	X(ROUTE_METADATA, "cloud metadata service")                                    \
	X(ROUTE_PRIVATE, "private network not allowed by [Policy]")                    \
	X(ROUTE_POLICY, "destination denied by [Policy]")                              \
	X(ROUTE_ISOLATED, "client to client while clients are isolated")               \
	X(ROUTE_NO_PEER, "tunnel address that no peer has")                            \
	X(ROUTE_NO_HOST, "service of the gateway host without an adapter to reach it") \
	X(ROUTE_OTHER_LINK, "destination whose route leaves by another interface")     \
	X(ROUTE_TTL, "TTL exceeded, sender told by ICMP")                              \
	X(ROUTE_HOST_SOURCE, "packet from the adapter that is not the host's own")     \
	/* the NAT */                                                                  \
	X(NAT_PROTOCOL, "protocol that the NAT does not translate")                    \
	X(NAT_NO_MAPPING, "from outside to a port that nobody has opened")             \
	X(NAT_FILTERED, "from outside by a sender that the mapping does not admit")    \
	X(NAT_NO_PORT, "external ports exhausted")                                     \
	X(NAT_TABLE_FULL, "mapping table full")                                        \
	X(NAT_QUOTA, "client over its limit of mappings")                              \
	X(NAT_TCP_STATE, "TCP segment that opens nothing and belongs to nothing")      \
	X(NAT_ICMP_TYPE, "ICMP type that is not translated")                           \
	X(NAT_ICMP_EMBEDDED, "ICMP error about a packet that was never sent")          \
	/* the external interface and the host */                                      \
	X(EXTERNAL_DOWN, "external interface without carrier, address or route")       \
	X(EXTERNAL_SEND, "send on the external interface failed")                      \
	X(EXTERNAL_OVERRUN, "arrived faster than the gateway could take it")           \
	X(EXTERNAL_NOT_OURS, "seen on the external interface but not for the NAT")     \
	X(HOST_SEND, "write to the adapter failed")                                    \
	X(DNS_OVERLOAD, "DNS query while the proxy's queue is full")                   \
	X(ECN, "congestion marked on the outer path of a packet without ECN")

enum verdict {
	PASS = 0,
#define X(name, text) DROP_##name,
	DROP_REASONS(X)
#undef X
		N_VERDICTS
};

/** drop_name() - "NAT_NO_PORT" for DROP_NAT_NO_PORT; "pass" for PASS */
const char *drop_name(enum verdict v);

/** drop_text() - what it means, for a person */
const char *drop_text(enum verdict v);

#endif
