/*
 * real.c - looking up what is behind our wrappers
 *
 * real_functions[] (resolve.S) starts out with stubs; the first call of any wrapper comes here. That may be
 * long before our constructors run, from a library's own, on any thread, inside malloc inside ld.so. Two
 * threads that come here at once write the same values.
 *
 * dlsym does not allocate when it finds what it looks for. Where a name is missing it does, for a message that nobody reads; and the
 * program's malloc, called for the first time, may call what is wrapped, and come here again, and so on. So malloc, which stands
 * first in the table, has no memory for the thread that looks names up, and ld.so makes do without a message. Where another
 * malloc comes before ours, and is not to be had that way, whoever comes here again leaves out the name that is being looked up.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "../init.h"
#include "../sys.h"
#include "interpose.h"

static const char *const real_names[] = {
#define WRAPPED_FN(name, family) #name,
#include "table.def"
};

/* where a call may be stopped although it is in libc. The blocking ones are wrapped, but their waits are not deferred. */
static const char *const exempt_names[] = {
	"pthread_sigmask", "sigprocmask", "sigaction", "longjmp", "siglongjmp", "_setjmp", "__sigsetjmp",
	"qsort", "qsort_r", "syscall", "fcntl64",        /* the last: of which lockf() is made */
#define BLOCKING_FN(name, family) #name,
#define UNWRAPPED_FN(name, family) #name,
#include "table.def"
};

/* in place of a function that this C library does not have: whoever calls it was built against another one */
static long missing(void)
{
	errno = ENOSYS;
	return 0;
}

/* the row that this thread looks up, counted from 1. Initial-exec: to reach it must not allocate. */
static __thread int looking __attribute__((tls_model("initial-exec")));
static void *(*real_malloc)(size_t);

static void *malloc_meanwhile(size_t size)
{
	return looking ? NULL : real_malloc(size);
}

static void set(int row, void *p)
{
	__atomic_store_n(&real_functions[row], p, __ATOMIC_RELEASE);
}

static void find_malloc(void)
{
	looking = REAL_malloc + 1;
	real_malloc = sys_next("malloc");
	if (real_malloc)
		set(REAL_malloc, (void *)malloc_meanwhile);
}

static void find_rest(int from)
{
	for (int i = from; i < REAL_COUNT; i++) {
		void *p;

		if (i == REAL_malloc && real_malloc)
			continue;
		looking = i + 1;
		p = sys_next(real_names[i]);
		set(i, p ? p : (void *)missing);
	}
}

/* called by resolve.S with every argument register saved */
void real_resolve(void);
void real_resolve(void)
{
	int outer = looking;

	if (outer)
		set(outer - 1, (void *)missing);        /* whoever looks it up may find it yet */
	else
		find_malloc();
	find_rest(outer);
	sys_next("malloc");             /* is found, so dlerror() is not to tell of those that are missing */
	looking = outer;
	if (!outer && real_malloc)
		set(REAL_malloc, (void *)real_malloc);
}

__attribute__((constructor)) static void at_load(void)
{
	real_resolve();
	heap_init();
	init_exempt(exempt_names, sizeof(exempt_names) / sizeof(exempt_names[0]));
	reroute_init();
}
