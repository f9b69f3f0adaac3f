/*
 * resume - one persistent session comes back: how long until it has everything that it missed.
 *
 *   resume --port N --client-id ID --user USER --token TOKEN --expect N [--after SEQ]
 *
 * Connects to a session that must exist, acknowledges what arrives, and ends after so many messages. In each topic they must begin
 * after SEQ and go up by one. Prints "start" before CONNECT and "end" after the last message (with --expect 0: after CONNACK), then
 * one line of JSON; times are milliseconds since CONNECT.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <poll.h>

#include "mqtt.h"

#define TOPICS_MAX     4096
#define SCRATCH_BYTES  (256 * 1024)
#define GIVE_UP_MS     20000

static struct {
	int port;
	const char *client_id, *user, *token;
	uint64_t expect, after;
} options;

struct topic {
	char name[64];
	size_t name_bytes;
	uint64_t seq;
};

static struct topic topics[TOPICS_MAX];
static unsigned topic_count;
static uint64_t received, disordered;
static uint64_t connack_at, first_at, last_at;

static struct topic *find_topic(const uint8_t *name, size_t count)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < count; i++)
		hash = (hash ^ name[i]) * 0x100000001b3;
	struct topic *t = &topics[hash % TOPICS_MAX];
	while (t->name_bytes && (t->name_bytes != count || memcmp(t->name, name, count)))
		t = t + 1 < topics + TOPICS_MAX ? t + 1 : topics;
	if (!t->name_bytes) {
		if (count > sizeof t->name || ++topic_count == TOPICS_MAX)
			fatal("resume: too many topics, or too long a name");
		*t = (struct topic){ .name_bytes = count, .seq = options.after };
		memcpy(t->name, name, count);
	}
	return t;
}

/* Handles the whole packets of the scratch buffer; returns how many bytes they took. */
static size_t handle(const uint8_t *bytes, size_t count, struct buffer *acknowledgements)
{
	size_t at = 0, body, size;
	while ((size = packet_size(bytes + at, count - at, &body))) {
		if (bytes[at] >> 4 != PUBLISH)
			fatal("resume: packet %d", bytes[at] >> 4);
		struct delivery d = parse_publish(bytes + at, body, size);
		struct topic *t = find_topic(d.topic, d.topic_bytes);
		uint64_t seq = number_after(&d, "\"seq\":");
		disordered += seq != t->seq + 1;
		t->seq = seq;
		if (d.packet_id)
			put_puback(acknowledgements, d.packet_id);
		last_at = now_ns();
		if (!received++)
			first_at = last_at;
		at += size;
	}
	return at;
}

static void receive_all(int fd)
{
	static uint8_t scratch[SCRATCH_BYTES];
	struct buffer acknowledgements = { 0 };
	size_t kept = 0;
	while (received < options.expect) {
		struct pollfd one = { .fd = fd, .events = POLLIN };
		if (poll(&one, 1, GIVE_UP_MS) == 0)
			return;
		ssize_t got = recv(fd, scratch + kept, SCRATCH_BYTES - kept, 0);
		if (got <= 0)
			fatal("resume: the hub closed the connection after %llu messages", (unsigned long long)received);
		size_t used = handle(scratch, kept + (size_t)got, &acknowledgements);
		kept += (size_t)got - used;
		memmove(scratch, scratch + used, kept);
		send_all(fd, acknowledgements.data + acknowledgements.head, acknowledgements.end - acknowledgements.head);
		acknowledgements.head = acknowledgements.end;
	}
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "port", 1, 0, 'p' }, { "client-id", 1, 0, 'c' }, { "user", 1, 0, 'u' }, { "token", 1, 0, 't' },
		{ "expect", 1, 0, 'e' }, { "after", 1, 0, 'a' }, { 0 },
	};
	for (int flag; (flag = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (flag) {
		case 'p': options.port = atoi(optarg); break;
		case 'c': options.client_id = optarg; break;
		case 'u': options.user = optarg; break;
		case 't': options.token = optarg; break;
		case 'e': options.expect = strtoull(optarg, NULL, 10); break;
		case 'a': options.after = strtoull(optarg, NULL, 10); break;
		default: exit(64);
		}
	}
	if (!options.port || !options.client_id || !options.user || !options.token)
		fatal("resume: --port, --client-id, --user and --token are needed");
}

static double milliseconds(uint64_t from, uint64_t to) { return to > from ? (double)(to - from) / 1e6 : 0; }

int main(int argc, char **argv)
{
	parse(argc, argv);
	int fd = open_socket(options.port);
	mark("start");
	uint64_t cpu = own_cpu_ns(), start = now_ns();
	send_connect(fd, options.client_id, options.user, options.token, false);
	if (!expect(fd, CONNACK, 4))
		fatal("resume: there was no session");
	connack_at = now_ns();
	receive_all(fd);
	cpu = own_cpu_ns() - cpu;
	mark("end");
	const uint8_t disconnect[2] = { 0xE0 };
	send_all(fd, disconnect, sizeof disconnect);
	close(fd);
	printf("{\"messages\":%llu,\"topics\":%u,\"disordered\":%llu,\"connack_ms\":%.3f,\"first_ms\":%.3f,\"last_ms\":%.3f",
	       (unsigned long long)received, topic_count, (unsigned long long)disordered, milliseconds(start, connack_at),
	       milliseconds(start, first_at), milliseconds(start, last_at));
	printf(",\"cpu_us\":%.3f}\n", (double)cpu / 1e3 / (double)(received ? received : 1));
	return 0;
}
