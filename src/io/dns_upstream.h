/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_upstream.h - the sockets of the DNS proxy
 *
 * By UDP each question has a socket of its own: the kernel draws a random local port for
 * it, and being connected it takes datagrams from its upstream only.  Streams carry
 * messages with a length before each, over TCP or TLS, to upstreams and from clients alike.
 * Nothing here blocks.
 *
 * Source: RFC 5452 section 9.2; RFC 7766 section 8; RFC 7858 section 3.
 */
#ifndef CULVERT_IO_DNS_UPSTREAM_H
#define CULVERT_IO_DNS_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"

/** dns_udp_open() - Return: a connected descriptor, or -errno */
int dns_udp_open(const struct endpoint *to);

/** dns_udp_send() - Return: 0 or -errno */
int dns_udp_send(int fd, const uint8_t *message, size_t len);

/** dns_udp_receive() - Return: the length, -EAGAIN when nothing is there, -ECONNREFUSED ... */
ssize_t dns_udp_receive(int fd, uint8_t *out, size_t size);

void dns_socket_close(int fd);

/** dns_listen_open() - a TCP listener on @address (host order) with a port that the kernel
 *  chooses.  Return: the descriptor and *ret_port, or -errno. */
int dns_listen_open(uint32_t address, uint16_t *ret_port);

/** dns_accept() - Return: a descriptor and the sender's address, or -errno */
int dns_accept(int listener, uint32_t *ret_source);

/* What TLS connections share: the trusted authorities. */
struct dns_tls;

/** dns_tls_new() - trusts the system's authorities, or those in $SSL_CERT_FILE.
 *  Return: 0, -ENOMEM, -ENOENT. */
int dns_tls_new(struct dns_tls **ret);
struct dns_tls *dns_tls_free(struct dns_tls *tls);

struct dns_stream;

/**
 * dns_stream_connect() - begins a connection
 * @tls: NULL for plain TCP; borrowed for the stream's life
 * @name: that the certificate must bear; empty: the address itself
 *
 * Return: 0 or -errno.
 */
int dns_stream_connect(const struct endpoint *to, struct dns_tls *tls, const char *name,
		       struct dns_stream **ret);

/** dns_stream_accepted() - takes @fd, on failure too.  Return: 0 or -ENOMEM. */
int dns_stream_accepted(int fd, struct dns_stream **ret);
struct dns_stream *dns_stream_free(struct dns_stream *s);

int dns_stream_fd(const struct dns_stream *s);

/** dns_stream_interest() - what to wait for now (enum loop_interest) */
unsigned int dns_stream_interest(const struct dns_stream *s);

/**
 * dns_stream_work() - connects, shakes hands, writes and reads as far as it goes
 * Return: 0, or -errno when the connection is over; dns_stream_why() says more.
 */
int dns_stream_work(struct dns_stream *s);

/** dns_stream_why() - why TLS failed, in words; empty when it did not */
const char *dns_stream_why(const struct dns_stream *s);

/** dns_stream_ended() - the other side will send no more */
bool dns_stream_ended(const struct dns_stream *s);

/** dns_stream_pending() - bytes not yet written */
size_t dns_stream_pending(const struct dns_stream *s);

/** dns_stream_put() - queues a message under @id in place of its own; dns_stream_work() sends
 *  Return: 0, or -ENOBUFS when the other side reads too slowly. */
int dns_stream_put(struct dns_stream *s, uint16_t id, const uint8_t *message, size_t len);

/** dns_stream_next() - the oldest whole message, borrowed until the next call; NULL: none */
const uint8_t *dns_stream_next(struct dns_stream *s, size_t *ret_len);

#endif
