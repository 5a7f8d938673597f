/*
 * fanout.h - what the two sides of fanout agree on
 *
 * A question is a line "QUERY LEAF", an answer a line "VALUE ROUNDS": the one who asked has to compute for so many rounds to make
 * sense of the value.
 */
#ifndef EXAMPLES_FANOUT_H
#define EXAMPLES_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

struct leaf_behaviour {
	uint64_t seed;
	unsigned slow_percent;          /* of the questions are answered too late: never, or with work for ever */
};

#define FANOUT_ROUNDS 1000
#define FANOUT_ROUNDS_FOR_EVER UINT64_MAX

/* Listens on 127.0.0.1:*@port, 0 for any, which is filled in. The socket, or -1 with errno. */
int leaf_listen(uint16_t *port);

/* Answers on whatever connects to @socket until that is shut down, and all connections have ended. */
void leaf_serve(int socket, const struct leaf_behaviour *behaviour);

/* whether that question will not be answered in time */
bool leaf_is_late(const struct leaf_behaviour *behaviour, uint64_t query, unsigned leaf);

/* reads until there is a newline, or the room is used up; 0, or -1 when there is none */
int read_line(int fd, char *line, int size);

uint64_t mix(uint64_t x);

#endif
