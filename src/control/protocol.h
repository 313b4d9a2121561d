/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protocol.h - the control protocol: one request line, one answer, the end
 *
 *	status /etc/culvert/culvert.conf     the JSON of status_json()
 *	reload /etc/culvert/culvert.conf     "ok", or "error: SENTENCE"
 *	stop /etc/wireguard/home.conf        the same; a client ends, a gateway does not
 *
 * A request is a verb, one blank and the real path of the configuration that the client means,
 * ended by a newline.  The path keeps two gateways apart whose files have the same base name and
 * so may sit behind each other's socket path.  The answer ends where the server closes the
 * connection.  io/control.h carries the bytes and says who is at the other end.  Pure.
 */
#ifndef CULVERT_CONTROL_PROTOCOL_H
#define CULVERT_CONTROL_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_LINE_MAX   4096 /* a request, its newline included */
#define CONTROL_ANSWER_MAX 4352 /* a refusal with a path in it */

/* How the answer of a gateway with another configuration begins; its client tries the next socket. */
#define CONTROL_OTHER_GATEWAY "error: this gateway runs "

enum control_verb {
	CONTROL_REFUSED, /* the refusal is the answer */
	CONTROL_STATUS,
	CONTROL_RELOAD,
	CONTROL_STOP,
};

struct control_request {
	enum control_verb verb;      /* never CONTROL_REFUSED */
	char path[CONTROL_LINE_MAX]; /* absolute */
};

/**
 * control_request_parse() - reads a request line
 * @line: @len hostile bytes, the final newline may be there or not
 *
 * Return: true and *ret, or false: unknown verb, no absolute path, a control character or too long.
 */
bool control_request_parse(const char *line, size_t len, struct control_request *ret);

/**
 * control_request_format() - the line with its newline and a final NUL
 * Return: its length, or 0 when it would be too long or @path is not absolute.
 */
size_t control_request_format(const struct control_request *request,
			      char out[static CONTROL_LINE_MAX + 1]);

/**
 * control_admit() - what the gateway, or the client, should do about a request line
 * @config_path: real path of its own configuration
 * @reader: the client may see the status;  @owner: it may also change things
 * @refusal: the answer when the result is CONTROL_REFUSED, else untouched; NUL-terminated
 */
enum control_verb control_admit(const char *line, size_t len, const char *config_path, bool reader,
				bool owner, char refusal[static CONTROL_ANSWER_MAX]);

#endif
