/*
 * sim.h - a discrete-event simulator: any policy, the same object code that the workers run, in virtual time
 *
 * Tasks do jobs: they need the CPU for a while, then sleep or wait for the next period. Nothing but a policy
 * decides who runs; switches and ticks take no time. A run with the same options is the same each time. sim.c
 * needs only <stint/sched.h> and memory; tests and `stint sim` link it.
 */
#ifndef STINT_SIM_H
#define STINT_SIM_H

#include <stint/sched.h>

/* tasks that are alike */
struct sim_group {
	char name[32];
	unsigned count;
	unsigned weight;
	int priority;
	stint_ns deadline;              /* as struct stint_task has it; jobs may be late for it */
	stint_ns start, stagger;        /* when the first one comes; each further one comes that much later */
	stint_ns run_min, run_max;      /* CPU that a job needs, evenly distributed */
	stint_ns sleep_min, sleep_max;  /* between the end of a job and the next one */
	stint_ns period;                /* above 0: jobs begin at start + n * period, no sleep */
	stint_ns yield_after;           /* above 0: yields each time it has run that long */
	uint64_t jobs;                  /* ends after so many; 0: never */
};

#define SIM_OCTAVE 8                    /* buckets for each doubling of the waiting time */

/* what became of a group */
struct sim_account {
	stint_ns cpu;
	uint64_t jobs, late;            /* jobs done, and of these after their deadline */
	stint_ns worst_late;
	uint64_t turns, preempted;
	uint64_t waits;                 /* from waking up to running: number, greatest, distribution */
	stint_ns wait_max;
	uint64_t wait[64 * SIM_OCTAVE];
	double lag_min, lag_max;        /* ns that a task was behind its share since it woke up; below 0: ahead */
};

/* one task on one worker, without a break */
struct sim_stretch {
	unsigned group, member, worker;
	stint_ns from, to;
	enum sim_end { SIM_PREEMPTED, SIM_YIELDED, SIM_BLOCKED, SIM_DONE, SIM_CUT } end;   /* CUT: time was up */
};

struct sim_options {
	const struct stint_policy *policy;
	unsigned workers;
	stint_ns quantum, length;
	uint64_t seed;
	void (*ran)(void *arg, const struct sim_stretch *stretch);      /* NULL: none; in the order of their ends */
	void *arg;
};

/* accounts[0..n) are overwritten. 0, ENOMEM, or what the policy's init() said. */
int sim_run(const struct sim_options *options, const struct sim_group *groups, size_t n, struct sim_account *accounts);

/* the waiting time that the part @q of all waits does not exceed, to one bucket */
stint_ns sim_wait_quantile(const struct sim_account *account, double q);

/*
 * A workload as text: one group to a line, a name and then key=value; see stint(1). The groups are to be freed
 * by the caller. 0, ENOMEM, or EINVAL with one sentence in @why.
 */
int sim_workload_parse(const char *text, struct sim_group **groups, size_t *n, char *why, size_t size);

/* the built-in workloads: number @index, NULL when there are no more */
const char *sim_workload_name(size_t index);
const char *sim_workload_text(size_t index);

/* "50us", "1.5ms", "2s", "forever"; false: not a span of time */
bool sim_span(const char *text, stint_ns *span);

#endif
