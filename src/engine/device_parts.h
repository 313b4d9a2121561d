/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device_parts.h - the inside of a device (private to engine/)
 *
 * device.c         the round: sources, timers; what a person wants to know
 * device_config.c  what wg(8) and files say, and the answer to wg(8)
 * device_out.c     adapter -> AllowedIPs -> cut -> outbox; ICMP to our own host
 * device_in.c      datagrams and streams -> handshakes, or decrypted -> joined -> adapter
 * device_way.c     by UDP or by a stream: initiations, events of the tunnel, sending
 */
#ifndef CULVERT_ENGINE_DEVICE_PARTS_H
#define CULVERT_ENGINE_DEVICE_PARTS_H

#include "base/deadlines.h"
#include "engine/device.h"
#include "engine/fallback.h"
#include "engine/lanes.h"
#include "engine/limits.h"
#include "engine/outbox.h"
#include "engine/peer_book.h"
#include "io/udp.h"

#define DEVICE_STREAMS_MAX 64 /* peers that may be reached by TCP */

/* A peer as packets see it; what is configured stands in the book. */
struct device_peer {
	struct endpoint udp;  /* configured or learnt; ADDR_NONE: none */
	struct addr udp_from; /* our own address towards it */
	struct lanes *lanes;  /* NULL: no stream leads there; borrowed from device.streams */
	struct fallback fallback;
	uint64_t unanswered_since; /* ns: an initiation; 0: none */
};

/* Set by device_set_stream(), for whichever peer has the key now. */
struct device_stream {
	uint8_t public_key[WG_KEY_LEN];
	struct lanes *lanes;
	uint32_t peer; /* WG_NO_PEER: none has the key */
};

struct device {
	struct tun *tun;
	struct rng *rng;
	struct loop *loop;
	uint32_t peers_max;
	bool pinned;

	/* configured */
	bool has_key;
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
	uint16_t asked_port; /* 0: the kernel chose */
	uint32_t fwmark;
	struct peer_book *book;
	struct allowed_ips *allowed;
	struct device_stream streams[DEVICE_STREAMS_MAX];
	size_t n_streams;

	struct udp *udp;                  /* NULL before the first device_set() */
	struct wg_handshaker *handshaker; /* NULL without a key */
	struct wg_tunnel *tunnel;
	struct peer_mtu *mtu;
	struct staging *staging;
	struct outbox *outbox;
	struct device_peer *peers; /* by number */
	struct deadlines *due;     /* by number: fallback_next_deadline() */

	uint64_t now; /* of this round */
	uint64_t wall;
	uint64_t
		moving_until; /* ns: the network has just changed, the kernel alone chooses our address */
	uint32_t inside;    /* the adapter's MTU, as far as it is known; bytes */
	uint64_t mtu_again; /* ns: when it is asked for again */
	bool lone;          /* datagrams come singly, so more of them are read at once */
	struct icmp_limit icmp;
	struct handshake_load load;
	struct path_counters counters;
	uint64_t tun_drops[N_VERDICTS]; /* tun_recv() adds here */
	struct train trains[BATCH_MAX];
	uint8_t scratch[TRAIN_LEN_MAX + 1]; /* one whole packet, to be fragmented */
	uint8_t answer[2048];               /* an ICMP message */
};

static inline void device_drop(struct device *d, enum verdict reason, uint32_t packets)
{
	counter_add(&d->counters.drops[reason], packets);
}

/* device_config.c */
/** device_move_peer() - its UDP endpoint is @to now */
void device_move_peer(struct device *d, uint32_t peer, const struct endpoint *to);

/* device_out.c */
unsigned int device_tun_poll(struct device *d);

/** device_refresh_mtu() - asks the adapter, once a second at most */
void device_refresh_mtu(struct device *d);

/* device_in.c */
unsigned int device_udp_poll(struct device *d);
unsigned int device_streams_poll(struct device *d);

/* device_way.c */
/** device_send() - the outbox's way out.  @device: a struct device. */
int device_send(void *device, uint32_t peer, unsigned int lane, const struct udp_tx *tx);

/** device_lane() - the lane of packets with this flow hash: 0 by UDP */
unsigned int device_lane(const struct device *d, uint32_t peer, uint32_t hash);

/** device_output() - what the handshaker wants done; wipes the keys in it */
void device_output(struct device *d, struct wg_output *out);

/** device_tunnel_events() - what the tunnel asks for */
void device_tunnel_events(struct device *d);

/** device_way_changed() - the peer's fallback has been told something: streams, endpoint and
 *  deadline follow */
void device_way_changed(struct device *d, uint32_t peer);

/** device_way_configured() - its UDP endpoint, or whether it has a stream, is another now */
void device_way_configured(struct device *d, uint32_t peer);

/** device_run_ways() - deadlines of fallbacks and of streams; @streams: one of these is ready */
void device_run_ways(struct device *d, bool streams);
uint64_t device_ways_deadline(const struct device *d);

#endif
