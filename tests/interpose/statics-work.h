/*
 * statics-work.h - work that uses what libc keeps in static memory, for tests/interpose/statics.c and tests/stress/statics.c
 */
#ifndef STINT_TEST_STATICS_WORK_H
#define STINT_TEST_STATICS_WORK_H

#include "../test.h"

/* <regex.h> has them only without POSIX */
char *re_comp(const char *pattern);
int re_exec(const char *text);

struct work {
	const struct family *family;
	unsigned seed;                  /* what it does depends on that, and on nothing else */
	void (*between)(void);          /* others may use the same functions now */
	const char *last;               /* the last result that is a string, if it is kept */
	char copy[300];
	size_t n;
	char text[9000];                /* what it saw */
};

struct family {
	const char *name;
	void (*use)(struct work *w);
	bool once;                      /* it would see more or less a second time in one process */
};

extern const struct family families[];
extern const int families_n;

void work_set_up(void);                 /* once, before any */
void work_begin(struct work *w, const struct family *family, unsigned seed);

#endif
