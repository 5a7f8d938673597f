/*
 * cpus.h - how many CPUs the process may use
 */
#ifndef STINT_CPUS_H
#define STINT_CPUS_H

unsigned cpus_allowed(void);            /* affinity, quota of the control groups; at least 1 */

/*
 * How many CPUs' worth of time the control groups leave, rounded down, at least 1; UINT_MAX: no limit that can be seen.
 * @self lists the groups of the process, as /proc/self/cgroup; @root is where their hierarchies are mounted.
 */
unsigned cpus_quota(const char *self, const char *root);

#endif
