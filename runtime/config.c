/*
 * config.c - starting and stopping the runtime of threads: stint_start(), stint_stop(), the environment
 *
 * In order: the library (init.c), the environment and the configuration, the policy, the quantum, the poller, the workers, the
 * watch; stopping goes the other way. What fails undoes what was done, and says why.
 *
 * Locks: config_lock protects the state; nests in nothing. It is held while kernel threads are made, so nobody takes it in a
 * thread of the runtime once that runs.
 */
#define _GNU_SOURCE
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stint.h>

#include "attr.h"
#include "cpus.h"
#include "deadlock.h"
#include "init.h"
#include "kthread.h"
#include "monitor.h"
#include "park.h"
#include "policy.h"
#include "poller.h"
#include "settings.h"
#include "sys.h"
#include "thread.h"
#include "tick.h"
#include "trace.h"
#include "watch.h"
#include "worker.h"

#define QUANTUM_MIN 10000
#define QUANTUM_MAX STINT_S(10)
#define AUTO_MIN 100000
#define AUTO_MAX 10000000
#define AUTO_SHARE 50           /* a tick costs at most this part of a quantum */

static struct sys_lock config_lock;
static bool started;            /* release when it runs, acquire by who makes threads */
static struct stint_config now; /* what it runs with */
static char why[512];
static unsigned next_worker;

const char *stint_why(void)
{
	return why;
}

static int __attribute__((format(printf, 2, 3))) fail(int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	return err;
}

/* which limits may be to blame; a kernel thread's stack is memory, too */
static const char *limits(int err)
{
	return err == EAGAIN ? "; a limit may be too low, of processes (ulimit -u), pending signals, which timers count as "
	                       "(ulimit -i), or memory (ulimit -v)"
	     : err == EMFILE ? "; the limit of descriptors is too low (ulimit -n)"
	     : "";
}

/* the kernel, or a policy's init(), has given @err */
static int fail_for(int err, const char *what)
{
	const char *reason = strerrordesc_np(err);

	return fail(err, "stint_start: %s: %s%s", what, reason ? reason : "unknown error", limits(err));
}

/* --- the environment --------------------------------------------------------------------------- */

int config_parse_span(const char *text, stint_ns *span)
{
	static const struct { const char *name; stint_ns ns; } units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
	};
	unsigned long n;
	char *end;

	if (!strcmp(text, "auto")) {
		*span = STINT_QUANTUM_AUTO;
		return 0;
	}
	if (!isdigit((unsigned char)text[0]))
		return EINVAL;
	errno = 0;
	n = strtoul(text, &end, 10);
	for (unsigned i = 0; !errno && i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(end, units[i].name) && n <= (unsigned long)(QUANTUM_MAX / units[i].ns)) {
			*span = (stint_ns)n * units[i].ns;
			return *span >= QUANTUM_MIN ? 0 : EINVAL;
		}
	}
	return EINVAL;
}

int config_parse_workers(const char *text, unsigned *n)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || !value || value > WORKERS_MAX)
		return EINVAL;
	*n = (unsigned)value;
	return 0;
}

static int read_environment(struct stint_config *c)
{
	const char *text;

	text = secure_getenv("STINT_WORKERS");
	if (!c->workers && text && config_parse_workers(text, &c->workers))
		return fail(EINVAL, "STINT_WORKERS=%s: not a number of workers; give 1 to %d", text, WORKERS_MAX);
	text = secure_getenv("STINT_QUANTUM");
	if (!c->quantum && text && config_parse_span(text, &c->quantum))
		return fail(EINVAL, "STINT_QUANTUM=%s: not a quantum; give a span from 10us to 10s, such as 200us or 5ms, "
		            "or auto", text);
	text = secure_getenv("STINT_TICK");
	if (text && strcmp(text, "timer") && strcmp(text, "peer") && strcmp(text, "auto"))
		return fail(EINVAL, "STINT_TICK=%s: not a source of ticks; give timer, peer or auto", text);
	text = secure_getenv("STINT_POLICY");
	if (!c->policy && text)
		c->policy = text;
	return 0;
}

/* --- starting ---------------------------------------------------------------------------------- */

static int check(const struct stint_config *c)
{
	int err = attr_check(c, sizeof(*c), sizeof(*c));

	if (err == EINVAL)
		return fail(err, "stint_start: size is %zu, less than that of struct stint_config", c->size);
	if (err)
		return fail(err, "stint_start: the program sets fields that this version of stint does not know");
	if (c->workers > WORKERS_MAX)
		return fail(EINVAL, "stint_start: %u workers; there can be up to %d", c->workers, WORKERS_MAX);
	if (c->quantum && (c->quantum < QUANTUM_MIN || c->quantum > QUANTUM_MAX))
		return fail(EINVAL, "stint_start: a quantum of %lld ns; it can be 10 us to 10 s", (long long)c->quantum);
	if (c->stack_size && (c->stack_size < ARCH_PAGE_SIZE || c->stack_size > STACK_SIZE_MAX))
		return fail(EINVAL, "stint_start: a stack of %zu bytes; it can be 4 KiB to 1 GiB", c->stack_size);
	if (c->signo && !settings_signal_usable(c->signo))
		return fail(EINVAL, "stint_start: signal %d cannot preempt; choose one such as SIGURG, SIGUSR2 or SIGRTMIN+3",
		            c->signo);
	return 0;
}

static int start_library(int signo)
{
	int err = init_start_with(signo);

	if (err)
		return fail(err, "%s%s", init_why_not() ? init_why_not() : strerrordesc_np(err), limits(err));
	if (signo && settings.signo != signo)
		return fail(EBUSY, "stint_start: calls already use signal %d to preempt, not %d", settings.signo, signo);
	return 0;
}

static stint_ns auto_quantum(struct kthread *kt)
{
	stint_ns span = clock_ns(tick_measure(kt)) * AUTO_SHARE;

	return span < AUTO_MIN ? AUTO_MIN : span > AUTO_MAX ? AUTO_MAX : span;
}

static int start_trace(void)
{
	const char *path = secure_getenv("STINT_TRACE");
	int err = path && *path ? trace_open(path) : 0;

	return err ? fail(err, "STINT_TRACE=%s: the file cannot be written: %s", path, strerrordesc_np(err)) : 0;
}

/* A peer needs a CPU of its own, or it takes its time from those it ticks for. */
static bool choose_tick(const struct stint_config *c)
{
	const char *text = secure_getenv("STINT_TICK");

	if (!text || !strcmp(text, "timer"))
		return false;
	return !strcmp(text, "peer") || cpus_allowed() > c->workers;
}

static int start_threads(struct stint_config *c, const struct stint_policy *policy)
{
	int err = start_trace();
	char what[128];

	if (err)
		return err;
	err = poller_init();
	if (err) {
		fail_for(err, "no descriptor for the poller");
		goto end_trace;
	}
	tick_by_peer = choose_tick(c);
	err = workers_start(c->workers, policy, c->quantum);
	if (err) {
		snprintf(what, sizeof(what), "%u workers with the policy %s cannot be started", c->workers, policy->name);
		fail_for(err, what);
		goto end_poller;
	}
	err = watch_start();
	if (!err)
		err = monitor_start();
	if (!err)
		return 0;
	fail_for(err, "no kernel thread for the watch or the monitor");
	workers_stop();
	watch_stop();
	workers_free();
end_poller:
	poller_fini();
end_trace:
	trace_forget();
	return err;
}

static unsigned default_workers(void)
{
	unsigned cpus = cpus_allowed();

	return cpus < WORKERS_MAX ? cpus : WORKERS_MAX;
}

static int start_locked(const struct stint_config *config)
{
	struct stint_config c = config ? *config : (struct stint_config){ .size = sizeof(c) };
	const struct stint_policy *policy;
	char reason[256] = "";
	struct kthread *kt;
	int err;

	err = start_library(c.signo);
	if (!err)
		err = read_environment(&c);
	if (err)
		return err;
	err = stint_policy_load(c.policy ? c.policy : "fair", &policy, reason, sizeof(reason));
	if (err)
		return fail(err, "%s%s", c.policy && c.policy == secure_getenv("STINT_POLICY") ? "STINT_POLICY=" : "", reason);
	kt = kthread_get(&err);
	if (!kt)
		return fail_for(err, "no timer");
	if (!c.workers)
		c.workers = default_workers();
	if (c.quantum == STINT_QUANTUM_AUTO)
		c.quantum = auto_quantum(kt);
	err = start_threads(&c, policy);
	if (err)
		return err;
	now = c;
	now.policy = policy->name;
	__atomic_store_n(&started, true, __ATOMIC_RELEASE);
	return 0;
}

static int running_already(void)
{
	return fail(EBUSY, "stint_start: it runs already, since it was called before or the first thread was made; "
	            "call it before that, or stint_stop() before it");
}

static int start(const struct stint_config *config, bool again)
{
	struct stint *s = self();
	int err, saved = errno;

	park_begin(s);
	sys_lock(&config_lock);
	err = !started ? start_locked(config) : again ? 0 : running_already();
	sys_unlock(&config_lock);
	errno = saved;
	park_end(s, NULL);
	return err;
}

int stint_start(const struct stint_config *config)
{
	int err;

	if (self())
		return fail(EPERM, "stint_start: called in a thread or call of stint's; call it on a kernel thread");
	err = config ? check(config) : 0;
	return err ? err : start(config, false);
}

/*
 * In a thread of the runtime the thread itself keeps it from being stopped. Others count as one: who enters counts itself and then
 * looks at started, who stops it takes started back and then looks at the count.
 */
int config_enter(void)
{
	int err;

	if (likely(worker_here()))
		return 0;
	for (;;) {
		err = likely(__atomic_load_n(&started, __ATOMIC_ACQUIRE)) ? 0 : start(NULL, true);
		if (err)
			return err;
		threads_hold(1);
		if (likely(__atomic_load_n(&started, __ATOMIC_SEQ_CST)))
			return 0;
		threads_hold(-1);
	}
}

void config_leave(void)
{
	if (unlikely(!worker_here()))
		threads_hold(-1);
}

/* under config_lock: true: nobody uses it, nor will */
static bool give_up_locked(void)
{
	if (threads_live())
		return false;
	__atomic_store_n(&started, false, __ATOMIC_SEQ_CST);
	if (!threads_live())
		return true;
	__atomic_store_n(&started, true, __ATOMIC_SEQ_CST);
	return false;
}

int stint_stop(void)
{
	bool was;
	int err = 0;

	if (self())
		return EPERM;
	sys_lock(&config_lock);
	was = started;
	if (was && !give_up_locked()) {
		err = EBUSY;
	} else if (was) {
		monitor_stop();
		workers_stop();
		watch_stop();
		poller_fini();
		trace_write();
		workers_free();
	}
	sys_unlock(&config_lock);
	return err;
}

size_t config_stack_size(void)
{
	return now.stack_size ? now.stack_size : settings.stack_size;
}

struct worker *config_next_worker(void)
{
	return workers[__atomic_fetch_add(&next_worker, 1, __ATOMIC_RELAXED) % nregular];
}

/* --- another policy ---------------------------------------------------------------------------- */

/* may be cancelled in it: nothing is held here but, on a kernel thread, what config_leave() lets go */
static void wait_for_replacement(void)
{
	int *left = workers_replacing(), n;

	while ((n = __atomic_load_n(left, __ATOMIC_ACQUIRE)) > 0) {
		if (self())
			stint_thread_sleep(STINT_US(50));
		else
			sys_wait(left, n);
	}
}

/* who is not in a thread of the runtime needs it to run, and to go on running */
static int enter_started(void)
{
	int err = 0;

	if (worker_here())
		return 0;
	sys_lock(&config_lock);
	if (started)
		threads_hold(1);
	else
		err = EINVAL;
	sys_unlock(&config_lock);
	return err;
}

int stint_policy_set(const struct stint_policy *policy)
{
	const struct complaint complaint = { why, sizeof(why) };
	struct stint *s = self();
	int err, saved = errno;

	if (!policy)
		return EINVAL;
	err = policy_check(policy, "stint_policy_set", &complaint);
	if (err)
		return err;
	park_begin(s);
	err = enter_started();
	if (!err) {
		err = workers_set_policy(policy);
		if (!err)
			__atomic_store_n(&now.policy, policy->name, __ATOMIC_RELAXED);
		if (!err && !s)
			wait_for_replacement();
		config_leave();
	}
	errno = saved;
	park_end(s, caller_address());
	if (!err && s)
		wait_for_replacement();
	return err;
}

int stint_config_get(struct stint_config *out)
{
	struct stint *s = self();
	size_t size;
	int err;

	if (!out || out->size < sizeof(*out))
		return EINVAL;
	park_begin(s);
	err = enter_started();
	if (!err) {
		size = out->size;
		memset(out, 0, size);
		*out = now;
		out->size = size;
		out->policy = __atomic_load_n(&now.policy, __ATOMIC_RELAXED);
		out->stack_size = config_stack_size();
		out->signo = settings.signo;
		config_leave();
	}
	park_end(s, caller_address());
	return err;
}

/* --- fork -------------------------------------------------------------------------------------- */

void config_fork_prepare(void)
{
	sys_lock(&config_lock);
}

void config_fork_done(void)
{
	sys_unlock(&config_lock);
}

/*
 * The other kernel threads are gone. Forked by a thread of the runtime: it lives on, on its worker, the only one. Else there is
 * no runtime, and the first that makes a thread starts one.
 */
void config_after_fork(void)
{
	struct worker *w = worker_here();

	deadlock_after_fork(w);
	if (!started)
		return;
	poller_fini();
	watch_forget();
	monitor_forget();
	tick_by_peer = false;
	trace_forget();
	threads_after_fork(w);
	if (w) {
		now.workers = 1;
		workers_after_fork(w);
	} else {
		workers_forget();
		__atomic_store_n(&started, false, __ATOMIC_RELEASE);
	}
}

/* on the thread that forked; without memory or descriptors it runs on, but descriptors are not waited for in its stead */
void config_in_child(void)
{
	if (started && !poller_up() && !poller_init()) {
		watch_start();
		monitor_start();
	}
}
