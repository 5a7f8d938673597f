/*
 * stint/stats.h - what a call or thread has used and what it holds; what workers did
 */
#ifndef STINT_STATS_H
#define STINT_STATS_H

#include <stddef.h>
#include <stdint.h>

#include <stint/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One call's account since it was launched. Times are in nanoseconds; "held" is what stint_cancel()
 * would give back now. Calls that it launched itself have accounts of their own, except that their
 * time is part of its time.
 */
struct stint_usage {
	int64_t cpu_ns;         /* between being switched in and switched out, nested calls included */
	int64_t wall_ns;        /* since the first instruction, until now or until it ended; 0 before */
	uint64_t resumes;       /* times it was given the CPU, the launch included */
	uint64_t preemptions;   /* times its time ran out and the CPU was taken back */
	uint64_t deferrals;     /* times that had to wait: a lock of libc, stint_preempt_disable() */
	uint64_t bytes_held;    /* heap blocks (usable size) and mappings */
	uint64_t blocks_held;   /* heap blocks */
	uint64_t fds_held;      /* file descriptors, those of its streams included */
	uint64_t stack_bytes;   /* usable size of its stack */
	int64_t longest_deferral_ns;    /* of those that came to be taken, the longest wait */
	uint64_t reserved[6];   /* 0 */
};

/*
 * One worker's counters since the runtime started. They are kept by the worker and read while it runs, so those of one
 * reading may differ by an event.
 */
struct stint_worker_stats {
	uint64_t switches;      /* threads that were given the CPU */
	uint64_t preemptions;   /* of these, ended by the end of a turn, or by another thread */
	uint64_t displacements; /* of the running thread, by one that became ready and came first */
	uint64_t wakeups;       /* threads that became ready here */
	uint64_t remote_wakeups;        /* of these, made ready by other kernel threads */
	uint64_t steals;        /* threads taken from other workers, or given by them */
	uint64_t stolen;        /* threads taken by other workers, or given to them */
	uint64_t ticks;         /* timer and other preemption signals handled */
	uint64_t kicks;         /* of these, because something was put into its inbox while it computed */
	uint64_t sleeps;        /* times it had nothing to do */
	uint64_t reliefs;       /* times it was brought in for a worker that sat in the kernel, or given a thread that does */
	uint64_t ready;         /* threads that are ready here now */
	uint64_t reserved[4];   /* 0 */
};

/*
 * stint_worker_stats - the counters of the worker number @index
 *
 * Workers are counted from 0; behind those that were asked for come the ones brought in for others (stint-scheduling(7)).
 *
 * Return:  0; EINVAL: there is no such worker, or @out is NULL.
 * Context: any thread, any call. Does not switch.
 */
STINT_API int stint_worker_stats(unsigned index, struct stint_worker_stats *out);

#ifdef __cplusplus
}
#endif

#endif
