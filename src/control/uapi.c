/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/uapi.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define KEY_LEN   32
#define VALUE_MAX 128 /* the longest is an endpoint; a key has 64 digits */

/* What one set=1 request is read into; the peer is the one whose lines are being read. */
struct reader {
	struct uapi_set set;
	struct uapi_peer_set *peer;
	size_t room; /* for peers, counted beforehand: growing would leave copies of keys behind */
};

enum uapi_operation uapi_operation(const char *text, size_t len, const char **ret_body,
				   size_t *ret_len)
{
	const char *end = memchr(text, '\n', len);
	size_t first = end ? (size_t)(end - text) : len;

	*ret_body = end ? end + 1 : text + len;
	*ret_len = len - (size_t)(*ret_body - text);
	if (first == 5 && memcmp(text, "get=1", 5) == 0)
		return UAPI_GET;
	if (first == 5 && memcmp(text, "set=1", 5) == 0)
		return UAPI_SET;
	return UAPI_UNKNOWN;
}

static bool key_parse(const char *value, uint8_t ret[static KEY_LEN])
{
	size_t len;

	return strlen(value) == 2 * KEY_LEN &&
	       sodium_hex2bin(ret, KEY_LEN, value, 2 * KEY_LEN, NULL, &len, NULL) == 0 &&
	       len == KEY_LEN;
}

/* Decimal, without sign, blanks or a leading "+". */
static bool number_parse(const char *value, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (*value == '\0')
		return false;
	for (; *value; value++) {
		if (*value < '0' || *value > '9')
			return false;
		v = v * 10 + (uint64_t)(*value - '0');
		if (v > max)
			return false;
	}
	*ret = v;
	return true;
}

/* Flags can only be switched on. */
static bool flag_parse(const char *value, bool *ret)
{
	if (strcmp(value, "true") != 0)
		return false;
	*ret = true;
	return true;
}

static int prefix_append(struct prefix **items, size_t *n, const struct prefix *prefix)
{
	/* Grows at powers of two. */
	if ((*n & (*n - 1)) == 0) {
		struct prefix *larger = realloc(*items, (*n ? *n * 2 : 1) * sizeof(**items));

		if (!larger)
			return -ENOMEM;
		*items = larger;
	}
	(*items)[(*n)++] = *prefix;
	return 0;
}

static int allowed_ip(struct uapi_peer_set *peer, const char *value)
{
	bool remove = *value == '-';
	struct prefix prefix;

	if (!prefix_parse(value + remove, &prefix))
		return -EINVAL;
	prefix_mask(&prefix);
	if (remove)
		return prefix_append(&peer->disallowed, &peer->n_disallowed, &prefix);
	return prefix_append(&peer->allowed, &peer->n_allowed, &prefix);
}

static int device_line(struct reader *r, const char *key, const char *value)
{
	struct uapi_set *set = &r->set;
	uint64_t number;

	if (strcmp(key, "private_key") == 0) {
		set->has_private_key = true;
		return key_parse(value, set->private_key) ? 0 : -EINVAL;
	}
	if (strcmp(key, "listen_port") == 0 && number_parse(value, UINT16_MAX, &number)) {
		set->has_listen_port = true;
		set->listen_port = (uint16_t)number;
		return 0;
	}
	if (strcmp(key, "fwmark") == 0 && number_parse(value, UINT32_MAX, &number)) {
		set->has_fwmark = true;
		set->fwmark = (uint32_t)number;
		return 0;
	}
	if (strcmp(key, "replace_peers") == 0)
		return flag_parse(value, &set->replace_peers) ? 0 : -EINVAL;
	return -EINVAL;
}

static int peer_line(struct uapi_peer_set *peer, const char *key, const char *value)
{
	uint64_t number;
	bool good = false;

	if (strcmp(key, "allowed_ip") == 0)
		return allowed_ip(peer, value);
	if (strcmp(key, "remove") == 0) {
		good = flag_parse(value, &peer->remove);
	} else if (strcmp(key, "update_only") == 0) {
		good = flag_parse(value, &peer->update_only);
	} else if (strcmp(key, "replace_allowed_ips") == 0) {
		good = flag_parse(value, &peer->replace_allowed_ips);
	} else if (strcmp(key, "preshared_key") == 0) {
		peer->has_preshared_key = true;
		good = key_parse(value, peer->preshared_key);
	} else if (strcmp(key, "endpoint") == 0) {
		peer->has_endpoint = true;
		good = endpoint_parse(value, &peer->endpoint);
	} else if (strcmp(key, "persistent_keepalive_interval") == 0) {
		peer->has_keepalive = true;
		good = number_parse(value, UINT16_MAX, &number);
		peer->keepalive = good ? (uint16_t)number : 0;
	} else if (strcmp(key, "protocol_version") == 0) {
		good = strcmp(value, "1") == 0;
	}
	return good ? 0 : -EINVAL;
}

static int line_read(struct reader *r, const char *key, const char *value)
{
	if (strcmp(key, "public_key") != 0)
		return r->peer ? peer_line(r->peer, key, value) : device_line(r, key, value);
	if (r->set.n_peers == r->room)
		return -EINVAL;
	r->peer = &r->set.peers[r->set.n_peers++];
	return key_parse(value, r->peer->public_key) ? 0 : -EINVAL;
}

/* Splits "key=value"; @line is not NUL-terminated. */
static int line_split(struct reader *r, const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len);
	size_t key_len = equals ? (size_t)(equals - line) : 0;
	size_t value_len = len - key_len - 1;
	char key[VALUE_MAX];
	char value[VALUE_MAX];
	int result;

	if (!equals || key_len >= sizeof(key) || value_len >= sizeof(value) ||
	    memchr(line, '\0', len))
		return -EINVAL;
	memcpy(key, line, key_len);
	key[key_len] = '\0';
	memcpy(value, equals + 1, value_len);
	value[value_len] = '\0';
	result = line_read(r, key, value);
	explicit_bzero(value, sizeof(value)); /* it may have been a key */
	return result;
}

static size_t count_peers(const char *text, size_t len)
{
	static const char word[] = "public_key=";
	size_t n = 0;
	const char *p;

	while ((p = memmem(text, len, word, sizeof(word) - 1))) {
		p += sizeof(word) - 1;
		len -= (size_t)(p - text);
		text = p;
		n++;
	}
	return n;
}

int uapi_parse_set(const char *text, size_t len, struct uapi_set *ret)
{
	struct reader reader = { .room = count_peers(text, len) };
	int r = 0;

	if (reader.room > 0) {
		reader.set.peers = calloc(reader.room, sizeof(*reader.set.peers));
		if (!reader.set.peers)
			return -ENOMEM;
	}
	while (r == 0 && len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		if (n == 0)
			break; /* the empty line */
		r = line_split(&reader, text, n);
		n += end != NULL;
		text += n;
		len -= n;
	}
	if (r == 0)
		*ret = reader.set;
	else
		uapi_set_done(&reader.set);
	explicit_bzero(reader.set.private_key, sizeof(reader.set.private_key));
	return r;
}

void uapi_set_done(struct uapi_set *set)
{
	for (size_t i = 0; i < set->n_peers; i++) {
		free(set->peers[i].allowed);
		free(set->peers[i].disallowed);
	}
	if (set->peers)
		explicit_bzero(set->peers, set->n_peers * sizeof(*set->peers));
	free(set->peers);
	explicit_bzero(set, sizeof(*set));
}

size_t uapi_format_errno(int error, char out[static UAPI_ANSWER_MAX])
{
	return (size_t)snprintf(out, UAPI_ANSWER_MAX, "errno=%d\n\n", error < 0 ? -error : error);
}

/* Text in one allocation of a known size, so that no key is left behind by growing. */
struct writer {
	char *text;
	size_t size;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(w->text + w->len, w->size - w->len, format, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < w->size - w->len); /* text_size() is an upper bound */
	w->len += (size_t)n;
}

static void put_key(struct writer *w, const char *name, const uint8_t key[static KEY_LEN])
{
	char hex[2 * KEY_LEN + 1];

	put(w, "%s=%s\n", name, sodium_bin2hex(hex, sizeof(hex), key, KEY_LEN));
	explicit_bzero(hex, sizeof(hex));
}

static void put_peer(struct writer *w, const struct uapi_peer *peer)
{
	char text[ENDPOINT_TEXT_MAX];

	put_key(w, "public_key", peer->public_key);
	if (!sodium_is_zero(peer->preshared_key, KEY_LEN))
		put_key(w, "preshared_key", peer->preshared_key);
	put(w, "protocol_version=1\n");
	if (peer->endpoint.addr.family != ADDR_NONE)
		put(w, "endpoint=%s\n", endpoint_format(&peer->endpoint, text));
	put(w, "last_handshake_time_sec=%" PRIu64 "\nlast_handshake_time_nsec=%" PRIu32 "\n",
	    peer->last_handshake_s, peer->last_handshake_ns);
	put(w, "tx_bytes=%" PRIu64 "\nrx_bytes=%" PRIu64 "\n", peer->tx_bytes, peer->rx_bytes);
	put(w, "persistent_keepalive_interval=%u\n", peer->keepalive);
	for (size_t i = 0; i < peer->n_allowed; i++) {
		char prefix[PREFIX_TEXT_MAX];

		put(w, "allowed_ip=%s\n", prefix_format(&peer->allowed[i], prefix));
	}
}

/* An upper bound: longest names, numbers of 20 digits. */
static size_t text_size(const struct uapi_device *device)
{
	size_t size = 256 + device->n_peers * 640;

	for (size_t i = 0; i < device->n_peers; i++)
		size += device->peers[i].n_allowed * (16 + PREFIX_TEXT_MAX);
	return size;
}

char *uapi_format_get(const struct uapi_device *device)
{
	struct writer w = { .size = text_size(device) };

	w.text = malloc(w.size);
	if (!w.text)
		return NULL;
	if (!sodium_is_zero(device->private_key, KEY_LEN))
		put_key(&w, "private_key", device->private_key);
	put(&w, "listen_port=%u\n", device->listen_port);
	if (device->fwmark != 0)
		put(&w, "fwmark=%" PRIu32 "\n", device->fwmark);
	for (size_t i = 0; i < device->n_peers; i++)
		put_peer(&w, &device->peers[i]);
	put(&w, "errno=0\n\n");
	return w.text;
}
