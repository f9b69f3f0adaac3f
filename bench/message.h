/* The text of a measured message: who sent it as its which one, and when; then letters. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 200

struct stamp {
	uint64_t publisher, number, time;
};

static inline char *put_number(char *p, uint64_t value, int digits)
{
	for (int i = digits - 1; i >= 0; i--, value /= 10)
		p[i] = (char)('0' + value % 10);
	p[digits] = ' ';
	return p + digits + 1;
}

static inline void put_message(char *p, struct stamp stamp)
{
	char *end = p + TEXT_BYTES;
	p = put_number(put_number(put_number(p, stamp.publisher, 5), stamp.number, 10), stamp.time, 19);
	memset(p, 'a', (size_t)(end - p));
}

static inline struct stamp read_message(const char *p)
{
	char *end;
	uint64_t publisher = strtoull(p, &end, 10), number = strtoull(end, &end, 10);
	return (struct stamp){ publisher, number, strtoull(end, NULL, 10) };
}

#endif
