/*
 * usage.c - the account of a call: times, counts, and what it holds
 */
#include "../test.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <stint.h>

#define BLOCKS 10
#define BLOCK 1000
#define MAPPED 1000000

static void *blocks[BLOCKS];
static void *mapping;
static int fd;
static volatile int leave;

static void *loop(void *arg)
{
	while (!leave)
		;
	return arg;
}

static void times_and_counts(void)
{
	struct stint_usage u, later;
	int64_t start = now_ns(), inside;
	stint_t *s = stint_launch(loop, NULL, 0);

	leave = false;
	CHECK(s);
	memset(&u, 0xff, sizeof(u));
	CHECK_INT(stint_usage(s, &u), ==, 0);
	CHECK_INT(u.cpu_ns, ==, 0);
	CHECK_INT(u.wall_ns, ==, 0);
	CHECK_INT(u.resumes, ==, 0);
	CHECK_INT(u.preemptions, ==, 0);
	CHECK_INT(u.deferrals, ==, 0);
	CHECK_INT(u.longest_deferral_ns, ==, 0);
	CHECK_INT(u.blocks_held, ==, 0);
	CHECK_INT(u.bytes_held, ==, 0);
	CHECK_INT(u.fds_held, ==, 0);
	CHECK_INT(u.stack_bytes, >=, 4096);
	for (size_t i = 0; i < sizeof(u.reserved) / sizeof(u.reserved[0]); i++)
		CHECK_INT(u.reserved[i], ==, 0);

	inside = now_ns();
	for (int i = 0; i < 5; i++)
		CHECK_INT(stint_resume(s, STINT_MS(2)), ==, ETIMEDOUT);
	inside = now_ns() - inside;
	CHECK_INT(stint_usage(s, &u), ==, 0);
	CHECK_INT(u.resumes, ==, 5);
	CHECK_INT(u.preemptions, ==, 5);
	/* 1 %: the cycle counter against the clock */
	CHECK_INT(u.cpu_ns, >=, STINT_MS(10) * 99 / 100);
	CHECK_INT(u.cpu_ns, <=, inside * 101 / 100 + 1000);
	CHECK_INT(u.wall_ns, >=, u.cpu_ns);

	/* stopped: the wall goes on, the CPU does not */
	sleep_ns(STINT_MS(30));
	CHECK_INT(stint_usage(s, &later), ==, 0);
	CHECK_INT(later.cpu_ns, ==, u.cpu_ns);
	CHECK_INT(later.wall_ns - u.wall_ns, >=, STINT_MS(29));

	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK_INT(stint_usage(s, &u), ==, 0);
	CHECK_INT(u.resumes, ==, 6);
	CHECK_INT(u.preemptions, ==, 5);
	CHECK_INT(u.wall_ns, <=, (now_ns() - start) * 101 / 100);
	sleep_ns(STINT_MS(2));
	CHECK_INT(stint_usage(s, &later), ==, 0);
	CHECK_INT(later.wall_ns, ==, u.wall_ns);
	stint_free(s);
}

static void *acquires(void *arg)
{
	struct stint_usage u;

	CHECK_INT(stint_usage(stint_self(), &u), ==, 0);
	CHECK_INT(u.resumes, ==, 1);
	CHECK_INT(u.blocks_held, ==, 0);
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(BLOCK);
		CHECK(blocks[i]);
	}
	CHECK_INT(stint_usage(stint_self(), &u), ==, 0);
	CHECK_INT(u.blocks_held, ==, BLOCKS);
	CHECK_INT(u.bytes_held, >=, BLOCKS * BLOCK);
	CHECK_INT(u.bytes_held, <, 2 * BLOCKS * BLOCK);
	fd = open("/dev/null", O_RDONLY);
	CHECK_INT(fd, >=, 0);
	mapping = mmap(NULL, MAPPED, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(mapping != MAP_FAILED);
	stint_pause();
	for (int i = 0; i < BLOCKS / 2; i++)
		free(blocks[i]);
	blocks[BLOCKS - 1] = realloc(blocks[BLOCKS - 1], 100 * BLOCK);
	CHECK(blocks[BLOCKS - 1]);
	close(fd);
	munmap(mapping, MAPPED);
	stint_pause();
	return arg;
}

static void held(void)
{
	struct stint_usage u;
	stint_t *s = stint_launch(acquires, NULL, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_usage(s, &u), ==, 0);
	CHECK_INT(u.blocks_held, ==, BLOCKS);
	CHECK_INT(u.bytes_held, >=, BLOCKS * BLOCK + MAPPED);
	CHECK_INT(u.bytes_held, <, 2 * BLOCKS * BLOCK + MAPPED + 4096);
	CHECK_INT(u.fds_held, ==, 1);

	/* one given back by someone else, the rest by itself */
	free(blocks[BLOCKS - 2]);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, EAGAIN);
	CHECK_INT(stint_usage(s, &u), ==, 0);
	CHECK_INT(u.blocks_held, ==, BLOCKS - BLOCKS / 2 - 1);
	CHECK_INT(u.bytes_held, >=, 100 * BLOCK);
	CHECK_INT(u.bytes_held, <, 200 * BLOCK);
	CHECK_INT(u.fds_held, ==, 0);

	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK_INT(stint_usage(s, &u), ==, 0);
	CHECK_INT(u.blocks_held, ==, 0);
	CHECK_INT(u.bytes_held, ==, 0);
	CHECK_INT(u.fds_held, ==, 0);
	stint_free(s);
}

static struct stint_usage inner_usage;
static int to_pass;             /* times that the chain is to be stopped */

static void *until_passed(void *arg)
{
	while (__atomic_load_n(&to_pass, __ATOMIC_RELAXED))
		;
	return arg;
}

static void *has_inner(void *arg)
{
	stint_t *inner = stint_launch(until_passed, arg, STINT_S(1000));

	CHECK(inner);
	CHECK(stint_is_complete(inner));
	CHECK_INT(stint_usage(inner, &inner_usage), ==, 0);
	stint_free(inner);
	return arg;
}

/* While a chain is stopped nobody in it has the CPU, the inner ones no more than the outer one. */
static void inner_times(void)
{
	struct stint_usage outer;
	stint_t *s;

	to_pass = 5;
	s = stint_launch(has_inner, NULL, STINT_MS(2));
	CHECK(s);
	while (--to_pass) {
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		CHECK_INT(stint_resume(s, STINT_MS(2)), ==, ETIMEDOUT);
	}
	CHECK_INT(stint_resume(s, STINT_S(1000)), ==, 0);
	CHECK_INT(stint_usage(s, &outer), ==, 0);
	CHECK_INT(inner_usage.cpu_ns, >, 0);
	CHECK_INT(inner_usage.cpu_ns, <=, outer.cpu_ns);
	CHECK_INT(inner_usage.wall_ns, >=, STINT_MS(80));
	stint_free(s);
}

static struct stint_usage call_usage, thread_usage;

static void *sleeps(void *arg)
{
	for (int i = 0; i < 10; i++)
		stint_thread_sleep(STINT_MS(5));
	return arg;
}

static void *runs_call(void *arg)
{
	stint_t *s = stint_launch(sleeps, arg, STINT_S(1000));

	CHECK(s);
	CHECK_INT(stint_usage(s, &call_usage), ==, 0);
	stint_free(s);
	CHECK_INT(stint_thread_usage(stint_thread_self(), &thread_usage), ==, 0);
	return arg;
}

/* The same for a call in a thread that waits. */
static void call_in_thread(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = "fair" };
	stint_thread_t *t;

	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(stint_thread_create(&t, NULL, runs_call, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(stint_stop(), ==, 0);
	CHECK_INT(call_usage.wall_ns, >=, STINT_MS(50));
	CHECK_INT(call_usage.cpu_ns, <=, thread_usage.cpu_ns);
}

/* what the runtime runs with */
static void config_get(void)
{
	struct stint_config asked = { .size = sizeof(asked), .workers = 3, .quantum = STINT_US(500), .policy = "rr" }, c;

	c.size = sizeof(c);
	CHECK_INT(stint_config_get(&c), ==, EINVAL);
	CHECK_INT(stint_start(&asked), ==, 0);
	CHECK_INT(stint_config_get(NULL), ==, EINVAL);
	c.size = sizeof(c) - 1;
	CHECK_INT(stint_config_get(&c), ==, EINVAL);
	c.size = sizeof(c);
	CHECK_INT(stint_config_get(&c), ==, 0);
	CHECK_INT(c.size, ==, sizeof(c));
	CHECK_INT(c.workers, ==, 3);
	CHECK_INT(c.quantum, ==, STINT_US(500));
	CHECK(!strcmp(c.policy, "rr"));
	CHECK_INT(c.stack_size, ==, 65536);
	CHECK_INT(c.signo, ==, SIGURG);
	CHECK_INT(stint_policy_set(stint_policy_builtin(0)), ==, 0);
	CHECK_INT(stint_config_get(&c), ==, 0);
	CHECK(!strcmp(c.policy, stint_policy_builtin(0)->name));
	CHECK_INT(stint_stop(), ==, 0);
}

int main(void)
{
	unsetenv("STINT_SIGNAL");
	unsetenv("STINT_STACK");
	test_watchdog();
	times_and_counts();
	inner_times();
	call_in_thread();
	config_get();
	held();
	return 0;
}
