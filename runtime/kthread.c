/*
 * kthread.c - see kthread.h
 *
 * kthreads_lock protects the list of all; nests inside nothing. The end of a kernel thread is noticed by a
 * pthread key, whose destructor runs on the thread itself. A call stopped by it lives on and may be
 * resumed elsewhere: it refers to no kernel thread while it is stopped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "guard.h"
#include "kthread.h"
#include "settings.h"
#include "stack.h"
#include "sys.h"
#include "tcb.h"
#include "tick.h"

__thread struct kthread *kthread_native;

static struct sys_lock kthreads_lock;
static struct kthread *kthreads;
static pthread_key_t end_key;

static void link_kthread(struct kthread *kt)
{
	sys_lock(&kthreads_lock);
	kt->next = kthreads;
	kthreads = kt;
	sys_unlock(&kthreads_lock);
}

static void unlink_kthread(struct kthread *kt)
{
	struct kthread **p;

	sys_lock(&kthreads_lock);
	for (p = &kthreads; *p && *p != kt; p = &(*p)->next)
		;
	if (*p)
		*p = kt->next;
	sys_unlock(&kthreads_lock);
}

/* the thread variable goes first: from then on a tick that is still under way finds nobody */
static void thread_ends(void *arg)
{
	struct kthread *kt = arg;

	kthread_native = NULL;
	barrier();
	tick_destroy(kt);
	guard_thread_stop(kt);
	stack_flush(kt);
	unlink_kthread(kt);
	sys_free(kt);
}

int kthread_init(void)
{
	return sys.pthread_key_create(&end_key, thread_ends);
}

static void unblock(int signo)
{
	uint64_t bit = (uint64_t)1 << (signo - 1);

	sys_raw(SYS_rt_sigprocmask, SIG_UNBLOCK, &bit, NULL, sizeof(bit));
}

static struct kthread *make(int *err)
{
	struct kthread *kt = sys_alloc(sizeof(*kt));

	if (!kt) {
		*err = ENOMEM;
		return NULL;
	}
	kt->tp = arch_tp();
	kt->post = &kt->own_post;
	kt->burst = -1;
	kt->burst_since = NEVER;
	kt->turn_end = NEVER;
	kt->tid = sys_gettid();
	*err = tick_create(kt, settings.signo);
	if (*err)
		goto free_kt;
	*err = guard_thread_start(kt);
	if (*err)
		goto destroy_timer;
	*err = sys.pthread_setspecific(end_key, kt);
	if (*err)
		goto stop_guard;
	link_kthread(kt);
	kthread_native = kt;
	unblock(settings.signo);
	return kt;
stop_guard:
	guard_thread_stop(kt);
destroy_timer:
	tick_destroy(kt);
free_kt:
	sys_free(kt);
	return NULL;
}

struct kthread *kthread_get(int *err)
{
	struct kthread *kt = kthread_here();

	if (likely(kt && kt->timer >= 0))
		return kt;
	*err = 0;
	if (kt)         /* a forked child: POSIX timers are not inherited */
		*err = tick_create(kt, settings.signo);
	else
		kt = make(err);
	return *err ? NULL : kt;
}

void kthread_after_fork(void)
{
	struct kthread *here = kthread_here();

	for (struct kthread *kt = kthreads, *next; kt; kt = next) {
		next = kt->next;
		if (kt == here)
			continue;
		stack_flush(kt);        /* its thread is gone; its idle slots are as good as any */
		sys_free(kt);
	}
	kthreads = here;
	if (!here)
		return;
	here->next = NULL;
	here->tid = sys_gettid();
	here->timer = here->burst = -1;
	here->burst_since = NEVER;
	here->turn_end = NEVER;
	here->armed = NEVER;
}

void kthread_fork_prepare(void)
{
	sys_lock(&kthreads_lock);
}

void kthread_fork_done(void)
{
	sys_unlock(&kthreads_lock);
}
