/* As much of MQTT 3.1.1 as a load generator needs: connections of clients that trust the server's packets to be well formed. */
#ifndef MQTT_H
#define MQTT_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

enum packet { CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBACK = 9 };

/* Bytes [head, end) wait to be written, or to be parsed once more arrive. */
struct buffer {
	uint8_t *data;
	size_t head, end, capacity;
};

static inline uint8_t *buffer_append(struct buffer *b, size_t count)
{
	if (b->head == b->end)
		b->head = b->end = 0;
	if (b->end + count > b->capacity) {
		b->capacity = (b->end + count) * 2;
		if (!(b->data = realloc(b->data, b->capacity)))
			fatal("out of memory");
	}
	b->end += count;
	return b->data + b->end - count;
}

static inline unsigned get_short(const uint8_t *p) { return (unsigned)p[0] << 8 | p[1]; }

static inline uint8_t *put_short(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return p + 2;
}

static inline uint8_t *put_text(uint8_t *p, const char *text)
{
	size_t count = strlen(text);
	memcpy(put_short(p, (unsigned)count), text, count);
	return p + 2 + count;
}

static inline uint8_t *put_length(uint8_t *p, size_t value)
{
	for (; value > 127; value >>= 7)
		*p++ = (uint8_t)value | 128;
	*p++ = (uint8_t)value;
	return p;
}

/* The bytes of the whole packet at p, of which `count` are there; 0 if it is not complete. Sets where its body begins. */
static inline size_t packet_size(const uint8_t *p, size_t count, size_t *body)
{
	size_t length = 0;
	for (size_t i = 1; i < 5 && i < count; i++) {
		length |= (size_t)(p[i] & 127) << (7 * (i - 1));
		if (!(p[i] & 128)) {
			*body = i + 1;
			return *body + length <= count ? *body + length : 0;
		}
	}
	return 0;
}

static inline void put_puback(struct buffer *out, unsigned packet_id)
{
	uint8_t *p = buffer_append(out, 4);
	p[0] = PUBACK << 4;
	p[1] = 2;
	put_short(p + 2, packet_id);
}

/* A PUBLISH as it arrived. */
struct delivery {
	const uint8_t *topic, *payload;
	size_t topic_bytes, payload_bytes;
	unsigned packet_id;     /* 0: QoS 0 */
};

static inline struct delivery parse_publish(const uint8_t *p, size_t body, size_t size)
{
	struct delivery d = { .topic = p + body + 2, .topic_bytes = get_short(p + body) };
	size_t at = body + 2 + d.topic_bytes;
	if (p[0] & 6) {
		d.packet_id = get_short(p + at);
		at += 2;
	}
	d.payload = p + at;
	d.payload_bytes = size - at;
	return d;
}

/* The number that follows `name` in an envelope, which all numbers that we look for do. */
static inline uint64_t number_after(const struct delivery *d, const char *name)
{
	const char *found = memmem(d->payload, d->payload_bytes, name, strlen(name));
	if (!found)
		fatal("no %s in %.*s", name, (int)d->payload_bytes, (const char *)d->payload);
	return strtoull(found + strlen(name), NULL, 10);
}

static inline int open_socket(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		fatal("port %d: %s", port, strerror(errno));
	return fd;
}

static inline void send_all(int fd, const uint8_t *bytes, size_t count)
{
	for (ssize_t sent; count; bytes += sent, count -= (size_t)sent)
		if ((sent = send(fd, bytes, count, MSG_NOSIGNAL)) <= 0)
			fatal("send: %s", strerror(errno));
}

/* CONNECT without keep-alive; the caller owns the bytes. user: NULL without credentials. */
static inline uint8_t *make_connect(const char *client_id, const char *user, const char *password, bool is_clean, size_t *count)
{
	size_t length = 10 + 2 + strlen(client_id) + (user ? 4 + strlen(user) + strlen(password) : 0);
	uint8_t *bytes = allocate(1, length + 5), *p = bytes;
	*p++ = 0x10;
	p = put_text(put_length(p, length), "MQTT");
	*p++ = 4;
	*p++ = (uint8_t)((user ? 0xC0 : 0) | is_clean << 1);
	p = put_text(put_short(p, 0), client_id);
	if (user)
		p = put_text(put_text(p, user), password);
	*count = (size_t)(p - bytes);
	return bytes;
}

static inline uint8_t *make_subscribe(const char *filter, int qos, size_t *count)
{
	uint8_t *bytes = allocate(1, strlen(filter) + 16), *p = bytes;
	*p++ = 0x82;
	p = put_text(put_short(put_length(p, strlen(filter) + 5), 1), filter);
	*p++ = (uint8_t)qos;
	*count = (size_t)(p - bytes);
	return bytes;
}

static inline void send_connect(int fd, const char *client_id, const char *user, const char *password, bool is_clean)
{
	size_t count;
	uint8_t *bytes = make_connect(client_id, user, password, is_clean, &count);
	send_all(fd, bytes, count);
	free(bytes);
}

static inline void send_subscribe(int fd, const char *filter, int qos)
{
	size_t count;
	uint8_t *bytes = make_subscribe(filter, qos, &count);
	send_all(fd, bytes, count);
	free(bytes);
}

/* Reads the answer to CONNECT or SUBSCRIBE; returns its first byte of flags (CONNACK: whether there was a session). */
static inline int expect(int fd, enum packet kind, size_t count)
{
	uint8_t bytes[8];
	for (size_t got = 0; got < count;) {
		ssize_t read = recv(fd, bytes + got, count - got, 0);
		if (read <= 0)
			fatal("the hub closed the connection instead of sending packet %d", kind);
		got += (size_t)read;
	}
	if (bytes[0] >> 4 != kind || (bytes[count - 1] & 128) || (kind == CONNACK && bytes[3]))
		fatal("packet %d, result %d, where %d was expected", bytes[0] >> 4, bytes[count - 1], kind);
	return bytes[2];
}

#endif
