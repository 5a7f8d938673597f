/*
 * signals.c - the application's signals and masks around calls: handlers run during calls, may jump out, and a mask set
 * in a call stays the call's; as one in a thread does, and goes to those whom that makes
 */
#include "../test.h"

#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/time.h>

#include <stint.h>

static volatile long alarms, alarms_in_call, jumps;
static volatile int leave, jump_wanted;
static sigjmp_buf target;

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
	if (stint_self())
		alarms_in_call++;
	if (jump_wanted && stint_self()) {
		jump_wanted = false;
		jumps++;
		siglongjmp(target, 1);
	}
}

static void alarm_every(long us)
{
	struct itimerval every = { { 0, us }, { 0, us } };

	CHECK_INT(setitimer(ITIMER_REAL, &every, NULL), ==, 0);
}

static void *loop(void *arg)
{
	while (!leave)
		;
	return arg;
}

static void *loop_and_jump(void *arg)
{
	while (!leave) {
		volatile int kept = 42;

		if (!sigsetjmp(target, 1)) {
			jump_wanted = true;
			while (jump_wanted && !leave)
				;
		}
		CHECK_INT(kept, ==, 42);
	}
	jump_wanted = false;
	return arg;
}

/* a handler at 1 kHz, and deadlines at all distances from it */
static void during_calls(stint_fn *fn, volatile long *wanted)
{
	struct rng r;
	stint_t *s;

	rng_seed(&r, test_seed());
	leave = false;
	alarms = alarms_in_call = jumps = 0;
	alarm_every(1000);
	s = stint_launch(fn, (void *)&leave, STINT_US(100));
	CHECK(s);
	while (*wanted < 200)
		CHECK_INT(stint_resume(s, STINT_US(1 + rng_below(&r, 3000))), ==, ETIMEDOUT);
	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
	alarm_every(0);
	CHECK_INT(alarms, >=, 200);
}

/* a handler that runs longer than the deadline does not keep the call from being stopped, sooner or later */
static volatile long slow_runs, slow_starts;

static void on_slow(int signo)
{
	(void)signo;
	slow_starts++;
	spin_ns(STINT_MS(3));
	slow_runs++;
}

static void slow_handler(void)
{
	stint_t *s;

	leave = false;
	signal(SIGALRM, on_slow);
	s = stint_launch(loop, NULL, STINT_US(500));
	CHECK(s);
	for (int i = 0; i < 20; i++) {
		alarm_every(10000);
		CHECK_INT(stint_resume(s, STINT_MS(20)), ==, ETIMEDOUT);
		alarm_every(0);
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	}
	while (slow_runs < slow_starts)
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
	signal(SIGALRM, on_alarm);
}

static bool blocked(int signo)
{
	sigset_t now;

	CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &now), ==, 0);
	return sigismember(&now, signo);
}

static void set_mask(int how, int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	CHECK_INT(sigprocmask(how, &set, NULL), ==, 0);
}

/*
 * Nor is it stopped in one at the end of a function of libc's that takes what is due, on whatever stack: its signal would stay blocked
 * for the caller.
 */
static volatile int uses_libc, used_libc;

static void on_using_libc(int signo)
{
	void *volatile chunk;

	(void)signo;
	uses_libc++;
	spin_ns(STINT_MS(3));
	chunk = malloc(100);
	free(chunk);
	used_libc++;
}

static void *raises_usr1(void *arg)
{
	raise(SIGUSR1);
	while (!leave)
		;
	return arg;
}

static void libc_in_handler(int flags)
{
	struct sigaction act = { .sa_handler = on_using_libc, .sa_flags = flags };

	CHECK_INT(sigaction(SIGUSR1, &act, NULL), ==, 0);
	uses_libc = used_libc = 0;
	leave = false;
	for (int i = 1; i <= 20; i++) {
		stint_t *s = stint_launch(raises_usr1, NULL, STINT_MS(1));

		CHECK(s);
		RESUME_UNTIL(s, uses_libc == i);
		CHECK_INT(used_libc, ==, i);
		CHECK(!blocked(SIGUSR1));
		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
	}
	signal(SIGUSR1, SIG_DFL);
}

static void *masks(void *arg)
{
	CHECK(!blocked(SIGUSR1));
	CHECK(blocked(SIGUSR2));                /* inherited */
	set_mask(SIG_BLOCK, SIGUSR1);
	stint_pause();
	CHECK(blocked(SIGUSR1));
	CHECK(blocked(SIGUSR2));                /* the caller unblocked it for itself */
	set_mask(SIG_UNBLOCK, SIGUSR2);
	spin_ns(STINT_MS(20));                  /* stopped in here */
	CHECK(blocked(SIGUSR1));
	CHECK(!blocked(SIGUSR2));
	return arg;
}

static void masks_do_not_leak(void)
{
	for (int i = 0; i < 10; i++) {
		stint_t *s;
		int ret;

		set_mask(SIG_BLOCK, SIGUSR2);
		s = stint_launch(masks, NULL, STINT_S(100));
		CHECK(s);
		CHECK_INT(stint_state(s), ==, STINT_PAUSED);
		CHECK(!blocked(SIGUSR1));
		CHECK(blocked(SIGUSR2));
		set_mask(SIG_UNBLOCK, SIGUSR2);
		while ((ret = stint_resume(s, STINT_MS(1))) == ETIMEDOUT) {
			CHECK(!blocked(SIGUSR1));
			CHECK(!blocked(SIGUSR2));
		}
		CHECK_INT(ret, ==, 0);
		CHECK(!blocked(SIGUSR1));
		CHECK(!blocked(SIGUSR2));
		stint_free(s);
	}
}

static void *masks_and_ends(void *arg)
{
	set_mask(SIG_BLOCK, SIGUSR1);
	if (arg)
		stint_pause();
	return arg;
}

static void ends_masked(void)
{
	stint_t *s = stint_launch(masks_and_ends, NULL, STINT_S(100));

	CHECK(s);
	CHECK(stint_is_complete(s));
	CHECK(!blocked(SIGUSR1));
	stint_free(s);
	s = stint_launch(masks_and_ends, "", STINT_S(100));
	CHECK(s);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK(!blocked(SIGUSR1));
	stint_free(s);
}

/* what is run for a call that is cancelled has the call's mask, too, wherever that was stopped */
static int ends_seen;

static void at_end(void *arg)
{
	(void)arg;
	CHECK(blocked(SIGUSR1));
	CHECK(!blocked(SIGUSR2));
	ends_seen++;
}

static void *masks_and_stays(void *arg)
{
	set_mask(SIG_BLOCK, SIGUSR1);
	CHECK_INT(stint_defer(at_end, NULL), ==, 0);
	leave = true;
	if (arg)
		stint_pause();
	for (;;)
		;
}

/* whoever has its memory next must not have this */
static void *masks_another(void *arg)
{
	set_mask(SIG_BLOCK, SIGUSR2);
	return arg;
}

static void cancelled_masked(void)
{
	ends_seen = 0;
	for (int i = 0; i < 6; i++) {
		stint_t *s = stint_launch(masks_another, NULL, STINT_FOREVER);

		CHECK(s && stint_is_complete(s));
		stint_free(s);
		leave = false;
		s = stint_launch(masks_and_stays, i % 2 ? "" : NULL, STINT_MS(1));
		CHECK(s);
		if (i % 2 == 0)
			RESUME_UNTIL(s, leave);
		set_mask(SIG_BLOCK, SIGUSR2);           /* the canceller's own business */
		CHECK_INT(stint_cancel(s), ==, 0);
		CHECK(!blocked(SIGUSR1));
		CHECK(blocked(SIGUSR2));
		set_mask(SIG_UNBLOCK, SIGUSR2);
		stint_free(s);
		CHECK_INT(ends_seen, ==, i + 1);
	}
}

/* --- threads have masks, too ------------------------------------------------------------------- */

static void *has_none(void *arg)
{
	CHECK(!blocked(SIGUSR1));
	stint_thread_yield();
	CHECK(!blocked(SIGUSR1));
	return arg;
}

static void *has_inherited(void *arg)
{
	CHECK(blocked(SIGUSR1));
	CHECK(!blocked(SIGUSR2));
	stint_thread_yield();
	CHECK(blocked(SIGUSR1));
	set_mask(SIG_UNBLOCK, SIGUSR1);
	set_mask(SIG_BLOCK, SIGUSR2);           /* for whoever has its memory next */
	stint_thread_yield();
	CHECK(!blocked(SIGUSR1));
	CHECK(blocked(SIGUSR2));
	return arg;
}

static void *makes_masked(void *arg)
{
	stint_thread_t *t[4];

	CHECK(!blocked(SIGUSR1));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			set_mask(i % 2 ? SIG_BLOCK : SIG_UNBLOCK, SIGUSR1);
			CHECK_INT(stint_thread_create(&t[i], NULL, i % 2 ? has_inherited : has_none, NULL), ==, 0);
		}
		for (int i = 0; i < 4; i++)
			CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
		CHECK(blocked(SIGUSR1));
		CHECK(!blocked(SIGUSR2));
	}
	return arg;
}

static void *makes_masked_in_call(void *arg)
{
	stint_t *s = stint_launch(makes_masked, NULL, STINT_FOREVER);

	CHECK(s && stint_is_complete(s));
	stint_free(s);
	return has_none(arg);
}

static void threads_inherit(stint_fn *fn)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1 };
	stint_thread_t *t;
	int err;

	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(stint_thread_create(&t, NULL, fn, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(stint_thread_create(&t, NULL, has_none, NULL), ==, 0);        /* the worker has it no more */
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	while ((err = stint_stop()) == EBUSY)
		sleep_ns(200000);
	CHECK_INT(err, ==, 0);
}

/* a call that blocks everything is stopped all the same */
static void *blocks_everything(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	CHECK_INT(sigprocmask(SIG_SETMASK, &all, NULL), ==, 0);
	CHECK(blocked(SIGUSR1));
	return loop(arg);
}

static void everything_blocked(void)
{
	stint_t *s;

	leave = false;
	s = stint_launch(blocks_everything, NULL, STINT_MS(1));
	CHECK(s);
	for (int i = 0; i < 5; i++) {
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK(!blocked(SIGUSR1));
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	}
	stint_free(s);

	/* so is one launched by a thread that had blocked everything before */
	sigset_t all, old;

	sigfillset(&all);
	CHECK_INT(sigprocmask(SIG_SETMASK, &all, &old), ==, 0);
	s = stint_launch(loop, NULL, STINT_MS(1));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	stint_free(s);
	CHECK_INT(sigprocmask(SIG_SETMASK, &old, NULL), ==, 0);
}

/* a signal sent to the thread while its call has it blocked waits for whoever has not */
static volatile int usr1;

static void on_usr1(int signo)
{
	(void)signo;
	usr1++;
}

static void *waits_for_usr1(void *arg)
{
	set_mask(SIG_BLOCK, SIGUSR1);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	spin_ns(STINT_MS(1));
	CHECK_INT(usr1, ==, 0);
	stint_pause();
	return arg;
}

static void pending_for_the_caller(void)
{
	pthread_t me = pthread_self();
	stint_t *s;

	signal(SIGUSR1, on_usr1);
	s = stint_launch(waits_for_usr1, &me, STINT_S(100));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(usr1, ==, 1);
	stint_free(s);
}

/* raise() in a call reaches its handler in the call */
static stint_t *volatile raised_in;

static void on_raise(int signo)
{
	(void)signo;
	raised_in = stint_self();
}

static void *raises(void *arg)
{
	raise(SIGUSR2);
	return arg;
}

static void raised(void)
{
	stint_t *s;

	signal(SIGUSR2, on_raise);
	s = stint_launch(raises, NULL, STINT_S(100));
	CHECK(s);
	CHECK(raised_in == s);
	stint_free(s);
}

/*
 * A handler may look at the stack, wherever it lands: between two stacks, too. What lies on the other one, where this one has a return
 * address, are registers of whoever switched; so these are full of what is no address.
 */
#define GARBAGE 0x5a5a5a5a5a5a5a5a
#define AMONG_GARBAGE(statement)                                                                                     \
	do {                                                                                                         \
		uint64_t a = GARBAGE, b = GARBAGE, c = GARBAGE, d = GARBAGE, e = GARBAGE, f = GARBAGE, g = GARBAGE;  \
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g));                \
		statement;                                                                                           \
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g));                \
	} while (0)

enum { TRACES = 2000 };
static int traces;

static void on_usr2(int signo)
{
	void *at[64];

	(void)signo;
	CHECK_INT(backtrace(at, 64), >, 0);
	__atomic_fetch_add(&traces, 1, __ATOMIC_RELAXED);
}

static void *sends_usr2(void *arg)
{
	struct rng r;

	rng_seed(&r, test_seed());
	for (int seen; (seen = __atomic_load_n(&traces, __ATOMIC_RELAXED)) < TRACES;) {
		pthread_kill(*(pthread_t *)arg, SIGUSR2);
		while (__atomic_load_n(&traces, __ATOMIC_RELAXED) == seen)
			;
		for (volatile int turn = rng_below(&r, 2000); turn > 0; turn--)
			;
	}
	return NULL;
}

static void *pauses(void *arg)
{
	while (__atomic_load_n(&traces, __ATOMIC_RELAXED) < TRACES)
		AMONG_GARBAGE(stint_pause());
	return arg;
}

static void backtraces(void)
{
	pthread_t me = pthread_self(), sender;
	void *at[4];
	stint_t *s;
	int r;

	CHECK_INT(backtrace(at, 4), >, 0);      /* loads what it needs */
	signal(SIGUSR2, on_usr2);
	CHECK_INT(pthread_create(&sender, NULL, sends_usr2, &me), ==, 0);
	s = stint_launch(pauses, NULL, STINT_FOREVER);
	CHECK(s);
	do {
		AMONG_GARBAGE(r = stint_resume(s, STINT_FOREVER));
	} while (r == EAGAIN);
	CHECK_INT(r, ==, 0);
	stint_free(s);
	CHECK_INT(pthread_join(sender, NULL), ==, 0);
}

int main(void)
{
	test_watchdog();
	signal(SIGALRM, on_alarm);
	during_calls(loop, &alarms_in_call);
	during_calls(loop_and_jump, &jumps);
	slow_handler();
	libc_in_handler(0);
	libc_in_handler(SA_ONSTACK);
	masks_do_not_leak();
	ends_masked();
	cancelled_masked();
	threads_inherit(makes_masked);
	threads_inherit(makes_masked_in_call);
	everything_blocked();
	pending_for_the_caller();
	raised();
	backtraces();
	return 0;
}
