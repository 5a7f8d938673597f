/*
 * stint/stats.h - what a call has used and what it holds
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

#ifdef __cplusplus
}
#endif

#endif
