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

int main(void)
{
	test_watchdog();
	times_and_counts();
	held();
	return 0;
}
