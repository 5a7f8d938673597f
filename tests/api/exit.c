/*
 * exit.c - exit() in a call ends the process properly: atexit handlers run, streams are flushed, the status is right
 */
#include "../test.h"

#include <pthread.h>

#include <stint.h>

static char *file;

static void last_words(void)
{
	printf("last words\n");
}

static void slow_last_words(void)
{
	/* longer than the deadline of the call that exits */
	spin_ns(STINT_MS(10));
	printf("slow\n");
}

static void *exits(void *arg)
{
	printf("in the call\n");
	exit((int)(intptr_t)arg);
}

static void *launches(void *arg)
{
	stint_launch(exits, arg, STINT_S(100));
	_exit(1);
}

static void *quick(void *arg)
{
	_exit((int)(intptr_t)arg);
}

static void child(int how)
{
	test_child();
	if (!freopen(file, "w", stdout))
		_exit(2);
	atexit(last_words);
	switch (how) {
	case 0:
		stint_launch(exits, (void *)40, STINT_S(100));
		break;
	case 1:
		stint_launch(launches, (void *)41, STINT_S(100));
		break;
	case 2: {
		stint_t *s;

		atexit(slow_last_words);
		s = stint_launch(exits, (void *)42, STINT_MS(2));
		/* if it is stopped on the way out, it goes on with that */
		for (;;)
			stint_resume(s, STINT_MS(2));
	}
	case 3: {
		pthread_t thread;

		pthread_create(&thread, NULL, launches, (void *)43);
		pthread_join(thread, NULL);
		break;
	}
	case 4:
		stint_launch(quick, (void *)44, STINT_S(100));
		break;
	}
	_exit(3);
}

static void check(int how, const char *expected)
{
	char text[256] = "";
	FILE *f;
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (!pid)
		child(how);
	CHECK_EXIT(pid, 40 + how);
	f = fopen(file, "r");
	CHECK(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	CHECK_STR(text, expected);
}

int main(void)
{
	char name[] = "/tmp/stint-exit-XXXXXX";
	int fd = mkstemp(name);

	test_watchdog();
	CHECK_INT(fd, >=, 0);
	close(fd);
	file = name;
	for (int i = 0; i < 20; i++) {
		check(0, "in the call\nlast words\n");
		check(1, "in the call\nlast words\n");
		check(2, "in the call\nslow\nlast words\n");
		check(3, "in the call\nlast words\n");
		check(4, "");
	}
	unlink(name);
	return 0;
}
