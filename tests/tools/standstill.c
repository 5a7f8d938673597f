/*
 * standstill.c - calls and threads in every state, then checkpoint(): for tests that look from outside
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <stint.h>

static stint_mutex_t locked = STINT_MUTEX_INIT;
static stint_chan_t *empty;
static stint_thread_t *sleeper;
static volatile long turns;

/* each in a function of its own, so that it shows in backtraces */
__attribute__((noinline)) static void waits_for_mutex(void)
{
	stint_mutex_lock(&locked);
	turns++;
}

__attribute__((noinline)) static void waits_for_element(void)
{
	stint_chan_recv(empty, NULL);
	turns++;
}

__attribute__((noinline)) static void pauses_here(int depth)
{
	if (depth)
		pauses_here(depth - 1);
	else
		stint_pause();
	turns++;
}

__attribute__((noinline)) static void computes_here(void)
{
	for (;;)
		turns++;
}

__attribute__((noinline)) static void sleeps_here(void)
{
	stint_thread_sleep(STINT_FOREVER);
	turns++;
}

static void *mutex_main(void *arg)
{
	waits_for_mutex();
	return arg;
}

static void *channel_main(void *arg)
{
	waits_for_element();
	return arg;
}

static void *sleep_main(void *arg)
{
	sleeps_here();
	return arg;
}

static void *join_main(void *arg)
{
	stint_thread_join(sleeper, NULL);
	return arg;
}

static void *pause_main(void *arg)
{
	pauses_here(3);
	return arg;
}

static void *hog_main(void *arg)
{
	computes_here();
	return arg;
}

/* a call in a thread, both of which wait */
static void *nest_main(void *arg)
{
	stint_free(stint_launch(channel_main, arg, STINT_FOREVER));
	return arg;
}

static void *return_main(void *arg)
{
	return arg;
}

__attribute__((noinline)) void checkpoint(void)
{
	turns++;
}

static stint_thread_t *start(const char *name, stint_fn *fn)
{
	const struct stint_thread_attr attr = { .size = sizeof attr, .name = name };
	stint_thread_t *t = NULL;
	int err = stint_thread_create(&t, &attr, fn, NULL);

	if (err)
		fprintf(stderr, "%s: %s\n", strerror(err), stint_why());
	return t;
}

static stint_t *launch(const char *name, stint_fn *fn, stint_ns timeout)
{
	const struct stint_attr attr = { .size = sizeof attr, .name = name };
	stint_t *s = stint_launch_with(&attr, fn, NULL, timeout);

	if (!s)
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
	return s;
}

int main(void)
{
	/* one after the other on one worker, without turns: each has come to where it waits when the next one begins */
	const struct stint_config in_line = { .size = sizeof in_line, .workers = 1, .policy = "fifo" };
	stint_thread_t *last;
	stint_t *calls[4];

	if (stint_start(&in_line))
		return 1;
	empty = stint_chan_create(1, 0);
	stint_mutex_lock(&locked);
	calls[0] = launch("pauses", pause_main, STINT_S(60));
	calls[1] = launch("computes", hog_main, STINT_MS(5));
	while (calls[1] && !turns)              /* however slow the machine is, it has begun to compute */
		stint_resume(calls[1], STINT_MS(5));
	calls[2] = launch("waiting", return_main, 0);
	calls[3] = launch("done", return_main, STINT_S(60));
	sleeper = start("sleeper", sleep_main);
	if (!sleeper || !empty || !start("locker", mutex_main) || !start("receiver", channel_main) ||
	    !start("joiner", join_main) || !start("nested", nest_main))
		return 1;
	last = start("last", return_main);
	if (!last || stint_thread_join(last, NULL))
		return 1;
	checkpoint();
	for (int i = 0; i < 4; i++)
		stint_free(calls[i]);
	return 0;
}
