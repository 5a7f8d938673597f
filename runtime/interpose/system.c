/*
 * system.c - odds and ends of the system: the break, interfaces, names for temporary files, processes' accounting
 *
 * Those that look into a file or ask a socket hold a descriptor of libc's for a while, which a cancelled call
 * would lose; the others have state of the process.
 */
#define _GNU_SOURCE
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#include "interpose.h"

void *__sbrk(intptr_t n);
char *__mktemp(char *pattern);
int __getlogin_r_chk(char *buf, size_t n, size_t size);
int __ttyname_r_chk(int fd, char *buf, size_t n, size_t size);
char *__getwd_chk(char *buf, size_t size);

LOCKED(int, brk, (void *end), (end))
LOCKED(void *, sbrk, (intptr_t n), (n))
LOCKED(void *, __sbrk, (intptr_t n), (n))
LOCKED(int, shm_unlink, (const char *name), (name))
LOCKED(int, setlogmask, (int mask), (mask))
LOCKED(long, gethostid, (void), ())
LOCKED(int, sethostid, (long id), (id))
LOCKED(int, ttyname_r, (int fd, char *buf, size_t n), (fd, buf, n))
LOCKED(int, __ttyname_r_chk, (int fd, char *buf, size_t n, size_t size), (fd, buf, n, size))
LOCKED(int, getlogin_r, (char *buf, size_t n), (buf, n))
LOCKED(int, __getlogin_r_chk, (char *buf, size_t n, size_t size), (buf, n, size))

/* the compiler warns of these wherever they are named */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
LOCKED(char *, mktemp, (char *pattern), (pattern))
LOCKED(char *, mkdtemp, (char *pattern), (pattern))
LOCKED(char *, tmpnam_r, (char buf[L_tmpnam]), (buf))
LOCKED(char *, getwd, (char *buf), (buf))
LOCKED(char *, __getwd_chk, (char *buf, size_t size), (buf, size))

/* --- random numbers from the kernel, through a buffer of libc's -------------------------------- */

LOCKED(uint32_t, arc4random, (void), ())
LOCKED_VOID(arc4random_buf, (void *buf, size_t n), (buf, n))
LOCKED(uint32_t, arc4random_uniform, (uint32_t bound), (bound))

/* --- interfaces -------------------------------------------------------------------------------- */

LOCKED(unsigned, if_nametoindex, (const char *name), (name))
LOCKED(char *, if_indextoname, (unsigned index, char name[IF_NAMESIZE]), (index, name))
LOCKED(int, getipv4sourcefilter, (int fd, struct in_addr interface, struct in_addr group, uint32_t *mode, uint32_t *n,
                                  struct in_addr *list), (fd, interface, group, mode, n, list))
LOCKED(int, setipv4sourcefilter, (int fd, struct in_addr interface, struct in_addr group, uint32_t mode, uint32_t n,
                                  const struct in_addr *list), (fd, interface, group, mode, n, list))
LOCKED(int, getsourcefilter, (int fd, uint32_t interface, const struct sockaddr *group, socklen_t len, uint32_t *mode,
                              uint32_t *n, struct sockaddr_storage *list), (fd, interface, group, len, mode, n, list))
LOCKED(int, setsourcefilter, (int fd, uint32_t interface, const struct sockaddr *group, socklen_t len, uint32_t mode,
                              uint32_t n, const struct sockaddr_storage *list),
       (fd, interface, group, len, mode, n, list))

/* --- sets of processors: the caller's to free -------------------------------------------------- */

WRAPPER cpu_set_t *__sched_cpualloc(size_t n)
{
	struct stint *s = self();
	cpu_set_t *set;

	if (likely(!s))
		return REAL(__sched_cpualloc)(n);
	preempt_disable(s);
	set = heap_adopt(s, REAL(__sched_cpualloc)(n));
	preempt_enable(s, caller_address());
	return set;
}

LOCKED_VOID(__sched_cpufree, (cpu_set_t *set), (set))
