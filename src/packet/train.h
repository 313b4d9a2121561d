/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * train.h - the unit that the data path passes
 *
 * A train is one packet's headers and the payload of one or more segments that
 * share them: what GSO and GRO call a super-packet.  The NAT looks it up once and
 * rewrites one header, whatever its length.  A lone packet is a train of one
 * segment.
 *
 * Payload is a list of pieces that point into the buffers where the bytes were
 * received or decrypted; nothing is copied between tunnel and external interface.
 * A train therefore *borrows* its memory: it is valid until its receiver's next
 * batch (external_recv(), tun_recv(), udp_recv()), and whoever keeps a packet
 * longer copies it with train_linearize().
 *
 * Which bytes are head:
 *   TCP, UDP (not fragmented)   the IP header and the transport header
 *   everything else             the whole packet; there are no pieces
 *
 * The gateway's trains are IPv4.  A device that carries both families makes trains of IPv6 as
 * well (train_parse_any(), train.ip6); addresses, ports and TTL are rewritten in IPv4 alone.
 * Source: RFC 791, RFC 9293, RFC 768; include/uapi/linux/virtio_net.h for the
 * partial checksum.
 */
#ifndef CULVERT_PACKET_TRAIN_H
#define CULVERT_PACKET_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "packet/checksum.h"
#include "packet/drop.h"

#define TRAIN_PIECES_MAX 64    /* segments of one UDP_GRO datagram train */
#define TRAIN_LEN_MAX    65535 /* IPv4 total length; of IPv6 the header included */
#define BATCH_MAX        64    /* trains per call */

enum {
	IPPROTO_NUM_ICMP = 1,
	IPPROTO_NUM_TCP = 6,
	IPPROTO_NUM_UDP = 17,
	IPPROTO_NUM_ICMP6 = 58,
};

/* The state of the transport checksum field. */
enum csum_state {
	CSUM_UNCHECKED, /* complete, as it came off a wire; nobody has looked */
	CSUM_VERIFIED,  /* complete and known to be right (or UDP without one) */
	CSUM_PARTIAL,   /* holds the pseudo-header sum only; completed where it is cut or sent */
};

struct piece {
	uint8_t *data;
	uint32_t len; /* bytes */
};

struct train {
	uint8_t *head;     /* IPv4 header first; writable */
	uint32_t head_len; /* bytes */
	uint32_t len;      /* bytes: head and all pieces; the IPv4 total length */

	/* What train_parse() or train_parse_any() read from the head; rewriters keep it in step. */
	bool ip6;            /* src and dst are 0 then: train_src() and train_dst() read the head */
	uint32_t src;        /* host order */
	uint32_t dst;        /* host order */
	uint16_t l4;         /* offset of the transport header = IP header length */
	uint8_t proto;       /* IPv6: the next header, which may be an extension header */
	uint8_t ttl;         /* IPv6: the hop limit */
	uint8_t tos;         /* DSCP and ECN; IPv6: the traffic class */
	bool dont_fragment;  /* DF */
	bool more_fragments; /* MF */
	uint16_t frag_offset; /* bytes; a fragment is more_fragments || frag_offset > 0 */
	/* TCP, UDP not fragmented: host order; ICMP echo of IPv4: the identifier in both; else 0 */
	uint16_t sport;
	uint16_t dport;
	uint8_t tcp_flags; /* TCP: byte 13 of the header */

	enum csum_state csum;
	uint16_t gso_size; /* payload bytes per segment; 0 for a lone packet */
	uint16_t n_pieces;
	struct piece pieces[TRAIN_PIECES_MAX];
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_ECE 0x40
#define TCP_CWR 0x80

/**
 * train_parse() - one contiguous IPv4 packet becomes a lone train
 * @t: filled; its old content is lost
 * @packet: borrowed by the train; the IPv4 header first; need not be aligned
 * @len: bytes there; what exceeds the IPv4 total length is link padding and ignored
 * @csum: what is known of the transport checksum
 *
 * Checks version, header length, total length, the header checksum, and that the
 * transport header is whole (first fragments included; RFC 1858's tiny fragments
 * are DROP_FRAGMENT).  Refuses source routing.  A UDP length that contradicts the
 * IPv4 length is DROP_L4_MALFORMED.  Transport checksums are not looked at.
 * ICMP types other than echo leave sport and dport 0.
 *
 * Return: PASS or DROP_IP_*, DROP_L4_MALFORMED, DROP_FRAGMENT.
 */
enum verdict train_parse(struct train *t, uint8_t *packet, size_t len, enum csum_state csum);

/**
 * train_parse_any() - the same for a packet of either family
 *
 * Of IPv6 (RFC 8200): version, payload length, and a whole TCP or UDP header where that
 * follows the fixed header.  A packet with extension headers is all head, like ICMPv6.  ttl is
 * the hop limit, tos the traffic class; dont_fragment is true, for no router fragments IPv6.
 *
 * Return: as train_parse().
 */
enum verdict train_parse_any(struct train *t, uint8_t *packet, size_t len, enum csum_state csum);

/** train_src(), train_dst() - the addresses, of either family */
struct addr train_src(const struct train *t);
struct addr train_dst(const struct train *t);

/** train_has_ports() - TCP or UDP; of fragments the first has them in the head only */
static inline bool train_has_ports(const struct train *t)
{
	return t->proto == IPPROTO_NUM_TCP || t->proto == IPPROTO_NUM_UDP;
}

/** train_segments() - how many packets it is on a wire: what counters count */
uint32_t train_segments(const struct train *t);

static inline bool train_is_fragment(const struct train *t)
{
	return t->more_fragments || t->frag_offset > 0;
}

static inline uint8_t *train_l4(const struct train *t)
{
	return t->head + t->l4;
}

/** train_payload_len() - bytes in all pieces */
static inline uint32_t train_payload_len(const struct train *t)
{
	return t->len - t->head_len;
}

/** train_segment_len() - the longest IP packet that its segments have, bytes */
uint32_t train_segment_len(const struct train *t);

/**
 * train_set_src() etc. - rewrite one field in the head and in the parsed copy
 *
 * The IPv4 header checksum is fixed incrementally (RFC 1624), and so is the
 * transport checksum in whichever state it is: complete, or partial (then only
 * the pseudo-header's part).  A UDP checksum of 0 stays 0, and a computed 0 is
 * stored as 0xffff.  Of a fragment that is not the first only the IPv4 header is
 * touched.  ICMP has no pseudo-header: addresses leave its checksum alone;
 * train_set_icmp_id() fixes it.
 *
 * Only train_set_tos() serves IPv6 as well.
 */
void train_set_src(struct train *t, uint32_t src);
void train_set_dst(struct train *t, uint32_t dst);
void train_set_sport(struct train *t, uint16_t sport);
void train_set_dport(struct train *t, uint16_t dport);
void train_set_icmp_id(struct train *t, uint16_t id);
void train_set_ttl(struct train *t, uint8_t ttl);
void train_set_tos(struct train *t, uint8_t tos);

/**
 * train_clamp_mss() - lowers the MSS option of a SYN or SYN-ACK to @mss
 *
 * Of either family.  A SYN without the option is left alone.  Fixes the TCP checksum.
 * Return: true if the option was lowered.
 */
bool train_clamp_mss(struct train *t, uint16_t mss);

/** train_pseudo() - the sum of the pseudo-header over @l4_len bytes of transport, not folded */
static inline uint64_t train_pseudo(const struct train *t, uint32_t l4_len)
{
	if (t->ip6)
		return checksum_pseudo_ip6(t->head + 8, t->proto, l4_len); /* both addresses */
	return checksum_pseudo(t->src, t->dst, t->proto, (uint16_t)l4_len);
}

/**
 * train_verify() - checks a complete transport checksum once
 *
 * A UDP checksum of 0 says of IPv4 that there is none, and is wrong in IPv6.
 *
 * Return: PASS (the state is then CSUM_VERIFIED, or stays CSUM_PARTIAL), or
 * DROP_L4_CHECKSUM.  Fragments pass unlooked at, and so does what is behind extension headers.
 */
enum verdict train_verify(struct train *t);

/** train_linearize() - writes the whole packet, uncut, to @out of @room bytes;
 *  a partial checksum stays partial.  Return: bytes written, 0 if it does not fit. */
size_t train_linearize(const struct train *t, uint8_t *out, size_t room);

/**
 * trains_join() - coalesces neighbours of one flow, in place and in order
 * @t: @n parsed trains (lone ones, usually), in order of arrival
 *
 * Joined are TCP segments that continue each other (same addresses, ports, ack,
 * window, options, TOS, TTL, DF, flags but PSH on the last; equal length but the
 * last) and UDP datagrams of one flow of equal length but the last.  A checksum
 * that arrived complete is verified before it is replaced by a partial one; a
 * train whose checksum is wrong stays alone and unverified, so that the bad sum
 * reaches its receiver or is dropped where it is looked at.  The order within a
 * flow never changes.  Flows may interleave; a few of them are kept open at once, of both families.
 *
 * Left alone are segments with IPv4 options, SYN, RST, URG or CWR, what carries no
 * payload, UDP without a checksum, fragments, and trains of several segments.  The
 * IPv4 identification counts up by one, or DF is set (then it means nothing and is
 * numbered anew by the cut, RFC 6864).  Of IPv6, which has neither, the flow label must be equal.
 *
 * Return: the number of trains left, which stand at t[0..].
 */
size_t trains_join(struct train *t, size_t n);

/*
 * Cutting: a train becomes the packets that it stands for.
 */
struct cut {
	const struct train *train;
	uint32_t offset;  /* payload bytes already cut */
	uint32_t segment; /* number of the next segment */
	uint16_t piece;   /* where the next payload byte is */
	uint32_t in_piece;
};

/** cut_start() - @t is borrowed until the last cut_next() and not changed */
void cut_start(struct cut *cut, const struct train *t);

/**
 * cut_next() - writes the next segment as a whole IP packet with complete checksums
 * @out: @room bytes
 *
 * TCP: sequence number advances, FIN and PSH only on the last segment, CWR only
 * on the first.  IPv4: length, identification (+1 per segment), checksum.  IPv6: length.  A lone
 * packet whose checksum is complete is copied as it is, right or wrong.
 *
 * Return: its length in bytes; 0 when there is none left or it exceeds @room.
 */
size_t cut_next(struct cut *cut, uint8_t *out, size_t room);

#endif
