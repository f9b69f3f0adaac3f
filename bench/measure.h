/* Clocks and histograms of the load generators. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS 1000000000ull

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static inline uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

/* What this process has used of processors so far. */
static inline uint64_t own_cpu_ns(void) { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

__attribute__((noreturn, format(printf, 1, 2))) static void fatal(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static inline void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);
	if (!memory)
		fatal("out of memory");
	return memory;
}

/* The driver reads the processes' clocks when it sees "start" and "end", so these lines must leave at once. */
static inline void mark(const char *word)
{
	puts(word);
	fflush(stdout);
}

/* Log-linear: 64 steps an octave, so a quantile is within 1.6 %. */
#define HISTOGRAM_STEPS 64
#define HISTOGRAM_BINS  (HISTOGRAM_STEPS * 60)

struct histogram {
	uint64_t count, bins[HISTOGRAM_BINS];
};

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
	int shift = ns < 2 * HISTOGRAM_STEPS ? 0 : 63 - __builtin_clzll(ns) - 6;
	h->bins[(size_t)shift * HISTOGRAM_STEPS + (ns >> shift)]++;
	h->count++;
}

static inline void histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->count += from->count;
	for (size_t i = 0; i < HISTOGRAM_BINS; i++)
		into->bins[i] += from->bins[i];
}

static inline double histogram_us(const struct histogram *h, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;
	for (size_t i = 0; i < HISTOGRAM_BINS; i++) {
		seen += h->bins[i];
		if (seen > wanted) {
			size_t shift = i < 2 * HISTOGRAM_STEPS ? 0 : i / HISTOGRAM_STEPS - 1;
			uint64_t low = (uint64_t)(i - shift * HISTOGRAM_STEPS) << shift;
			return ((double)low + (double)(1ull << shift) / 2) / 1e3;
		}
	}
	return 0;
}

static inline void print_histogram(const char *name, const struct histogram *h)
{
	printf(",\"%s\":{\"count\":%llu,\"p50\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f}", name, (unsigned long long)h->count,
	       histogram_us(h, 0.5), histogram_us(h, 0.99), histogram_us(h, 0.999));
}

#endif
