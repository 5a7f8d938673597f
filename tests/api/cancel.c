/*
 * cancel.c - a cancelled call gives back what it holds: heap, descriptors, mappings, streams, directories, mutexes
 *
 * A leak is shown by repetition: what one call holds is small, what a thousand would leak is not.
 */
#include "../test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <stint.h>

#define BLOCKS 50
#define BLOCK 400
#define ROUNDS 1000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t returned = PTHREAD_MUTEX_INITIALIZER;
static volatile int ready;

static void *forever(void)
{
	ready = true;
	for (;;)
		;
	return NULL;
}

static void *heap(void *arg)
{
	char *p[BLOCKS];

	(void)arg;
	for (int i = 0; i < BLOCKS; i++) {
		switch (i % 5) {
		case 0:
			p[i] = malloc(BLOCK);
			break;
		case 1:
			p[i] = calloc(BLOCK / 4, 4);
			break;
		case 2:
			p[i] = realloc(malloc(1), BLOCK);
			break;
		case 3:
			p[i] = aligned_alloc(64, BLOCK / 64 * 64);
			break;
		default:
			CHECK_INT(posix_memalign((void **)&p[i], 128, BLOCK), ==, 0);
		}
		CHECK(p[i]);
		memset(p[i], i, BLOCK / 64 * 64);
	}
	/* some are given back; they must not be given back twice */
	for (int i = 0; i < BLOCKS; i += 3)
		free(p[i]);
	CHECK(malloc(1 << 20));         /* one that libc maps */
	return forever();
}

static void *descriptors(void *arg)
{
	int p[2], fd;

	(void)arg;
	for (int i = 0; i < 5; i++) {
		fd = open("/dev/null", O_RDWR);
		CHECK_INT(fd, >=, 0);
		CHECK_INT(dup(fd), >=, 0);
	}
	CHECK_INT(pipe(p), ==, 0);
	CHECK_INT(close(p[0]), ==, 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, p), ==, 0);
	CHECK_INT(socket(AF_UNIX, SOCK_DGRAM, 0), >=, 0);
	return forever();
}

static void *mappings(void *arg)
{
	char *p;

	(void)arg;
	for (int i = 0; i < 10; i++) {
		/* different protections, so that neighbours do not become one */
		p = mmap(NULL, 64 << 10, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
		         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
		if (i == 4)
			CHECK_INT(munmap(p + 4096, 4096), ==, 0);
	}
	return forever();
}

static void *streams(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		FILE *f = fopen("/dev/null", "r+");
		DIR *d = opendir("/proc/self");

		CHECK(f && d);
		fprintf(f, "%d buffered\n", i);
		CHECK(readdir(d));
		if (i == 2)
			fclose(f);
	}
	return forever();
}

static void *mutexes(void *arg)
{
	(void)arg;
	CHECK_INT(pthread_mutex_lock(&returned), ==, 0);
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&returned), ==, 0);
	return forever();
}

/* Stopped on the way or at the end of it, then cancelled. */
static void stop_and_cancel(stint_fn *fn, bool at_the_end)
{
	stint_t *s;

	ready = false;
	s = stint_launch(fn, NULL, at_the_end ? STINT_US(50) : STINT_US(1));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	while (at_the_end && !ready)
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_cancel(s), ==, 0);
	if (fn == mutexes) {
		CHECK_INT(pthread_mutex_trylock(&mutex), ==, 0);
		CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
		CHECK_INT(pthread_mutex_trylock(&returned), ==, 0);
		CHECK_INT(pthread_mutex_unlock(&returned), ==, 0);
	}
	stint_free(s);
}

static void leaves_nothing(stint_fn *fn)
{
	size_t heap_before;
	int fds, maps;

	for (int i = 0; i < 20; i++)
		stop_and_cancel(fn, i % 2);
	heap_before = heap_in_use();
	fds = count_fds();
	maps = count_maps();
	for (int i = 0; i < ROUNDS; i++)
		stop_and_cancel(fn, i % 4);
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(count_maps(), <=, maps + 5);
	CHECK_INT(heap_in_use(), <=, heap_before + 2 * BLOCKS * BLOCK);
}

int main(void)
{
	test_watchdog();
	leaves_nothing(heap);
	leaves_nothing(descriptors);
	leaves_nothing(mappings);
	leaves_nothing(streams);
	leaves_nothing(mutexes);
	return 0;
}
