/*
 * private.c - calls that use a library which is not reentrant, all of them stopped in the middle of it again and again
 *
 * Eight calls convert numbers with the library in roman.c, taking turns every 50 microseconds. It keeps everything in static
 * variables, so they spoil each other's work: what comes out is wrong. Then the same again, each call with a private
 * copy of the library (a library set): all is right. Neither the library nor the calls know of that.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <stint.h>

#include "roman.h"

#define CALLS 8
#define NUMBERS 20000

struct work {
	int lower_case;
	long wrong;                     /* answers */
};

struct symbols {
	int seen, wrong;
};

/* the library says at which symbol we are */
static void look_at(char symbol, void *arg)
{
	struct symbols *s = arg;

	if (!isalpha((unsigned char)symbol) || roman_position() != s->seen)
		s->wrong++;
	s->seen++;
}

static void *convert(void *arg)
{
	struct work *w = arg;

	roman_begin(w->lower_case);
	for (int i = 0; i < NUMBERS; i++) {
		struct symbols symbols = { 0, 0 };
		int n = i % 3999 + 1;
		const char *numeral = roman_numeral(n);

		w->wrong += roman_value(numeral) != n;
		w->wrong += !islower((unsigned char)*numeral) != !w->lower_case;
		roman_symbols(n, look_at, &symbols);
		w->wrong += symbols.wrong > 0;
	}
	w->wrong += roman_converted() != 2 * NUMBERS;
	return NULL;
}

static const char *reason(void)
{
	return stint_unsupported() ? stint_unsupported() : strerror(errno);
}

/* Returns how many answers were wrong; -1: it did not work at all. */
static long run(stint_libset_t *const *sets)
{
	struct work work[CALLS] = { { 0, 0 } };
	stint_t *call[CALLS];
	long wrong = 0;
	int running = CALLS;

	for (int i = 0; i < CALLS; i++) {
		struct stint_attr attr = { .size = sizeof attr, .libset = sets[i] };

		work[i].lower_case = i % 2;
		call[i] = stint_launch_with(&attr, convert, &work[i], 0);
		if (!call[i]) {
			fprintf(stderr, "cannot launch: %s\n", reason());
			return -1;
		}
	}
	while (running) {
		running = 0;
		for (int i = 0; i < CALLS; i++)
			if (!stint_is_complete(call[i]) && stint_resume(call[i], STINT_US(50)))
				running++;
	}
	for (int i = 0; i < CALLS; i++) {
		wrong += work[i].wrong;
		stint_free(call[i]);
	}
	return wrong;
}

int main(void)
{
	static const char *const libraries[] = { "libroman.so" };
	stint_libset_t *sets[CALLS] = { NULL };
	long shared, private;

	shared = run(sets);
	if (shared < 0)
		return 1;
	printf("%d calls with one library:            %ld wrong answers\n", CALLS, shared);
	for (int i = 0; i < CALLS; i++) {
		sets[i] = stint_libset_open(libraries, 1);
		if (!sets[i]) {
			fprintf(stderr, "cannot copy the library: %s\n", reason());
			return 1;
		}
	}
	private = run(sets);
	printf("%d calls with a private library each: %ld wrong answers\n", CALLS, private);
	for (int i = 0; i < CALLS; i++)
		stint_libset_close(sets[i]);
	return shared > 0 && private == 0 ? 0 : 1;
}
