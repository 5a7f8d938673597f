/*
 * 01-timeout.c - call a function that never returns, and be back after 10 ms
 *
 * stint_launch() runs a function on this very thread, like an ordinary call, but gives the CPU back when the
 * time is up, wherever the function is. It need not cooperate, check a flag or be compiled specially.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <stint.h>

static void *count_for_ever(void *arg)
{
	volatile unsigned long *counter = arg;

	for (;;)
		++*counter;
	return NULL;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(void)
{
	volatile unsigned long counter = 0;
	double start = now_ms();

	stint_t *call = stint_launch(count_for_ever, (void *)&counter, STINT_MS(10));
	if (!call) {
		const char *why = stint_unsupported();
		fprintf(stderr, "cannot launch: %s\n", why ? why : strerror(errno));
		return 1;
	}
	double elapsed = now_ms() - start;

	if (stint_state(call) != STINT_TIMED_OUT) {
		fprintf(stderr, "a function that never returns is in state %d?\n", stint_state(call));
		return 1;
	}
	printf("back after %.2f ms; it had counted to %lu\n", elapsed, counter);

	/* It is stopped, not gone: it could go on with stint_resume(). We have seen enough. */
	int err = stint_cancel(call);
	if (err) {
		fprintf(stderr, "cannot cancel: %s\n", strerror(err));
		return 1;
	}
	printf("cancelled; resuming it now is refused: %s\n", strerror(stint_resume(call, STINT_MS(1))));
	stint_free(call);
	return 0;
}
