/*
 * stint/sched.h - writing a scheduling policy
 *
 * A policy decides who runs next on one worker. It is a const table of operations on a run queue, of which each
 * worker has one. The runtime calls it, and so does the simulator in virtual time (stint sim): a policy cannot
 * tell which. The built-in policies see nothing but this header. A policy from elsewhere is a shared object
 * that defines stint_policy; it is loaded by its path.
 *
 * What a policy may count on:
 * - On one run queue only one operation runs at a time, on whatever kernel thread, with preemption disabled. On
 *   different run queues operations run at once.
 * - A task is in one of three conditions: ready (in exactly one run queue), running, or away (blocked, ended,
 *   or on the way to another queue). A worker has at most one running task. pick_next() makes a ready task
 *   running; preempt() and yield() make the running one ready again, block() and done() take it away, and one
 *   of these four comes before the next pick_next(). spawn(), wakeup() and attach() make one ready that was
 *   away; balance() takes a ready one away. Only balance() and pick_next() take tasks out of a queue, so none
 *   must be found in its midst.
 * - Between block() and wakeup(), and between balance() and attach(), a task may change to another run queue of
 *   the same policy, whose clock may have another origin.
 * - Time is passed in: nanoseconds that never run backwards for one run queue. All operations of one switch get
 *   the same reading. What the running task makes ready gets the last one again,
 *   mostly that of the last switch, while the end of its turn is set.
 *
 * What a policy must not do: block, switch, call into the C library, allocate (all it needs is in its run queue
 * and in the tasks' priv), read a clock, keep a pointer to a task that is away, or keep state elsewhere.
 */
#ifndef STINT_SCHED_H
#define STINT_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stint/call.h>
#include <stint/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STINT_WEIGHT_MIN      1u
#define STINT_WEIGHT_NORMAL   1024u
#define STINT_WEIGHT_MAX      1048576u
#define STINT_PRIORITY_MIN    (-128)
#define STINT_PRIORITY_NORMAL 0
#define STINT_PRIORITY_MAX    127

/* What a policy sees of a thread. All but priv is read only to it, and changes only while it is away or running. */
struct stint_task {
	unsigned weight;                /* share of the CPU: STINT_WEIGHT_MIN to STINT_WEIGHT_MAX */
	int priority;                   /* higher runs first: STINT_PRIORITY_MIN to STINT_PRIORITY_MAX */
	stint_ns deadline;              /* after each wake-up; 0: none */
	uint64_t id;                    /* unique; ascending for those made on one worker */
	uint64_t priv[8];               /* the policy's; zeroed before spawn(), and before attach() to another policy */
};

/*
 * STINT_POLICY_TIMED: the policy needs the time in every operation. Without it `now` is 0 in all but tick();
 * reading the clock costs about a third of a switch.
 */
#define STINT_POLICY_TIMED 1u
/*
 * STINT_POLICY_EAGER: a thread that the running one makes ready displaces it at once, if preempts() says so. Without it the
 * running one, which most likely waits for the other next, goes on for now, half a quantum at the most.
 */
#define STINT_POLICY_EAGER 2u
/*
 * STINT_POLICY_FEW: an idle worker takes no more than four threads at once, since those that balance() gives are large: they are likely
 * to make more. Without it it takes half of all.
 */
#define STINT_POLICY_FEW 4u
/*
 * STINT_POLICY_EVEN: where all workers are busy with threads that compute, and not with equally many, one goes over to another worker now and
 * then, so that in the long run all have had as much. It is for policies by which all get their turns. Without it threads change
 * workers only where one is idle.
 */
#define STINT_POLICY_EVEN 8u
/*
 * STINT_POLICY_WEIGHTS: shares go by weight. With STINT_POLICY_EVEN it is the sums of the weights that the workers even out, and not the
 * numbers of threads.
 */
#define STINT_POLICY_WEIGHTS 16u
/*
 * STINT_POLICY_PRIORITY: pick_next() and balance() give the one of the highest priority. Then who becomes ready and would wait goes to a worker
 * at which one of a lower priority runs, and who waits while such a one comes to run elsewhere goes there soon. Who goes so
 * may displace the running one, as preempts() says.
 */
#define STINT_POLICY_PRIORITY 32u
/*
 * STINT_POLICY_DEADLINE: the same by deadlines as they were asked for, the shorter before the longer, and any before none.
 */
#define STINT_POLICY_DEADLINE 64u

/*
 * The operations. init, fini, block, done, preempts and yield_to may be NULL: nothing is to be done, and never. slice and tick
 * may be NULL both: no turn ever ends. The rest must be there. "t" in tick, preempt, yield, block and done is the
 * running task.
 */
struct stint_policy {
	size_t size;                    /* sizeof(struct stint_policy) when compiled; later versions add at the end */
	const char *name;               /* a few lower-case letters, digits, hyphens */
	unsigned flags;                 /* STINT_POLICY_... */
	size_t rq_size;                 /* bytes of a run queue; it begins zeroed, on a cache line of its own */

	/* 0 or a positive errno value; @quantum is above 0 and what a turn should last */
	int (*init)(void *rq, stint_ns quantum);
	/* @rq is empty and goes away */
	void (*fini)(void *rq);

	/* t becomes ready: it is new */
	void (*spawn)(void *rq, struct stint_task *t, stint_ns now);
	/* it was blocked */
	void (*wakeup)(void *rq, struct stint_task *t, stint_ns now);
	/* it was ready in another queue (stealing); or it comes from another policy, with priv zeroed */
	void (*attach)(void *rq, struct stint_task *t, stint_ns now);

	/* who runs; taken out of the queue. NULL when the queue is empty, and only then. */
	struct stint_task *(*pick_next)(void *rq, stint_ns now);
	/*
	 * How long t, which is running, may run before tick() is asked: above 0; STINT_FOREVER: not asked.
	 * Called while others are ready and no tick() is due: after pick_next(), and whenever one becomes ready
	 * and does not displace t.
	 */
	stint_ns (*slice)(void *rq, struct stint_task *t, stint_ns now);
	/*
	 * That time is over and others are ready. 0: t's turn is over, preempt() and pick_next() follow as soon
	 * as t can be stopped; else ask again after that span, STINT_FOREVER as above.
	 */
	stint_ns (*tick)(void *rq, struct stint_task *t, stint_ns now);

	/* t becomes ready again: it was stopped; tick() or preempts() said so, or the runtime had its reasons */
	void (*preempt)(void *rq, struct stint_task *t, stint_ns now);
	/* it hands over of its own will; not told when nobody else is ready */
	void (*yield)(void *rq, struct stint_task *t, stint_ns now);
	/* t goes away: it blocks */
	void (*block)(void *rq, struct stint_task *t, stint_ns now);
	/* it has ended, and is never seen again */
	void (*done)(void *rq, struct stint_task *t, stint_ns now);

	/*
	 * Whether @woken, which has just become ready here, should run now and not when @running's turn is
	 * over. If so, preempt(@running) and pick_next() follow as soon as @running can be stopped (but see STINT_POLICY_EAGER).
	 */
	bool (*preempts)(void *rq, const struct stint_task *woken, const struct stint_task *running, stint_ns now);
	/*
	 * Take out the ready task that best goes to an idle worker. NULL when the queue is empty, and only
	 * then: it is also how a queue is emptied when its policy is replaced.
	 */
	struct stint_task *(*balance)(void *rq, stint_ns now);

	/*
	 * Who has just gone away, by block(), waits for the end of t, which is ready here and has never run, although it may have
	 * been picked and put back by preempt(). If it is the next one that pick_next() gives, parts are done before others like
	 * them are begun. May be NULL: t waits for its turn.
	 */
	void (*yield_to)(void *rq, struct stint_task *t, stint_ns now);
};

/* what a plug-in defines; the library itself does not */
__attribute__((visibility("default"))) extern const struct stint_policy stint_policy;

/*
 * stint_policy_builtin - the built-in policies, one by one
 *
 * Return:  the policy number @index, counted from 0; NULL when there are no more.
 * Context: any thread, any call; async-signal-safe. Does not switch.
 * Owner:   the library's; it lives as long as the process.
 */
STINT_API const struct stint_policy *stint_policy_builtin(size_t index);

/*
 * stint_policy_load - find a policy: a built-in one by name, or a plug-in by path
 *
 * @which is a path when there is a slash in it. A plug-in stays loaded for good; loading it again gives the same one.
 *
 * Return:  0 with *@policy set; ENOENT (no built-in one of that name, or the file cannot be loaded), EINVAL (no
 *          stint_policy in it, or a table that breaks the rules above; also @which or @policy NULL), ENOTSUP (made for
 *          a later version). Then @why, if not NULL, holds one English sentence, cut to @size bytes.
 * Context: any thread, any call; not from a signal handler. Preempt: deferred while the plug-in is loaded.
 * Owner:   the library's; it lives as long as the process.
 */
STINT_API int stint_policy_load(const char *which, const struct stint_policy **policy, char *why, size_t size);

#ifdef __cplusplus
}
#endif

#endif
