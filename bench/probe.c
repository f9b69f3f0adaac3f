/*
 * probe - how long messages take while something else happens.
 *
 *   probe --port N --clients FILE --rate N
 *
 * FILE has a client a line, publishers first: "pub CLIENT_ID USER TOKEN TOPIC" or "sub CLIENT_ID USER TOKEN TOPIC"; USER and TOKEN are - for
 * clients without credentials. Publishers send texts of 200 bytes with QoS 1 in turn, all together --rate a second. Nothing slows them down: a
 * message's time counts from the moment when it was due. Stored topics and plain ones are the same to it.
 *
 * Obeys lines on standard input: "report" is answered by a line of JSON with the times since the last report, until PUBACK and until
 * arrival. At the end of standard input it waits for what is under way and prints what was sent, acknowledged, delivered and disordered.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sys/epoll.h>

#include "message.h"
#include "mqtt.h"

#define CLIENTS_MAX   1000
#define SCRATCH_BYTES (256 * 1024)
#define GIVE_UP_NS    (10 * SECOND_NS)
#define WAIT_NS_MAX   (SECOND_NS / 50)
/* A publisher that has so many unacknowledged messages waits; at the rates of a probe that is minutes. */
#define WINDOW        8192

static struct {
	int port;
	const char *clients;
	double rate;
} options;

struct client {
	int fd;
	bool is_publisher;
	struct buffer in, out;
	char *topic;
	/* publisher */
	uint64_t sent, acked, *due;     /* when the message number n was due: due[n % WINDOW] */
	/* subscriber */
	uint64_t *received;             /* by publisher: how many of its messages */
};

static struct client clients[CLIENTS_MAX];
static int client_count, publisher_count, epoll;
static uint64_t delivered, disordered, last_progress;
static struct histogram ack, arrival;
static uint8_t scratch[SCRATCH_BYTES];

static void open_client(struct client *c, const char *id, const char *user, const char *token)
{
	c->fd = open_socket(options.port);
	send_connect(c->fd, id, strcmp(user, "-") ? user : NULL, token, true);
	expect(c->fd, CONNACK, 4);
	if (!c->is_publisher) {
		send_subscribe(c->fd, c->topic, 1);
		expect(c->fd, SUBACK, 5);
	}
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void read_clients(void)
{
	FILE *file = fopen(options.clients, "r");
	char kind[4], id[64], user[32], token[4096], topic[64];
	if (!file)
		fatal("probe: cannot read %s", options.clients);
	while (fscanf(file, "%3s %63s %31s %4095s %63s", kind, id, user, token, topic) == 5) {
		if (client_count == CLIENTS_MAX)
			fatal("probe: too many clients");
		struct client *c = &clients[client_count++];
		*c = (struct client){ .is_publisher = !strcmp(kind, "pub"), .topic = strdup(topic) };
		if (c->is_publisher && ++publisher_count != client_count)
			fatal("probe: publishers come first in %s", options.clients);
		c->due = allocate(WINDOW, sizeof *c->due);
		c->received = allocate(CLIENTS_MAX, sizeof *c->received);
		open_client(c, id, user, token);
	}
	fclose(file);
	if (!publisher_count)
		fatal("probe: no publishers in %s", options.clients);
}

static void publish(struct client *c, uint64_t due)
{
	size_t length = 2 + strlen(c->topic) + 2 + TEXT_BYTES;
	uint8_t *p = buffer_append(&c->out, length + 3);
	*p++ = PUBLISH << 4 | 2;
	p = put_text(put_length(p, length), c->topic);
	p = put_short(p, (unsigned)(c->sent % 65535) + 1);
	put_message((char *)p, (struct stamp){ (uint64_t)(c - clients), c->sent, due });
	c->due[c->sent++ % WINDOW] = due;
}

/* Sends what is due since `begin`; returns the nanoseconds until the next message is. */
static uint64_t publish_due(uint64_t begin)
{
	static uint64_t count;
	for (;; count++) {
		uint64_t due = begin + (uint64_t)((double)count / options.rate * 1e9), now = now_ns();
		struct client *c = &clients[count % (uint64_t)publisher_count];
		if (due > now)
			return due - now < WAIT_NS_MAX ? due - now : WAIT_NS_MAX;
		if (c->sent - c->acked == WINDOW)
			return WAIT_NS_MAX;
		publish(c, due);
	}
}

/* As much as the socket takes. */
static void flush_client(struct client *c)
{
	while (c->out.head < c->out.end) {
		ssize_t sent = send(c->fd, c->out.data + c->out.head, c->out.end - c->out.head, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0)
			fatal("probe: send: %s", strerror(errno));
		c->out.head += (size_t)sent;
	}
}

static void acknowledged(struct client *c, unsigned packet_id)
{
	if (!c->is_publisher || c->acked == c->sent || packet_id != (unsigned)(c->acked % 65535) + 1)
		fatal("probe: PUBACK %u is out of order", packet_id);
	last_progress = now_ns();
	histogram_add(&ack, last_progress - c->due[c->acked++ % WINDOW]);
}

/* A stored message comes in an envelope, a plain one as it was sent. */
static void arrived(struct client *c, const struct delivery *d)
{
	bool is_stored = d->payload_bytes && d->payload[0] == '{';
	const char *text = is_stored ? memmem(d->payload, d->payload_bytes, "\"text\":\"", 8) : (const char *)d->payload;
	if (!text)
		fatal("probe: a delivery without a text");
	struct stamp stamp = read_message(text + (is_stored ? 8 : 0));
	if (stamp.publisher >= (uint64_t)publisher_count)
		fatal("probe: a delivery of somebody else");
	uint64_t *received = &c->received[stamp.publisher];
	disordered += stamp.number != *received;
	*received = stamp.number + 1;
	delivered++;
	last_progress = now_ns();
	histogram_add(&arrival, last_progress - stamp.time);
	if (d->packet_id)
		put_puback(&c->out, d->packet_id);
}

static void receive(struct client *c)
{
	size_t kept = c->in.end - c->in.head, at = 0, body, size;
	memcpy(scratch, c->in.data + c->in.head, kept);
	ssize_t got = recv(c->fd, scratch + kept, SCRATCH_BYTES - kept, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		fatal("probe: the server closed a connection");
	size_t count = kept + (size_t)got;
	for (; (size = packet_size(scratch + at, count - at, &body)); at += size) {
		if (scratch[at] >> 4 == PUBACK) {
			acknowledged(c, get_short(scratch + at + body));
		} else {
			struct delivery d = parse_publish(scratch + at, body, size);
			arrived(c, &d);
		}
	}
	c->in.head = c->in.end = 0;
	memcpy(buffer_append(&c->in, count - at), scratch + at, count - at);
}

/* Waits at most so long for packets and answers them; true if there is a command. */
static bool turn(uint64_t wait_ns)
{
	struct epoll_event events[256];
	bool is_commanded = false;
	for (int i = 0; i < client_count; i++)
		flush_client(&clients[i]);
	struct timespec wait = { (time_t)(wait_ns / SECOND_NS), (long)(wait_ns % SECOND_NS) };
	int count = epoll_pwait2(epoll, events, 256, &wait, NULL);
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr)
			receive(events[i].data.ptr);
		else
			is_commanded = true;
	}
	return is_commanded;
}

static void report(void)
{
	printf("{\"delivered\":%llu", (unsigned long long)arrival.count);
	print_histogram("ack_us", &ack);
	print_histogram("arrival_us", &arrival);
	mark("}");
	memset(&ack, 0, sizeof ack);
	memset(&arrival, 0, sizeof arrival);
}

static uint64_t sum_sent(void)
{
	uint64_t sum = 0;
	for (int i = 0; i < publisher_count; i++)
		sum += clients[i].sent;
	return sum;
}

static uint64_t sum_acked(void)
{
	uint64_t sum = 0;
	for (int i = 0; i < publisher_count; i++)
		sum += clients[i].acked;
	return sum;
}

/* Deliveries of what was sent so far. */
static uint64_t sum_expected(void)
{
	uint64_t sum = 0;
	for (int s = publisher_count; s < client_count; s++)
		for (int p = 0; p < publisher_count; p++)
			sum += strcmp(clients[s].topic, clients[p].topic) ? 0 : clients[p].sent;
	return sum;
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = { { "port", 1, 0, 'p' }, { "clients", 1, 0, 'c' }, { "rate", 1, 0, 'r' }, { 0 } };
	for (int flag; (flag = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (flag) {
		case 'p': options.port = atoi(optarg); break;
		case 'c': options.clients = optarg; break;
		case 'r': options.rate = atof(optarg); break;
		default: exit(64);
		}
	}
	if (!options.port || !options.clients || options.rate <= 0)
		fatal("probe: --port, --clients and --rate are needed");
}

int main(int argc, char **argv)
{
	char command[64];
	parse(argc, argv);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	setvbuf(stdin, NULL, _IONBF, 0);
	read_clients();
	mark("{}");
	uint64_t begin = now_ns();
	for (;;) {
		if (!turn(publish_due(begin)))
			continue;
		if (!fgets(command, sizeof command, stdin))
			break;
		report();
	}
	epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
	last_progress = now_ns();
	while ((sum_acked() < sum_sent() || delivered < sum_expected()) && now_ns() - last_progress < GIVE_UP_NS)
		turn(WAIT_NS_MAX);
	printf("{\"sent\":%llu,\"acked\":%llu,\"expected\":%llu,\"delivered\":%llu,\"disordered\":%llu}\n", (unsigned long long)sum_sent(),
	       (unsigned long long)sum_acked(), (unsigned long long)sum_expected(), (unsigned long long)delivered,
	       (unsigned long long)disordered);
	return 0;
}
