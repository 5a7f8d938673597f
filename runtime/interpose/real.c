/*
 * real.c - looking up what is behind our wrappers
 *
 * real_functions[] (resolve.S) starts out with stubs; the first call of any wrapper comes here. That may be
 * long before our constructors run, from a library's own, on any thread, inside malloc inside ld.so. dlsym
 * does not allocate when it finds what it looks for; the malloc family stands first in the table so that it is
 * there when a name is missing and dlsym does. Two threads that come here at once write the same values.
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

/* called by resolve.S with every argument register saved */
void real_resolve(void);
void real_resolve(void)
{
	for (int i = 0; i < REAL_COUNT; i++) {
		void *p = sys_next(real_names[i]);

		__atomic_store_n(&real_functions[i], p ? p : (void *)missing, __ATOMIC_RELEASE);
	}
}

__attribute__((constructor)) static void at_load(void)
{
	real_resolve();
	init_exempt(exempt_names, sizeof(exempt_names) / sizeof(exempt_names[0]));
	reroute_init();
}
