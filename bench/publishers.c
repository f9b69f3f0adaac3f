/*
 * publishers - stored messages through the hub: load, latency and a check of every delivery.
 *
 *   publishers --port N --clients FILE [--window N] [--rate N] [--seconds S] [--warmup S] [--client-ref]
 *
 * FILE has a client a line: "pub CLIENT_ID USER TOKEN TOPIC" or "sub CLIENT_ID USER TOKEN TOPIC". Publishers send texts of 200 bytes
 * with QoS 1, each with at most --window unacknowledged; with --rate all together so many a second, and latency counts from the moment
 * when a message was due. Subscribers (QoS 1) check that the seq of their topic, which must have begun empty, and the numbers of each
 * publisher go up by one. --client-ref: payloads are objects with a `client_ref`, instead of plain text.
 *
 * Prints "start" and "end" around the measured time, then one line of JSON. What was sent in the measured time is waited for.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sys/epoll.h>

#include "message.h"
#include "mqtt.h"

#define CLIENTS_MAX    1000
#define SCRATCH_BYTES  (256 * 1024)
#define GIVE_UP_NS     (10 * SECOND_NS)

static struct {
	int port, window;
	const char *clients;
	double rate, seconds, warmup;
	bool client_ref;
} options = { .window = 64, .seconds = 5, .warmup = 1 };

struct client {
	int fd;
	bool is_publisher, awaits_write;
	struct buffer in, out;
	char *topic;
	/* publisher */
	uint64_t sent, acked, *started; /* when the message number n was sent: started[n % window] */
	/* subscriber */
	uint64_t seq, *received;        /* by publisher: how many of its messages */
};

static struct client clients[CLIENTS_MAX];      /* publishers first */
static int client_count, publisher_count, epoll;
static uint8_t scratch[SCRATCH_BYTES];
static bool is_measuring;
static uint64_t messages, delivered, disordered, doubled, last_progress;
static struct histogram ack, arrival;

static void wait_for(struct client *c, bool write, int operation)
{
	struct epoll_event event = { .events = EPOLLIN | (write ? EPOLLOUT : 0u), .data.ptr = c };
	c->awaits_write = write;
	epoll_ctl(epoll, operation, c->fd, &event);
}

static void open_client(struct client *c, const char *id, const char *user, const char *token)
{
	c->fd = open_socket(options.port);
	send_connect(c->fd, id, user, token, true);
	expect(c->fd, CONNACK, 4);
	if (!c->is_publisher) {
		send_subscribe(c->fd, c->topic, 1);
		expect(c->fd, SUBACK, 5);
	}
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	wait_for(c, false, EPOLL_CTL_ADD);
}

static void read_clients(void)
{
	FILE *file = fopen(options.clients, "r");
	char kind[4], id[64], user[32], token[4096], topic[64];
	if (!file)
		fatal("publishers: cannot read %s", options.clients);
	while (fscanf(file, "%3s %63s %31s %4095s %63s", kind, id, user, token, topic) == 5) {
		struct client *c = &clients[client_count];
		*c = (struct client){ .is_publisher = !strcmp(kind, "pub"), .topic = strdup(topic) };
		if (c->is_publisher && publisher_count++ != client_count)
			fatal("publishers: they come first in %s", options.clients);
		if (++client_count == CLIENTS_MAX)
			fatal("publishers: too many clients");
		c->started = allocate((size_t)options.window, sizeof *c->started);
		c->received = allocate(CLIENTS_MAX, sizeof *c->received);
		open_client(c, id, user, token);
	}
	fclose(file);
}

static void flush_client(struct client *c)
{
	while (c->out.head < c->out.end) {
		ssize_t sent = send(c->fd, c->out.data + c->out.head, c->out.end - c->out.head, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN) {
			if (!c->awaits_write)
				wait_for(c, true, EPOLL_CTL_MOD);
			return;
		}
		if (sent < 0)
			fatal("publishers: send: %s", strerror(errno));
		c->out.head += (size_t)sent;
	}
	if (c->awaits_write)
		wait_for(c, false, EPOLL_CTL_MOD);
}

static void publish(struct client *c, uint64_t time)
{
	char head[64] = "", tail[4] = "";
	int publisher = (int)(c - clients);
	if (options.client_ref) {
		snprintf(head, sizeof head, "{\"client_ref\":\"%05d-%010llu\",\"text\":\"", publisher, (unsigned long long)c->sent);
		strcpy(tail, "\"}");
	}
	size_t length = 2 + strlen(c->topic) + 2 + strlen(head) + TEXT_BYTES + strlen(tail);
	uint8_t fixed[6] = { PUBLISH << 4 | 2 };
	size_t fixed_bytes = (size_t)(put_length(fixed + 1, length) - fixed);
	uint8_t *p = buffer_append(&c->out, fixed_bytes + length);
	memcpy(p, fixed, fixed_bytes);
	p = put_short(put_text(p + fixed_bytes, c->topic), (unsigned)(c->sent % 65535) + 1);
	p = mempcpy(p, head, strlen(head));
	put_message((char *)p, (struct stamp){ (uint64_t)publisher, c->sent, time });
	memcpy(p + TEXT_BYTES, tail, strlen(tail));
	c->started[c->sent++ % (uint64_t)options.window] = time;
}

static bool has_room(const struct client *c) { return c->sent - c->acked < (uint64_t)options.window; }

static void fill_windows(void)
{
	uint64_t now = now_ns();
	for (int i = 0; i < publisher_count; i++)
		while (has_room(&clients[i]))
			publish(&clients[i], now);
}

/* Sends what is due; returns the nanoseconds until the next message is, at most 20 ms. */
static uint64_t publish_due(uint64_t begin)
{
	static uint64_t count;
	static int next;
	for (;;) {
		uint64_t due = begin + (uint64_t)((double)count / options.rate * 1e9), now = now_ns();
		if (due > now)
			return due - now < SECOND_NS / 50 ? due - now : SECOND_NS / 50;
		int tried = 0;
		while (tried < publisher_count && !has_room(&clients[next])) {
			next = (next + 1) % publisher_count;
			tried++;
		}
		if (tried == publisher_count)
			return SECOND_NS / 50;
		publish(&clients[next], due);
		next = (next + 1) % publisher_count;
		count++;
	}
}

static void acknowledged(struct client *c, unsigned packet_id)
{
	if (!c->is_publisher || c->acked == c->sent || packet_id != (unsigned)(c->acked % 65535) + 1)
		fatal("publishers: PUBACK %u is out of order", packet_id);
	uint64_t now = now_ns(), began = c->started[c->acked++ % (uint64_t)options.window];
	last_progress = now;
	if (is_measuring) {
		messages++;
		histogram_add(&ack, now > began ? now - began : 0);
	}
}

static void arrived(struct client *c, const struct delivery *d)
{
	const char *text = memmem(d->payload, d->payload_bytes, "\"text\":\"", 8);
	uint64_t now = now_ns(), seq = number_after(d, "\"seq\":");
	struct stamp stamp = text ? read_message(text + 8) : (struct stamp){ .publisher = CLIENTS_MAX };
	if (stamp.publisher >= (uint64_t)publisher_count)
		fatal("publishers: a delivery of somebody else");
	put_puback(&c->out, d->packet_id);
	last_progress = now;
	uint64_t *received = &c->received[stamp.publisher];
	if (stamp.number < *received) {
		doubled++;
		return;
	}
	disordered += seq != c->seq + 1 || stamp.number != *received;
	c->seq = seq;
	*received = stamp.number + 1;
	delivered++;
	if (is_measuring)
		histogram_add(&arrival, now > stamp.time ? now - stamp.time : 0);
}

static void receive(struct client *c)
{
	size_t kept = c->in.end - c->in.head;
	memcpy(scratch, c->in.data + c->in.head, kept);
	ssize_t got = recv(c->fd, scratch + kept, SCRATCH_BYTES - kept, 0);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		fatal("publishers: the hub closed a connection");
	size_t count = kept + (size_t)got, at = 0, body, size;
	while ((size = packet_size(scratch + at, count - at, &body))) {
		const uint8_t *packet = scratch + at;
		if (packet[0] >> 4 == PUBACK) {
			acknowledged(c, get_short(packet + body));
		} else {
			struct delivery d = parse_publish(packet, body, size);
			arrived(c, &d);
		}
		at += size;
	}
	c->in.head = c->in.end = 0;
	memcpy(buffer_append(&c->in, count - at), scratch + at, count - at);
}

/* Waits at most so long for packets and answers them. */
static void turn(uint64_t wait_ns)
{
	struct epoll_event events[256];
	for (int i = 0; i < client_count; i++)
		if (clients[i].out.head < clients[i].out.end && !clients[i].awaits_write)
			flush_client(&clients[i]);
	struct timespec wait = { (time_t)(wait_ns / SECOND_NS), (long)(wait_ns % SECOND_NS) };
	int count = epoll_pwait2(epoll, events, 256, &wait, NULL);
	for (int i = 0; i < count; i++) {
		if (events[i].events & EPOLLOUT)
			flush_client(events[i].data.ptr);
		if (events[i].events & ~(unsigned)EPOLLOUT)
			receive(events[i].data.ptr);
	}
}

/* Messages that subscribers must get in all. */
static uint64_t expected(void)
{
	uint64_t count = 0;
	for (int s = publisher_count; s < client_count; s++)
		for (int p = 0; p < publisher_count; p++)
			count += strcmp(clients[s].topic, clients[p].topic) ? 0 : clients[p].acked;
	return count;
}

static bool is_answered(void)
{
	for (int i = 0; i < publisher_count; i++)
		if (clients[i].acked < clients[i].sent)
			return false;
	return true;
}

static void publish_until(uint64_t end, uint64_t begin)
{
	while (now_ns() < end) {
		uint64_t wait = SECOND_NS / 50;
		if (options.rate > 0)
			wait = publish_due(begin);
		else
			fill_windows();
		turn(wait);
	}
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "port", 1, 0, 'p' }, { "clients", 1, 0, 'c' }, { "window", 1, 0, 'n' }, { "rate", 1, 0, 'r' },
		{ "seconds", 1, 0, 's' }, { "warmup", 1, 0, 'w' }, { "client-ref", 0, 0, 'o' }, { 0 },
	};
	for (int flag; (flag = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (flag) {
		case 'p': options.port = atoi(optarg); break;
		case 'c': options.clients = optarg; break;
		case 'n': options.window = atoi(optarg); break;
		case 'r': options.rate = atof(optarg); break;
		case 's': options.seconds = atof(optarg); break;
		case 'w': options.warmup = atof(optarg); break;
		case 'o': options.client_ref = true; break;
		default: exit(64);
		}
	}
	if (!options.port || !options.clients || options.window < 1)
		fatal("publishers: --port, --clients, and a --window of 1 or more are needed");
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	read_clients();
	uint64_t begin = now_ns();
	publish_until(begin + (uint64_t)(options.warmup * 1e9), begin);

	is_measuring = true;
	mark("start");
	uint64_t start = now_ns(), cpu = own_cpu_ns();
	publish_until(start + (uint64_t)(options.seconds * 1e9), begin);
	is_measuring = false;
	double seconds = (double)(now_ns() - start) / 1e9;
	cpu = own_cpu_ns() - cpu;
	mark("end");

	last_progress = now_ns();
	while ((!is_answered() || delivered < expected()) && now_ns() - last_progress < GIVE_UP_NS)
		turn(SECOND_NS / 50);
	uint64_t unanswered = 0, wanted = expected();
	for (int i = 0; i < publisher_count; i++)
		unanswered += clients[i].sent - clients[i].acked;
	printf("{\"messages\":%llu,\"seconds\":%.4f,\"per_second\":%.1f,\"cpu_us\":%.3f", (unsigned long long)messages, seconds,
	       (double)messages / seconds, messages ? (double)cpu / 1e3 / (double)messages : 0);
	printf(",\"expected\":%llu,\"delivered\":%llu,\"unanswered\":%llu,\"disordered\":%llu,\"doubled\":%llu",
	       (unsigned long long)wanted, (unsigned long long)delivered, (unsigned long long)unanswered,
	       (unsigned long long)disordered, (unsigned long long)doubled);
	print_histogram("ack_us", &ack);
	print_histogram("arrival_us", &arrival);
	puts("}");
	return 0;
}
