/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/packet_filter.h"

#include <assert.h>
#include <linux/if_packet.h>

#define WORD_BITS 32
#define N_WORDS   (1024 / WORD_BITS)

/* Offsets in an IPv4 header, and behind it. */
enum {
	IP_FRAGMENT = 6,
	IP_PROTOCOL = 9,
	IP_SOURCE = 12,
	IP_DESTINATION = 16,
	L4_SOURCE_PORT = 0,
	L4_DESTINATION_PORT = 2,
	ICMP_IDENTIFIER = 4,
	ICMP_EMBEDDED = 8, /* the packet inside an error */
};

/* The program's variables. */
enum {
	MEM_PROTOCOL, /* index into external_ports.blocks */
	MEM_SCRATCH,
};

static void emit(struct packet_filter *f, uint16_t code, uint32_t k)
{
	assert(f->n < PACKET_FILTER_MAX);
	f->code[f->n++] = (struct sock_filter)BPF_STMT(code, k);
}

/* What follows up to end_if() runs only if the condition holds; Return: for end_if(). */
static uint16_t begin_if(struct packet_filter *f, uint16_t condition, uint32_t k)
{
	emit(f, BPF_JMP | condition | BPF_K, k);
	return (uint16_t)(f->n - 1);
}

static void end_if(struct packet_filter *f, uint16_t from)
{
	uint16_t distance = (uint16_t)(f->n - from - 1);

	assert(distance <= UINT8_MAX);
	f->code[from].jf = (uint8_t)distance;
}

/* A jump forward to where land() is called. */
static uint16_t jump(struct packet_filter *f)
{
	emit(f, BPF_JMP | BPF_JA, 0);
	return (uint16_t)(f->n - 1);
}

static void land(struct packet_filter *f, uint16_t from)
{
	f->code[from].k = (uint32_t)(f->n - from - 1);
}

static void refuse(struct packet_filter *f)
{
	emit(f, BPF_RET | BPF_K, 0);
}

static void refuse_unless(struct packet_filter *f, uint16_t condition, uint32_t k)
{
	emit(f, BPF_JMP | condition | BPF_K, k);
	f->code[f->n - 1].jt = 1;
	refuse(f);
}

static void refuse_if(struct packet_filter *f, uint16_t condition, uint32_t k)
{
	uint16_t from = begin_if(f, condition, k);

	refuse(f);
	end_if(f, from);
}

/* Leaves the port in A and its protocol in memory, and jumps to where all ways meet. */
static uint16_t found(struct packet_filter *f, uint32_t protocol, uint32_t port_at)
{
	emit(f, BPF_LD | BPF_IMM, protocol);
	emit(f, BPF_ST, MEM_PROTOCOL);
	emit(f, BPF_LD | BPF_H | BPF_IND, port_at);
	return jump(f);
}

/*
 * In: X is the length of the outer header.  @address: what the embedded source must be; 0: any.
 * Everything but these three kinds ends here.
 */
static void find_embedded(struct packet_filter *f, uint32_t l2, uint32_t address, uint16_t exits[3])
{
	uint32_t inner = l2 + ICMP_EMBEDDED;
	uint16_t from;

	if (address != 0) {
		emit(f, BPF_LD | BPF_W | BPF_IND, inner + IP_SOURCE);
		refuse_unless(f, BPF_JEQ, address);
	}
	emit(f, BPF_LD | BPF_H | BPF_IND, inner + IP_FRAGMENT);
	refuse_if(f, BPF_JSET, 0x1fff); /* not the first fragment: it has no ports */
	emit(f, BPF_LD | BPF_B | BPF_IND, inner + IP_PROTOCOL);
	emit(f, BPF_ST, MEM_SCRATCH);
	emit(f, BPF_LD | BPF_B | BPF_IND, inner);
	emit(f, BPF_ALU | BPF_AND | BPF_K, 0x0f);
	emit(f, BPF_ALU | BPF_LSH | BPF_K, 2);
	emit(f, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit(f, BPF_MISC | BPF_TAX, 0); /* X: both IPv4 headers */
	emit(f, BPF_LD | BPF_MEM, MEM_SCRATCH);
	from = begin_if(f, BPF_JEQ, IPPROTO_NUM_TCP);
	exits[0] = found(f, 0, inner + L4_SOURCE_PORT);
	end_if(f, from);
	from = begin_if(f, BPF_JEQ, IPPROTO_NUM_UDP);
	exits[1] = found(f, 1, inner + L4_SOURCE_PORT);
	end_if(f, from);
	refuse_unless(f, BPF_JEQ, IPPROTO_NUM_ICMP);
	emit(f, BPF_LD | BPF_B | BPF_IND, inner);
	refuse_unless(f, BPF_JEQ, 8); /* an echo request that a client sent */
	exits[2] = found(f, 2, inner + ICMP_IDENTIFIER);
}

/* Afterwards A is the external port; what has none has been refused. */
static void find_port(struct packet_filter *f, uint32_t l2, uint32_t address)
{
	static const uint32_t errors[] = { 3, 4, 11, 12 };
	uint16_t exits[6], from, to_embedded[4];

	emit(f, BPF_LDX | BPF_B | BPF_MSH, l2);
	emit(f, BPF_LD | BPF_B | BPF_ABS, l2 + IP_PROTOCOL);
	from = begin_if(f, BPF_JEQ, IPPROTO_NUM_TCP);
	exits[0] = found(f, 0, l2 + L4_DESTINATION_PORT);
	end_if(f, from);
	from = begin_if(f, BPF_JEQ, IPPROTO_NUM_UDP);
	exits[1] = found(f, 1, l2 + L4_DESTINATION_PORT);
	end_if(f, from);
	refuse_unless(f, BPF_JEQ, IPPROTO_NUM_ICMP);
	emit(f, BPF_LD | BPF_B | BPF_IND, l2);
	from = begin_if(f, BPF_JEQ, 0);
	exits[2] = found(f, 2, l2 + ICMP_IDENTIFIER);
	end_if(f, from);
	for (unsigned int i = 0; i < 4; i++) {
		from = begin_if(f, BPF_JEQ, errors[i]);
		to_embedded[i] = jump(f);
		end_if(f, from);
	}
	refuse(f);
	for (unsigned int i = 0; i < 4; i++)
		land(f, to_embedded[i]);
	find_embedded(f, l2, address, exits + 3);
	for (unsigned int i = 0; i < 6; i++)
		land(f, exits[i]);
}

void packet_filter_steer(struct packet_filter *f, unsigned int workers)
{
	f->n = 0;
	find_port(f, 0, 0);
	emit(f, BPF_ALU | BPF_RSH | BPF_K, 6);
	emit(f, BPF_ALU | BPF_AND | BPF_K, 0xff);
	emit(f, BPF_ALU | BPF_MOD | BPF_K, workers);
	emit(f, BPF_RET | BPF_A, 0);
}

static uint32_t bitmap_word(const uint64_t *blocks, unsigned int i)
{
	return (uint32_t)(blocks[i / 2] >> (i % 2 * WORD_BITS));
}

/* The leaves of the decision trees, all of which go on at the same place. */
struct leaves {
	uint16_t jumps[3 * N_WORDS];
	size_t n;
};

/*
 * In: A is the number of a word of the bitmap.  Out: A is the word.  Equal neighbours are one
 * leaf, so that a tree has at most 31 forks and 32 leaves, whatever is leased.
 */
static void emit_tree(struct packet_filter *f, const uint64_t *blocks, unsigned int first,
		      unsigned int n, struct leaves *leaves)
{
	uint32_t word = bitmap_word(blocks, first);
	unsigned int i = 1;
	uint16_t from;

	while (i < n && bitmap_word(blocks, first + i) == word)
		i++;
	if (i == n) {
		emit(f, BPF_LD | BPF_IMM, word);
		leaves->jumps[leaves->n++] = jump(f);
		return;
	}
	from = begin_if(f, BPF_JGE, first + n / 2);
	emit_tree(f, blocks, first + n / 2, n - n / 2, leaves);
	end_if(f, from);
	emit_tree(f, blocks, first, n / 2, leaves);
}

void packet_filter_ports(struct packet_filter *f, uint32_t l2, uint32_t address,
			 const struct external_ports *ports)
{
	struct leaves leaves = { .n = 0 };

	f->n = 0;
	emit(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
	refuse_unless(f, BPF_JEQ, PACKET_HOST);
	emit(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT));
	refuse_if(f, BPF_JSET, 1);
	emit(f, BPF_LD | BPF_W | BPF_ABS, l2 + IP_DESTINATION);
	refuse_unless(f, BPF_JEQ, address);
	emit(f, BPF_LD | BPF_H | BPF_ABS, l2 + IP_FRAGMENT);
	refuse_if(f, BPF_JSET, 0x3fff);
	find_port(f, l2, address);

	emit(f, BPF_ALU | BPF_RSH | BPF_K, 6);
	emit(f, BPF_ST, MEM_SCRATCH);
	emit(f, BPF_ALU | BPF_AND | BPF_K, WORD_BITS - 1);
	emit(f, BPF_MISC | BPF_TAX, 0);
	for (uint32_t protocol = 0; protocol < 3; protocol++) {
		uint16_t from;

		emit(f, BPF_LD | BPF_MEM, MEM_PROTOCOL);
		from = begin_if(f, BPF_JEQ, protocol);
		emit(f, BPF_LD | BPF_MEM, MEM_SCRATCH);
		emit(f, BPF_ALU | BPF_RSH | BPF_K, 5);
		emit_tree(f, ports->blocks[protocol], 0, N_WORDS, &leaves);
		end_if(f, from);
	}
	refuse(f);
	for (size_t i = 0; i < leaves.n; i++)
		land(f, leaves.jumps[i]);
	/* X is the bit in the word.  The result says how many bytes to keep: none, or all. */
	emit(f, BPF_ALU | BPF_RSH | BPF_X, 0);
	emit(f, BPF_ALU | BPF_AND | BPF_K, 1);
	emit(f, BPF_ALU | BPF_NEG, 0);
	emit(f, BPF_RET | BPF_A, 0);
}
