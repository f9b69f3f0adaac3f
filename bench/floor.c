/*
 * floor - what PostgreSQL gives a bare client for the hub's own publish statement.
 *
 *   floor --database URL --topics FILE --batch N [--connections N] [--seconds S] [--warmup S] [--settings SQL] [--statement SQL]
 *
 * Each connection has a thread and its share of the topics (the hub's own hash), and keeps one batch of so many messages in flight:
 * as the hub's log writers do, without anything else that a hub does. Parameters are binary, the statement is prepared. FILE has a
 * topic id a line. Prints "start" and "end" around the measured time, then one line of JSON.
 */
#include <getopt.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <arpa/inet.h>

#include "measure.h"
#include "message.h"

#define PARAMETERS          11
#define EPOCH_MILLISECONDS  1735689600000ll     /* of the hub's ids: 2025-01-01 */
#define SENDER              250000000000000000ll

enum oid { INT8 = 20, INT2 = 21, INT4 = 23, BYTEA = 17, UUID = 2950 };
static const struct { enum oid element, array; } TYPES[PARAMETERS] = {
	{ INT8, 1016 }, { INT4, 1007 }, { INT4, 1007 },                         /* topics: id, entries, messages */
	{ INT4, 1007 }, { INT4, 1007 }, { INT4, 1007 },                         /* entries: topic, position, messages */
	{ INT8, 1016 }, { INT8, 1016 }, { INT2, 1005 }, { UUID, 2951 }, { BYTEA, 1001 }, /* id, sender, kind, key, payload */
};

static struct {
	const char *database, *topics, *settings, *statement;
	int batch, connections;
	double seconds, warmup;
} options = {
	.settings = "", .statement = "SELECT confab_publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
	.batch = 64, .connections = 1, .seconds = 5, .warmup = 1,
};

struct writer {
	pthread_t thread;
	PGconn *connection;
	int64_t *topics;                /* ascending */
	int *entries;                   /* of each topic in the batch being made */
	int topic_count, next;
	uint8_t *bytes;                 /* of all parameters of a batch */
	uint64_t messages, statements;  /* measured */
	struct histogram latency;
};

static atomic_bool is_measuring, is_over;
static atomic_llong last_id;
static char suffix[TEXT_BYTES + 32];
static size_t suffix_bytes;

static uint8_t *put16(uint8_t *p, int v) { uint16_t n = htons((uint16_t)v); memcpy(p, &n, 2); return p + 2; }
static uint8_t *put32(uint8_t *p, int v) { uint32_t n = htonl((uint32_t)v); memcpy(p, &n, 4); return p + 4; }
static uint8_t *put64(uint8_t *p, int64_t v) { uint64_t n = __builtin_bswap64((uint64_t)v); memcpy(p, &n, 8); return p + 8; }

static uint8_t *put_header(uint8_t *p, enum oid element, int count)
{
	p = put32(put32(put32(p, 1), 0), (int)element);
	return put32(put32(p, count), 1);
}

/* Milliseconds, then what counts within them, as `IDGenerator` makes them: ascending, so keys are ordered by time as the hub's are. */
static int64_t next_id(void)
{
	long long floor = ((long long)(clock_ns(CLOCK_REALTIME) / 1000000) - EPOCH_MILLISECONDS) << 12;
	long long before = atomic_load(&last_id), next;
	do
		next = floor > before ? floor : before + 1;
	while (!atomic_compare_exchange_weak(&last_id, &before, next));
	return (next >> 12) << 22 | (next & 0xFFF);
}

/* One column of the batch: a value for each entry, by topic ascending. */
static uint8_t *put_entries(uint8_t *p, const struct writer *w, int column, const int64_t *ids)
{
	p = put_header(p, TYPES[column].element, options.batch);
	for (int topic = 0, index = 0, entry = 0; topic < w->topic_count; topic++) {
		index += w->entries[topic] > 0;
		for (int position = 1; position <= w->entries[topic]; position++, entry++) {
			switch (column) {
			case 3: p = put32(put32(p, 4), index); break;
			case 4: case 5: p = put32(put32(p, 4), position); break;
			case 6: p = put64(put32(p, 8), ids[entry]); break;
			case 7: p = put64(put32(p, 8), SENDER); break;
			case 8: p = put16(put32(p, 2), 1); break;
			case 9: p = put64(put64(put32(p, 16), ids[entry]), 0); break;
			case 10:
				p = put32(p, (int)suffix_bytes);
				memcpy(p, suffix, suffix_bytes);
				p += suffix_bytes;
			}
		}
	}
	return p;
}

static uint8_t *put_topics(uint8_t *p, const struct writer *w, int column)
{
	int used = 0;
	for (int topic = 0; topic < w->topic_count; topic++)
		used += w->entries[topic] > 0;
	p = put_header(p, TYPES[column].element, used);
	for (int topic = 0; topic < w->topic_count; topic++) {
		if (!w->entries[topic])
			continue;
		p = column == 0 ? put64(put32(p, 8), w->topics[topic]) : put32(put32(p, 4), w->entries[topic]);
	}
	return p;
}

/* The next batch takes the topics in turn, going on where the last one ended. */
static void encode(struct writer *w, const char **values, int *lengths)
{
	static _Thread_local int64_t *ids;
	if (!ids)
		ids = allocate((size_t)options.batch, sizeof *ids);
	memset(w->entries, 0, (size_t)w->topic_count * sizeof *w->entries);
	for (int i = 0; i < options.batch; i++) {
		w->entries[w->next]++;
		w->next = (w->next + 1) % w->topic_count;
		ids[i] = next_id();
	}
	uint8_t *p = w->bytes;
	for (int column = 0; column < PARAMETERS; column++) {
		uint8_t *end = column < 3 ? put_topics(p, w, column) : put_entries(p, w, column, ids);
		values[column] = (const char *)p;
		lengths[column] = (int)(end - p);
		p = end;
	}
}

static void check(const struct writer *w, PGresult *result, ExecStatusType wanted)
{
	if (PQresultStatus(result) != wanted)
		fatal("floor: %s", PQerrorMessage(w->connection));
	PQclear(result);
}

static void connect_writer(struct writer *w)
{
	w->connection = PQconnectdb(options.database);
	if (PQstatus(w->connection) != CONNECTION_OK)
		fatal("floor: %s", PQerrorMessage(w->connection));
	check(w, PQexec(w->connection, options.settings), *options.settings ? PGRES_COMMAND_OK : PGRES_EMPTY_QUERY);
	Oid types[PARAMETERS];
	for (int i = 0; i < PARAMETERS; i++)
		types[i] = (Oid)TYPES[i].array;
	check(w, PQprepare(w->connection, "publish", options.statement, PARAMETERS, types), PGRES_COMMAND_OK);
	w->entries = allocate((size_t)w->topic_count, sizeof *w->entries);
	w->bytes = allocate((size_t)options.batch + 1, PARAMETERS * 32 + sizeof suffix + 64);
}

static void *write_batches(void *argument)
{
	struct writer *w = argument;
	const char *values[PARAMETERS];
	int lengths[PARAMETERS], formats[PARAMETERS];
	for (int i = 0; i < PARAMETERS; i++)
		formats[i] = 1;
	while (!atomic_load(&is_over)) {
		encode(w, values, lengths);
		uint64_t begin = now_ns();
		check(w, PQexecPrepared(w->connection, "publish", PARAMETERS, values, lengths, formats, 1), PGRES_TUPLES_OK);
		if (!atomic_load(&is_measuring))
			continue;
		histogram_add(&w->latency, now_ns() - begin);
		w->messages += (uint64_t)options.batch;
		w->statements++;
	}
	return NULL;
}

/* As `LogWriter` gives topics to its writers. */
static int writer_of(int64_t topic)
{
	uint64_t hash = (uint64_t)topic * 0x9E3779B97F4A7C15u;
	return (int)((hash >> 32) % (uint64_t)options.connections);
}

static int ascending(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

static void read_topics(struct writer *writers)
{
	FILE *file = fopen(options.topics, "r");
	if (!file)
		fatal("floor: cannot read %s", options.topics);
	for (long long id; fscanf(file, "%lld", &id) == 1;) {
		struct writer *w = &writers[writer_of(id)];
		w->topics = realloc(w->topics, (size_t)(w->topic_count + 1) * sizeof id);
		w->topics[w->topic_count++] = id;
	}
	fclose(file);
	for (int i = 0; i < options.connections; i++) {
		if (!writers[i].topic_count)
			fatal("floor: connection %d has no topic", i);
		qsort(writers[i].topics, (size_t)writers[i].topic_count, sizeof *writers[i].topics, ascending);
	}
}

static void sleep_seconds(double seconds)
{
	struct timespec time = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
	nanosleep(&time, NULL);
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "database", 1, 0, 'd' }, { "topics", 1, 0, 't' }, { "batch", 1, 0, 'b' }, { "connections", 1, 0, 'c' },
		{ "seconds", 1, 0, 's' }, { "warmup", 1, 0, 'w' }, { "settings", 1, 0, 'e' }, { "statement", 1, 0, 'q' }, { 0 },
	};
	for (int flag; (flag = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (flag) {
		case 'd': options.database = optarg; break;
		case 't': options.topics = optarg; break;
		case 'b': options.batch = atoi(optarg); break;
		case 'c': options.connections = atoi(optarg); break;
		case 's': options.seconds = atof(optarg); break;
		case 'w': options.warmup = atof(optarg); break;
		case 'e': options.settings = optarg; break;
		case 'q': options.statement = optarg; break;
		default: exit(64);
		}
	}
	if (!options.database || !options.topics || options.batch < 1 || options.connections < 1)
		fatal("floor: --database, --topics, and a --batch and --connections of 1 or more are needed");
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	char text[TEXT_BYTES + 1] = "";
	put_message(text, (struct stamp){ 0 });
	suffix_bytes = (size_t)snprintf(suffix, sizeof suffix, ",\"body\":{\"text\":\"%s\"}}", text);
	struct writer *writers = allocate((size_t)options.connections, sizeof *writers);
	read_topics(writers);
	for (int i = 0; i < options.connections; i++)
		connect_writer(&writers[i]);
	for (int i = 0; i < options.connections; i++)
		pthread_create(&writers[i].thread, NULL, write_batches, &writers[i]);

	sleep_seconds(options.warmup);
	atomic_store(&is_measuring, true);
	mark("start");
	uint64_t start = now_ns(), cpu = own_cpu_ns();
	sleep_seconds(options.seconds);
	atomic_store(&is_measuring, false);
	double seconds = (double)(now_ns() - start) / 1e9;
	cpu = own_cpu_ns() - cpu;
	mark("end");
	atomic_store(&is_over, true);

	struct histogram *latency = allocate(1, sizeof *latency);
	uint64_t messages = 0, statements = 0;
	for (int i = 0; i < options.connections; i++) {
		pthread_join(writers[i].thread, NULL);
		histogram_merge(latency, &writers[i].latency);
		messages += writers[i].messages;
		statements += writers[i].statements;
		PQfinish(writers[i].connection);
	}
	printf("{\"messages\":%llu,\"seconds\":%.4f,\"per_second\":%.1f,\"statements\":%llu,\"cpu_us\":%.3f",
	       (unsigned long long)messages, seconds, (double)messages / seconds, (unsigned long long)statements,
	       (double)cpu / 1e3 / (double)messages);
	print_histogram("statement_us", latency);
	puts("}");
	return 0;
}
