/*
 * crowd - many clients that are there, come at once, and receive.
 *
 *   crowd --port N --clients N [--tls] [--websocket] [--persistent] [--filter FILTER] [--qos N] [--credentials FILE] [--name PREFIX]
 *
 * Obeys lines on standard input; each is answered by one line of JSON:
 *   open [N]   connects all that are away, N handshakes under way at once (0, the default: all); who fails tries again RETRY_NS later. When all
 *              are there, or none comes for GIVE_UP_NS: how many are there, how often one failed, how long it took, and how long an attempt
 *   close      ends all connections as a broken network does, without DISCONNECT
 *   report     how many messages have arrived since the last report, and how long after they were sent
 * Its end is the end of standard input.
 *
 * MQTT 3.1.1. --persistent: sessions are kept. --filter: what each client subscribes to, with QoS --qos; a # at its end stands for the
 * client's user, or without --credentials for its number. --credentials: a line "USER TOKEN" for each client. --websocket: at /mqtt. TLS sessions are resumed where the server lets them.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "message.h"
#include "mqtt.h"

#define SCRATCH_BYTES (256 * 1024)
#define GIVE_UP_NS    (30 * SECOND_NS)
#define RETRY_NS      SECOND_NS
/* A source address has some 28,000 ports here. */
#define CLIENTS_PER_ADDRESS 20000

static const char upgrade[] = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                              "Sec-WebSocket-Protocol: mqtt\r\n\r\n";

static struct {
	int port, client_count, qos;
	bool tls, websocket, persistent;
	const char *filter, *credentials, *name;
} options = { .name = "crowd" };

enum state { AWAY, CONNECTING, SHAKING_HANDS, UPGRADING, LOGGING_IN, SUBSCRIBING, PRESENT };

struct client {
	int fd;
	enum state state;
	uint64_t began;
	SSL *ssl;
	SSL_SESSION *session;
	char *user, *token;
	struct buffer frames, packets;  /* What has arrived in part: of WebSocket, of MQTT. */
};

static struct client *clients;
static int epoll, present, under_way, failed, kept_sessions;
static uint64_t last_progress, received;
static struct histogram waited, arrival;
static SSL_CTX *tls;
static uint8_t scratch[SCRATCH_BYTES];

static void leave(struct client *c)
{
	if (c->state == AWAY)
		return;
	if (c->state == PRESENT)
		present--;
	else
		under_way--;
	if (c->ssl) {
		/* OpenSSL forgets the ticket of a connection that it believes to be broken. */
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	close(c->fd);
	free(c->frames.data);
	free(c->packets.data);
	c->frames = c->packets = (struct buffer){ 0 };
	c->state = AWAY;
}

static void fail(struct client *c, const char *why)
{
	if (!failed++)
		fprintf(stderr, "crowd: client %d, state %d: %s\n", (int)(c - clients), c->state, why);
	leave(c);
}

static void watch(struct client *c, uint32_t events, int operation)
{
	struct epoll_event event = { .events = events, .data.ptr = c };
	epoll_ctl(epoll, operation, c->fd, &event);
}

/* What is sent is little and seldom, so a socket that cannot take it is a failure. */
static void send_raw(struct client *c, const uint8_t *bytes, size_t count)
{
	bool is_sent = c->ssl ? SSL_write(c->ssl, bytes, (int)count) == (int)count
	                      : send(c->fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
	if (!is_sent)
		fail(c, "cannot send");
}

/* Sends and frees packets; over WebSocket as one frame with a mask of zeros. */
static void send_packets(struct client *c, uint8_t *bytes, size_t count)
{
	if (options.websocket) {
		uint8_t *frame = allocate(1, count + 8), *p = frame;
		*p++ = 0x82;
		*p++ = (uint8_t)(0x80 | (count < 126 ? count : 126));
		if (count >= 126)
			p = put_short(p, (unsigned)count);
		p = mempcpy(p + 4, bytes, count);
		send_raw(c, frame, (size_t)(p - frame));
		free(frame);
	} else {
		send_raw(c, bytes, count);
	}
	free(bytes);
}

static void log_in(struct client *c)
{
	char id[64];
	size_t count;
	snprintf(id, sizeof id, "%s-%d", options.name, (int)(c - clients));
	c->state = LOGGING_IN;
	uint8_t *packet = make_connect(id, c->user, c->token, !options.persistent, &count);
	send_packets(c, packet, count);
}

static void transport_ready(struct client *c)
{
	watch(c, EPOLLIN, EPOLL_CTL_MOD);
	if (!options.websocket) {
		log_in(c);
		return;
	}
	c->state = UPGRADING;
	send_raw(c, (const uint8_t *)upgrade, sizeof upgrade - 1);
}

static void shake_hands(struct client *c)
{
	ERR_clear_error();
	int result = SSL_connect(c->ssl);
	if (result == 1) {
		transport_ready(c);
		return;
	}
	switch (SSL_get_error(c->ssl, result)) {
	case SSL_ERROR_WANT_READ: watch(c, EPOLLIN, EPOLL_CTL_MOD); break;
	case SSL_ERROR_WANT_WRITE: watch(c, EPOLLOUT, EPOLL_CTL_MOD); break;
	default: fail(c, "TLS handshake");
	}
}

static void connected(struct client *c)
{
	int error = 0;
	socklen_t size = sizeof error;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		fail(c, strerror(error));
		return;
	}
	if (!options.tls) {
		transport_ready(c);
		return;
	}
	c->ssl = SSL_new(tls);
	SSL_set_app_data(c->ssl, c);
	SSL_set_fd(c->ssl, c->fd);
	if (c->session)
		SSL_set_session(c->ssl, c->session);
	c->state = SHAKING_HANDS;
	shake_hands(c);
}

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct client *c = SSL_get_app_data(ssl);
	SSL_SESSION_free(c->session);
	c->session = session;
	return 1;
}

static void enter(struct client *c)
{
	int number = (int)(c - clients), one = 1;
	struct sockaddr_in source = { .sin_family = AF_INET }, server = { .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port) };
	source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (unsigned)(number / CLIENTS_PER_ADDRESS));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		fatal("crowd: %d clients are here, one more is not possible: %s", present + under_way, strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	if (bind(c->fd, (struct sockaddr *)&source, sizeof source) < 0)
		fatal("crowd: bind: %s", strerror(errno));
	c->state = CONNECTING;
	c->began = now_ns();
	under_way++;
	watch(c, EPOLLOUT, EPOLL_CTL_ADD);
	if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
		fail(c, strerror(errno));
}

static void is_present(struct client *c)
{
	c->state = PRESENT;
	under_way--;
	present++;
	last_progress = now_ns();
	histogram_add(&waited, last_progress - c->began);
}

static void on_connack(struct client *c, const uint8_t *body)
{
	if (body[1]) {
		char why[40];
		snprintf(why, sizeof why, "CONNACK refuses it with code %d", body[1]);
		fail(c, why);
		return;
	}
	kept_sessions += body[0] & 1;
	/* A session that was kept has its subscription. */
	if (!options.filter || (body[0] & 1)) {
		is_present(c);
		return;
	}
	char filter[256], number[16];
	size_t count, length = strcspn(options.filter, "#");
	snprintf(number, sizeof number, "%d", (int)(c - clients));
	snprintf(filter, sizeof filter, "%.*s%s", (int)length, options.filter,
	         options.filter[length] ? c->user ? c->user : number : "");
	c->state = SUBSCRIBING;
	uint8_t *packet = make_subscribe(filter, options.qos, &count);
	send_packets(c, packet, count);
}

static void on_publish(struct client *c, const uint8_t *packet, size_t body, size_t size)
{
	struct delivery d = parse_publish(packet, body, size);
	const char *text = memmem(d.payload, d.payload_bytes, "\"text\":\"", 8);
	received++;
	if (text)
		histogram_add(&arrival, now_ns() - read_message(text + 8).time);
	if (d.packet_id) {
		struct buffer out = { 0 };
		put_puback(&out, d.packet_id);
		send_packets(c, out.data, out.end);
	}
}

/* Takes whole packets off the front of what has arrived. */
static void take_packets(struct client *c)
{
	size_t body, size;
	struct buffer *b = &c->packets;
	while (c->state != AWAY && (size = packet_size(b->data + b->head, b->end - b->head, &body))) {
		const uint8_t *packet = b->data + b->head;
		b->head += size;
		switch (packet[0] >> 4) {
		case CONNACK: on_connack(c, packet + body); break;
		case SUBACK:
			if (packet[size - 1] & 128)
				fail(c, "SUBACK refuses the subscription");
			else
				is_present(c);
			break;
		case PUBLISH: on_publish(c, packet, body, size); break;
		default: fail(c, "an unexpected packet");
		}
	}
	if (c->state != AWAY && b->head == b->end) {
		free(b->data);
		*b = (struct buffer){ 0 };
	}
}

/* Takes the answer to the upgrade, then whole frames, off the front of what has arrived. */
static void take_frames(struct client *c)
{
	struct buffer *b = &c->frames;
	if (c->state == UPGRADING) {
		const char *end = memmem(b->data + b->head, b->end - b->head, "\r\n\r\n", 4);
		if (!end)
			return;
		if (memcmp(b->data + b->head, "HTTP/1.1 101", 12)) {
			fail(c, "the upgrade to WebSocket was refused");
			return;
		}
		b->head = (size_t)((const uint8_t *)end + 4 - b->data);
		log_in(c);
	}
	while (c->state != AWAY && b->end - b->head >= 2) {
		const uint8_t *frame = b->data + b->head;
		size_t length = frame[1] & 127, head = length == 126 ? 4 : 2;
		if (b->end - b->head < head)
			return;
		if (length == 126)
			length = get_short(frame + 2);
		if (frame[0] != 0x82 || length == 127) {
			fail(c, "an unexpected frame");
			return;
		}
		if (b->end - b->head < head + length)
			return;
		memcpy(buffer_append(&c->packets, length), frame + head, length);
		b->head += head + length;
		take_packets(c);
	}
	if (c->state != AWAY && b->head == b->end) {
		free(b->data);
		*b = (struct buffer){ 0 };
	}
}

static void receive(struct client *c)
{
	while (c->state != AWAY) {
		ssize_t got;
		if (c->ssl) {
			ERR_clear_error();
			got = SSL_read(c->ssl, scratch, SCRATCH_BYTES);
			if (got <= 0 && SSL_get_error(c->ssl, (int)got) == SSL_ERROR_WANT_READ)
				return;
		} else {
			got = recv(c->fd, scratch, SCRATCH_BYTES, 0);
			if (got < 0 && errno == EAGAIN)
				return;
		}
		if (got <= 0) {
			fail(c, "the server closed the connection");
			return;
		}
		memcpy(buffer_append(options.websocket ? &c->frames : &c->packets, (size_t)got), scratch, (size_t)got);
		if (options.websocket)
			take_frames(c);
		else
			take_packets(c);
	}
}

static void handle(struct client *c)
{
	switch (c->state) {
	case AWAY: break;
	case CONNECTING: connected(c); break;
	case SHAKING_HANDS: shake_hands(c); break;
	default: receive(c);
	}
}

/* Waits at most so long for events and handles them; true if there is a command. */
static bool turn(int wait_ms)
{
	struct epoll_event events[1024];
	bool is_commanded = false;
	int count = epoll_wait(epoll, events, 1024, wait_ms);
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr)
			handle(events[i].data.ptr);
		else
			is_commanded = true;
	}
	return is_commanded;
}

static void open_all(int concurrency)
{
	uint64_t start = last_progress = now_ns();
	failed = kept_sessions = 0;
	memset(&waited, 0, sizeof waited);
	uint64_t round = start;
	for (int next = 0; present < options.client_count;) {
		if (next == options.client_count && now_ns() - round > RETRY_NS) {
			next = 0;
			round = now_ns();
		}
		while (next < options.client_count && (!concurrency || under_way < concurrency)) {
			if (clients[next].state == AWAY)
				enter(&clients[next]);
			next++;
		}
		turn(20);
		if (now_ns() - last_progress > GIVE_UP_NS)
			break;
	}
	printf("{\"present\":%d,\"failed\":%d,\"waiting\":%d,\"kept_sessions\":%d,\"seconds\":%.4f", present, failed, under_way,
	       kept_sessions, (double)(now_ns() - start) / 1e9);
	print_histogram("waited_us", &waited);
	puts("}");
}

static void close_all(void)
{
	for (int i = 0; i < options.client_count; i++)
		leave(&clients[i]);
	puts("{\"present\":0}");
}

static void report(void)
{
	printf("{\"present\":%d,\"failed\":%d,\"received\":%llu", present, failed, (unsigned long long)received);
	print_histogram("arrival_us", &arrival);
	puts("}");
	received = 0;
	memset(&arrival, 0, sizeof arrival);
}

static void obey(const char *command)
{
	int concurrency = 0;
	if (sscanf(command, "open %d", &concurrency) == 1 || !strcmp(command, "open\n"))
		open_all(concurrency);
	else if (!strcmp(command, "close\n"))
		close_all();
	else if (!strcmp(command, "report\n"))
		report();
	else
		fatal("crowd: no such command: %s", command);
	fflush(stdout);
}

static void read_credentials(void)
{
	FILE *file = fopen(options.credentials, "r");
	if (!file)
		fatal("crowd: cannot read %s", options.credentials);
	for (int i = 0; i < options.client_count; i++)
		if (fscanf(file, "%ms %ms", &clients[i].user, &clients[i].token) != 2)
			fatal("crowd: %s has credentials for %d clients", options.credentials, i);
	fclose(file);
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "port", 1, 0, 'p' }, { "clients", 1, 0, 'n' }, { "tls", 0, 0, 't' }, { "websocket", 0, 0, 'w' }, { "persistent", 0, 0, 'k' },
		{ "filter", 1, 0, 'f' }, { "qos", 1, 0, 'q' }, { "credentials", 1, 0, 'c' }, { "name", 1, 0, 'i' }, { 0 },
	};
	for (int flag; (flag = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (flag) {
		case 'p': options.port = atoi(optarg); break;
		case 'n': options.client_count = atoi(optarg); break;
		case 't': options.tls = true; break;
		case 'w': options.websocket = true; break;
		case 'k': options.persistent = true; break;
		case 'f': options.filter = optarg; break;
		case 'q': options.qos = atoi(optarg); break;
		case 'c': options.credentials = optarg; break;
		case 'i': options.name = optarg; break;
		default: exit(64);
		}
	}
	if (!options.port || options.client_count < 1)
		fatal("crowd: --port and --clients are needed");
}

static void set_up_tls(void)
{
	tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(tls, keep_ticket);
}

int main(int argc, char **argv)
{
	char command[64];
	parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	clients = allocate((size_t)options.client_count, sizeof *clients);
	if (options.credentials)
		read_credentials();
	if (options.tls)
		set_up_tls();
	setvbuf(stdin, NULL, _IONBF, 0);
	struct epoll_event event = { .events = EPOLLIN };
	epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	for (;;) {
		if (!turn(1000))
			continue;
		if (!fgets(command, sizeof command, stdin))
			return 0;
		obey(command);
	}
}
