/*
 * bare.c - the references: a bare timer, and a bare pair of contexts
 *
 * The timer exists only between open and close, so that none of its ticks falls into a measurement of ours.
 * The partner of the pair runs with a thread pointer of its own to a block that holds nothing but its own
 * address: it touches no thread-local variable, and no signal is on its way while it runs.
 * And a word that two CPUs pass to each other.
 */
#include "work.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define STACK_SIZE 16384
#define BLOCK_SIZE 4096

volatile unsigned long bare_ticks;
int bare_user_tp;

static timer_t timer;
static struct sigaction old_action;
static struct bare_context here, there;
static char *area;

static void count_tick(int signo)
{
	(void)signo;
	bare_ticks = bare_ticks + 1;
}

int bare_signal(void)
{
	return SIGRTMIN + 3;
}

int bare_timer_open(void (*handler)(int))
{
	struct sigaction action;
	struct sigevent event;

	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	action.sa_handler = handler ? handler : count_tick;
	action.sa_flags = SA_RESTART;
	if (sigaction(bare_signal(), &action, &old_action))
		return errno;
	memset(&event, 0, sizeof(event));
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_signo = bare_signal();
	event.sigev_notify_thread_id = gettid();
	bare_ticks = 0;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer)) {
		int error = errno;

		sigaction(bare_signal(), &old_action, NULL);
		return error;
	}
	return 0;
}

static struct timespec timespec_of(double ns)
{
	struct timespec t;

	t.tv_sec = (time_t)(ns / 1e9);
	t.tv_nsec = (long)(ns - (double)t.tv_sec * 1e9);
	return t;
}

int bare_timer_every(double period_ns)
{
	struct itimerspec span;

	span.it_value = span.it_interval = timespec_of(period_ns);
	return timer_settime(timer, 0, &span, NULL) ? errno : 0;
}

int bare_timer_at(double when_ns)
{
	struct itimerspec span;

	span.it_value = timespec_of(when_ns);
	memset(&span.it_interval, 0, sizeof(span.it_interval));
	return timer_settime(timer, TIMER_ABSTIME, &span, NULL) ? errno : 0;
}

void bare_timer_close(void)
{
	timer_delete(timer);
	sigaction(bare_signal(), &old_action, NULL);
}

/* The partner's stack as bare_switch leaves one: control words, r15 r14 r13 r12 rbx rbp, return address. */
int bare_pair_open(void)
{
	uint32_t mxcsr;
	uint16_t control;
	uintptr_t *sp;

	area = mmap(NULL, STACK_SIZE + BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (area == MAP_FAILED)
		return errno;
	bare_user_tp = (getauxval(AT_HWCAP2) & 2) != 0;
	here.tp = __builtin_thread_pointer();
	there.tp = area + STACK_SIZE;
	((void **)there.tp)[0] = there.tp;
	((void **)there.tp)[2] = there.tp;
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(control));
	sp = (uintptr_t *)there.tp - 2;
	*--sp = (uintptr_t)bare_partner;
	*--sp = 0;                      /* rbp */
	*--sp = (uintptr_t)&there;      /* rbx */
	*--sp = (uintptr_t)&here;       /* r12 */
	sp -= 3;                        /* r13 r14 r15 */
	*--sp = (uintptr_t)mxcsr | (uintptr_t)control << 32;
	there.sp = sp;
	return 0;
}

void bare_pair(unsigned long n)
{
	while (n-- > 0)
		bare_switch(&here, &there);
}

void bare_pair_close(void)
{
	munmap(area, STACK_SIZE + BLOCK_SIZE);
}

/* --- a word between two CPUs ------------------------------------------------------------------- */

struct line {
	unsigned long word __attribute__((aligned(128)));
};

struct passing {
	struct line there, back;
	unsigned long n;
	int cpu;
};

static void *pass_back(void *arg)
{
	struct passing *p = arg;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(p->cpu, &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	for (unsigned long i = 0; i <= p->n; i++) {
		while (__atomic_load_n(&p->there.word, __ATOMIC_ACQUIRE) != i)
			;
		__atomic_store_n(&p->back.word, i, __ATOMIC_RELEASE);
	}
	return NULL;
}

static int another_cpu(void)
{
	int here = sched_getcpu(), cpu;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (cpu != here && CPU_ISSET(cpu, &options.allowed))
			return cpu;
	return -1;
}

double bare_line(void *arg, unsigned long n)
{
	struct passing p = { .n = n, .cpu = another_cpu() };
	double start = 0;
	pthread_t other;

	(void)arg;
	p.there.word = p.back.word = n + 1;     /* nobody's */
	if (p.cpu < 0 || pthread_create(&other, NULL, pass_back, &p))
		return NAN;
	for (unsigned long i = 0; i <= n; i++) {
		__atomic_store_n(&p.there.word, i, __ATOMIC_RELEASE);
		while (__atomic_load_n(&p.back.word, __ATOMIC_ACQUIRE) != i)
			;
		if (i == 0)
			start = now_ns();       /* the other one is there */
	}
	start = now_ns() - start;
	pthread_join(other, NULL);
	return start / (double)n;
}
