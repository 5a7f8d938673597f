/*
 * other_malloc.c - behind the library there may be another malloc than the C library's, also one that calls what is wrapped before it
 * can be asked; and what cannot be found meanwhile leaves no message behind
 */
#include "../test.h"

#include <dlfcn.h>

#include <stint.h>

#define MODULE "tests/api/.libs/own_malloc.so"

static void *allocates(void *arg)
{
	char *p = NULL;

	for (int i = 0; i < 500; i++) {
		p = malloc(i);
		CHECK(p);
		memset(p, i, i);
		if (i % 2)
			free(p);
	}
	p = realloc(p, 10000);
	CHECK(p && strdup("x") && calloc(10, 10) && fopen("/dev/null", "r"));
	return arg;
}

static size_t own_blocks(void)
{
	size_t (*fn)(void);
	void *p = dlsym(RTLD_DEFAULT, "own_blocks");

	CHECK(p);
	memcpy(&fn, &p, sizeof(fn));
	return fn();
}

static int with_own(const char *first_error)
{
	stint_thread_t *t[5];
	void *volatile block;           /* or a compiler might do without it */
	size_t blocks;
	stint_t *call;

	CHECK(!first_error);
	blocks = own_blocks();
	block = malloc(1);
	CHECK(block);
	CHECK_INT(own_blocks(), >, blocks);
	call = stint_launch(allocates, NULL, STINT_S(100));
	CHECK(call && stint_is_complete(call));
	stint_free(call);
	call = stint_launch(allocates, NULL, STINT_US(20));
	CHECK(call);
	stint_free(call);
	for (int i = 0; i < 5; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, allocates, &t[i]), ==, 0);
	for (int i = 0; i < 5; i++) {
		void *result;

		if (i == 4)
			stint_thread_cancel(t[i]);
		CHECK_INT(stint_thread_join(t[i], &result), ==, 0);
		CHECK(result == &t[i] || i == 4);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *first_error = dlerror();
	pid_t pid;

	(void)argv;
	test_watchdog();
	if (argc > 1)
		return with_own(first_error);
	if (getenv("STINT_ASAN") || getenv("STINT_TSAN")) {
		printf("the sanitizer has its own malloc\n");
		return 77;
	}
	CHECK(!first_error);
	CHECK_INT(chdir(TEST_DIR), ==, 0);      /* LD_PRELOAD has no room for spaces */
	CHECK_INT(access(MODULE, R_OK), ==, 0);
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid) {
		setenv("LD_PRELOAD", ".libs/libstint.so " MODULE, 1);
		execl("/proc/self/exe", "other_malloc", "again", (char *)NULL);
		_exit(3);
	}
	CHECK_EXIT(pid, 0);
	return 0;
}
