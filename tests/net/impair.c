/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impair.c - a bad cable: a bridge of two interfaces that delays, loses, slows and filters
 *
 * usage: impair INTERFACE-A INTERFACE-B [SETTING]...
 *
 * Prints "ready", then obeys lines from standard input, each a SETTING or "count", and answers
 * each with one line ("count": one for each direction).  A SETTING is DIRECTION NAME VALUE:
 *   DIRECTION  up (from A to B), down (from B to A), both
 *   delay MS, jitter MS    each frame waits so long; jitter adds 0..MS and keeps the order
 *   loss PERCENT           of IP packets, at random, each for itself; seed N begins the sequence anew
 *   rate MBIT, queue MS    a slower line (0: as fast as can be), and how long a frame may wait
 *                          for its turn there before it is dropped
 *   drop-udp PORT          UDP from or to this port vanishes (0: none)
 *
 * For kernels without netem, and for any that would want its module.  Frames pass as they are, with
 * neither a checksum nor a length left for hardware to fill in: whoever plugs this cable in
 * switches the offloads at both far ends off (lib.sh does), so that each frame is one packet on
 * a wire and is lost alone.  What keeps the cable's ends together, ARP and IPv6 neighbour
 * discovery, is delayed but never lost: no test wants a retry of a second from it.
 *
 * Accurate to about 0.1 ms while a processor is to be had; it takes precedence over everything
 * else where it may.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/wire.h"
#include "io/loop.h"

#define BATCH     64
#define SLOTS     32768 /* frames under way in one direction: 3 Gbit/s for 100 ms */
#define FRAME_MAX 2032
#define RING_MASK (SLOTS - 1)

struct frame {
	uint64_t due; /* ns; never earlier than that of the frame before */
	uint32_t len; /* 0: dropped, and only a place in the ring */
	uint8_t bytes[FRAME_MAX];
};

struct settings {
	double delay_ms;
	double jitter_ms;
	double loss_percent;
	double rate_mbit;
	double queue_ms;
	double drop_udp;
	double seed;
};

struct direction {
	const char *name;
	int from; /* packet sockets */
	int to;
	struct settings set;
	struct rng rng;
	struct frame *ring;
	size_t head; /* the oldest frame; both count on, the mask makes a slot of them */
	size_t tail;
	uint64_t line_free; /* ns: when the last frame has left the slow line */
	uint64_t last_due;  /* ns */
	unsigned long passed, lost, full, filtered, refused, overrun;
};

static const struct {
	const char *name;
	size_t offset;
} names[] = {
	{ "delay", offsetof(struct settings, delay_ms) },
	{ "jitter", offsetof(struct settings, jitter_ms) },
	{ "loss", offsetof(struct settings, loss_percent) },
	{ "rate", offsetof(struct settings, rate_mbit) },
	{ "queue", offsetof(struct settings, queue_ms) },
	{ "drop-udp", offsetof(struct settings, drop_udp) },
	{ "seed", offsetof(struct settings, seed) },
};

static bool direction_set(struct direction *d, const char *name, double value)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i].name) != 0)
			continue;
		memcpy((char *)&d->set + names[i].offset, &value, sizeof(value));
		if (strcmp(name, "seed") == 0)
			d->rng = rng_seeded((uint64_t)value);
		return true;
	}
	return false;
}

/* Return: whether @text was a setting, which is in force now. */
static bool set(struct direction directions[static 2], const char *text)
{
	char which[8];
	char name[16];
	double value;
	bool understood = false;

	if (sscanf(text, "%7s %15s %lf", which, name, &value) != 3 || value < 0)
		return false;
	for (int i = 0; i < 2; i++) {
		if (strcmp(which, "both") == 0 || strcmp(which, directions[i].name) == 0)
			understood = direction_set(&directions[i], name, value);
	}
	return understood;
}

/* Where the transport header of an IP packet begins; 0 if there is none to be found. */
static size_t transport(const struct frame *f, uint8_t *ret_protocol)
{
	const uint8_t *ip = f->bytes + ETH_HLEN;
	uint16_t type = f->len >= ETH_HLEN + 20 ? load_be16(f->bytes + 12) : 0;

	if (type == ETH_P_IP && (load_be16(ip + 6) & 0x1fff) == 0) {
		*ret_protocol = ip[9];
		return ETH_HLEN + (size_t)(ip[0] & 15) * 4;
	}
	if (type == ETH_P_IPV6 && f->len >= ETH_HLEN + 40) {
		*ret_protocol = ip[6];
		return ETH_HLEN + 40;
	}
	return 0;
}

static bool is_udp_of(const struct frame *f, uint16_t port)
{
	uint8_t protocol = 0;
	size_t at = transport(f, &protocol);

	return at > 0 && at + 4 <= f->len && protocol == IPPROTO_UDP &&
	       (load_be16(f->bytes + at) == port || load_be16(f->bytes + at + 2) == port);
}

static bool may_be_lost(const struct frame *f)
{
	uint16_t type = load_be16(f->bytes + 12);
	uint8_t protocol = 0;
	size_t at = transport(f, &protocol);
	bool neighbours = at > 0 && at < f->len && type == ETH_P_IPV6 &&
			  protocol == IPPROTO_ICMPV6 && f->bytes[at] >= 133 && f->bytes[at] <= 137;

	return (type == ETH_P_IP || type == ETH_P_IPV6) && !neighbours;
}

static uint64_t from_ms(double ms)
{
	return (uint64_t)(ms * 1e6);
}

/* Decides on the frame at the ring's tail: when it is due, or that it ends here. */
static void enqueue(struct direction *d, struct frame *f, uint64_t now)
{
	uint64_t start = d->line_free > now ? d->line_free : now;
	uint64_t due;

	if (d->set.drop_udp > 0 && is_udp_of(f, (uint16_t)d->set.drop_udp)) {
		d->filtered++;
		f->len = 0;
	} else if (d->set.rate_mbit > 0 && start - now > from_ms(d->set.queue_ms)) {
		d->full++;
		f->len = 0;
	} else if (d->set.loss_percent > 0 && may_be_lost(f) &&
		   rng_below(&d->rng, 1000000) < d->set.loss_percent * 1e4) {
		d->lost++;
		f->len = 0;
	}
	f->due = 0;
	if (f->len == 0)
		return;
	if (d->set.rate_mbit > 0)
		start += (uint64_t)(f->len * 8e3 / d->set.rate_mbit);
	d->line_free = start;
	due = start + from_ms(d->set.delay_ms);
	if (d->set.jitter_ms > 0)
		due += rng_below(&d->rng, (uint32_t)from_ms(d->set.jitter_ms) + 1);
	d->last_due = f->due = due > d->last_due ? due : d->last_due;
}

static bool has_room(const struct direction *d)
{
	return d->tail - d->head <= SLOTS - BATCH;
}

static void receive(struct direction *d)
{
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec pieces[BATCH];
	uint64_t now;
	int n;

	for (size_t i = 0; i < BATCH; i++) {
		pieces[i].iov_base = d->ring[(d->tail + i) & RING_MASK].bytes;
		pieces[i].iov_len = FRAME_MAX;
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(d->from, messages, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	now = loop_now();
	for (int i = 0; i < n; i++) {
		struct frame *f = &d->ring[d->tail++ & RING_MASK];

		f->len = messages[i].msg_len;
		if (f->len > FRAME_MAX) {
			fprintf(stderr, "impair: a frame of %u bytes: switch offloads off\n",
				f->len);
			exit(1);
		}
		enqueue(d, f, now);
	}
}

/* Sends what is due.  Return: when the next frame is. */
static uint64_t forward(struct direction *d, uint64_t now)
{
	while (d->head != d->tail && d->ring[d->head & RING_MASK].due <= now) {
		struct mmsghdr messages[BATCH] = { 0 };
		struct iovec pieces[BATCH];
		unsigned int n = 0;

		while (n < BATCH && d->head != d->tail) {
			struct frame *f = &d->ring[d->head & RING_MASK];

			if (f->due > now)
				break;
			d->head++;
			if (f->len == 0)
				continue;
			pieces[n] = (struct iovec){ .iov_base = f->bytes, .iov_len = f->len };
			messages[n].msg_hdr.msg_iov = &pieces[n];
			messages[n++].msg_hdr.msg_iovlen = 1;
		}
		for (unsigned int sent = 0; sent < n;) {
			int r = sendmmsg(d->to, messages + sent, n - sent, 0);

			d->passed += r > 0 ? (unsigned int)r : 0;
			d->refused += r <= 0;
			sent += r > 0 ? (unsigned int)r : 1;
		}
	}
	return d->head == d->tail ? NEVER : d->ring[d->head & RING_MASK].due;
}

static void count(struct direction *d)
{
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof(stats);

	/* Reading sets the kernel's counters to zero. */
	getsockopt(d->from, SOL_PACKET, PACKET_STATISTICS, &stats, &len);
	d->overrun += stats.tp_drops;
	printf("%s passed %lu lost %lu full %lu filtered %lu refused %lu overrun %lu\n", d->name,
	       d->passed, d->lost, d->full, d->filtered, d->refused, d->overrun);
}

/* Return: false at the end of standard input. */
static bool obey(struct direction directions[static 2])
{
	char line[128];

	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\n")] = 0;
	if (strcmp(line, "count") == 0) {
		count(&directions[0]);
		count(&directions[1]);
	} else {
		printf("%s: %s\n", set(directions, line) ? "set" : "not understood", line);
	}
	fflush(stdout);
	return true;
}

static int open_interface(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int bytes = 16 << 20;
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	if (at.sll_ifindex == 0 || fd < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		fprintf(stderr, "impair: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	return fd;
}

static void run(struct direction directions[static 2])
{
	struct pollfd fds[3] = { { .events = POLLIN }, { .events = POLLIN }, { .events = POLLIN } };
	bool listening = true;

	for (;;) {
		uint64_t now = loop_now();
		uint64_t next = forward(&directions[0], now);

		next = earlier(next, forward(&directions[1], now));
		for (int i = 0; i < 2; i++)
			fds[i].fd = has_room(&directions[i]) ? directions[i].from : -1;
		fds[2].fd = listening ? STDIN_FILENO : -1;

		now = loop_now();
		uint64_t left = next > now ? next - now : 0;
		struct timespec wait = { .tv_sec = (time_t)(left / NS_PER_S),
					 .tv_nsec = (long)(left % NS_PER_S) };

		if (ppoll(fds, 3, next == NEVER ? NULL : &wait, NULL) < 0)
			continue;
		for (int i = 0; i < 2; i++) {
			if (fds[i].revents)
				receive(&directions[i]);
		}
		if (fds[2].revents)
			listening = obey(directions);
	}
}

int main(int argc, char **argv)
{
	const struct sched_param first = { .sched_priority = 1 };
	struct direction directions[2] = { { .name = "up" }, { .name = "down" } };

	if (argc < 3) {
		fprintf(stderr, "usage: impair INTERFACE-A INTERFACE-B [SETTING]...\n");
		return 2;
	}
	directions[0].from = directions[1].to = open_interface(argv[1]);
	directions[1].from = directions[0].to = open_interface(argv[2]);
	set(directions, "both queue 100");
	set(directions, "up seed 1");
	set(directions, "down seed 2");
	for (int i = 3; i < argc; i++) {
		if (!set(directions, argv[i])) {
			fprintf(stderr, "impair: not understood: %s\n", argv[i]);
			return 2;
		}
	}
	for (int i = 0; i < 2; i++) {
		directions[i].ring = calloc(SLOTS, sizeof(struct frame));
		if (!directions[i].ring)
			return 1;
	}
	setvbuf(stdin, NULL, _IONBF, 0);
	/* Both are refused to an ordinary user, whose bridge is late on a busy machine. */
	sched_setscheduler(0, SCHED_FIFO, &first);
	prctl(PR_SET_TIMERSLACK, 1);
	puts("ready");
	fflush(stdout);
	run(directions);
}
