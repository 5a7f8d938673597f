/*
 * keep.c - what a completed call acquired belongs to its caller, and what was there before stays anyhow
 */
#include "../test.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <stint.h>

#define SIZE 5000

struct kept {
	char *block;
	char *mapping;
	int fd;
	FILE *stream;
};

static void *acquires(void *arg)
{
	struct kept *k = malloc(sizeof(*k));

	CHECK(k);
	k->block = malloc(SIZE);
	CHECK(k->block);
	memset(k->block, 0x5a, SIZE);
	k->mapping = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(k->mapping != MAP_FAILED);
	memset(k->mapping, 0xa5, SIZE);
	k->fd = open("/dev/zero", O_RDONLY);
	CHECK_INT(k->fd, >=, 0);
	k->stream = fopen("/dev/zero", "r");
	CHECK(k->stream);
	if (arg)
		stint_pause();
	return k;
}

static void use_and_release(struct kept *k)
{
	char c = 1;

	for (int i = 0; i < SIZE; i++) {
		CHECK_INT(k->block[i], ==, 0x5a);
		CHECK_INT(k->mapping[i], ==, (char)0xa5);
	}
	CHECK_INT(read(k->fd, &c, 1), ==, 1);
	CHECK_INT(c, ==, 0);
	CHECK_INT(getc(k->stream), ==, 0);
	CHECK_INT(fclose(k->stream), ==, 0);
	CHECK_INT(close(k->fd), ==, 0);
	CHECK_INT(munmap(k->mapping, SIZE), ==, 0);
	free(k->block);
	free(k);
}

static void completed(bool in_two)
{
	stint_t *s = stint_launch(acquires, in_two ? "" : NULL, STINT_S(100));
	struct kept *k;

	CHECK(s);
	if (in_two)
		CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	k = stint_result(s);
	CHECK(k);
	stint_free(s);
	use_and_release(k);
}

/* a completed inner call's belongings are the outer one's: kept if that completes, gone if it is cancelled */
static void *passes_on(void *arg)
{
	stint_t *s = stint_launch(acquires, NULL, STINT_S(100));
	struct kept *k;

	CHECK(s);
	k = stint_result(s);
	CHECK(k);
	stint_free(s);
	if (arg)
		stint_pause();
	return k;
}

static void passed_on(void)
{
	stint_t *s = stint_launch(passes_on, NULL, STINT_S(100));
	struct kept *k;

	CHECK(s);
	k = stint_result(s);
	CHECK(k);
	stint_free(s);
	use_and_release(k);
}

static void passed_on_and_cancelled(void)
{
	size_t heap = 0;
	int fds = 0, maps = 0;

	for (int i = 0; i < 1020; i++) {
		stint_t *s = stint_launch(passes_on, "", STINT_S(100));

		CHECK(s);
		CHECK_INT(stint_state(s), ==, STINT_PAUSED);
		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
		if (i == 20) {
			heap = heap_in_use();
			fds = count_fds();
			maps = count_maps();
		}
	}
	CHECK_INT(heap_in_use(), <=, heap + 10 * SIZE);
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(count_maps(), <=, maps + 5);
}

/* what the caller had before is not the call's to lose, even where the call resized or reopened it */
static char *callers_block;
static int callers_fd;

static void *handles_callers_things(void *arg)
{
	CHECK_INT(lseek(callers_fd, 0, SEEK_CUR), >=, 0);
	callers_block[0] = 'x';
	stint_pause();
	return arg;
}

static void callers_things_stay(void)
{
	callers_block = malloc(SIZE);
	callers_fd = open("/dev/zero", O_RDONLY);
	CHECK(callers_block);
	CHECK_INT(callers_fd, >=, 0);
	for (int i = 0; i < 100; i++) {
		stint_t *s = stint_launch(handles_callers_things, NULL, STINT_S(100));
		char c;

		CHECK(s);
		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
		CHECK_INT(callers_block[0], ==, 'x');
		CHECK_INT(read(callers_fd, &c, 1), ==, 1);
	}
	close(callers_fd);
	free(callers_block);
}

/* a block that the call handed out and someone else gave back is not given back a second time */
static void *handed_out;

static void *hands_out(void *arg)
{
	handed_out = malloc(SIZE);
	CHECK(handed_out);
	stint_pause();
	return arg;
}

static void given_back_elsewhere(void)
{
	for (int i = 0; i < 1000; i++) {
		stint_t *s = stint_launch(hands_out, NULL, STINT_S(100));
		char *mine;

		CHECK(s);
		free(handed_out);
		mine = malloc(SIZE);            /* likely the same address */
		CHECK(mine);
		memset(mine, 0x11, SIZE);
		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
		for (int at = 0; at < SIZE; at++)
			CHECK_INT(mine[at], ==, 0x11);
		free(mine);
	}
}

int main(void)
{
	test_watchdog();
	for (int i = 0; i < 100; i++) {
		completed(false);
		completed(true);
		passed_on();
	}
	passed_on_and_cancelled();
	callers_things_stay();
	given_back_elsewhere();
	return 0;
}
