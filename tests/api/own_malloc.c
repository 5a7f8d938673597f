/*
 * own_malloc.c - a malloc that calls wrapped functions before it has memory, as other allocators do that find out about the
 * machine and have locks; for other_malloc.c. It never gives anything back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define ROOM ((size_t)256 << 20)

struct head {
	size_t size, unused;
};

size_t own_blocks(void);

static char room[ROOM] __attribute__((aligned(64)));
static size_t used, blocks;             /* atomic */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int ready;                       /* atomic */

size_t own_blocks(void)
{
	return __atomic_load_n(&blocks, __ATOMIC_RELAXED);
}

static void look_around(void)
{
	char text[64];
	int fd;

	pthread_mutex_lock(&lock);
	if (!ready) {
		fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			(void)!read(fd, text, sizeof(text));
			close(fd);
		}
		(void)!readlink("/etc/own_malloc.conf", text, sizeof(text));
		__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&lock);
}

static void *take(size_t size, size_t align)
{
	size_t need = sizeof(struct head) + align + size, at;
	struct head *h;

	if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		look_around();
	at = need < ROOM ? __atomic_fetch_add(&used, (need + 15) & ~(size_t)15, __ATOMIC_RELAXED) : ROOM;
	if (at > ROOM - need) {
		errno = ENOMEM;
		return NULL;
	}
	__atomic_fetch_add(&blocks, 1, __ATOMIC_RELAXED);
	h = (struct head *)(((uintptr_t)room + at + sizeof(*h) + align - 1) & ~(uintptr_t)(align - 1)) - 1;
	h->size = size;
	return h + 1;
}

void *malloc(size_t size)
{
	return take(size, 16);
}

void free(void *p)
{
	(void)p;
}

void *calloc(size_t n, size_t size)
{
	size_t all;

	return __builtin_mul_overflow(n, size, &all) ? NULL : take(all, 16);    /* it is zero already */
}

void *realloc(void *p, size_t size)
{
	size_t old = p ? ((struct head *)p - 1)->size : 0;
	void *q = take(size, 16);

	if (p && q)
		memcpy(q, p, old < size ? old : size);
	return q;
}

void *memalign(size_t align, size_t size);
void *memalign(size_t align, size_t size)
{
	return take(size, align < 16 ? 16 : align);
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int posix_memalign(void **p, size_t align, size_t size)
{
	*p = memalign(align, size);
	return *p ? 0 : ENOMEM;
}

size_t malloc_usable_size(void *p);
size_t malloc_usable_size(void *p)
{
	return p ? ((struct head *)p - 1)->size : 0;
}
