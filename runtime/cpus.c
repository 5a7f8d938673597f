/*
 * cpus.c - see cpus.h
 *
 * A group's quota binds all groups in it, so each one from the process's own up to the root is asked, and the least counts. Both
 * versions of control groups are: version 2 in cpu.max, version 1 in two files of the hierarchy that has the controller "cpu".
 * Where the paths in /proc/self/cgroup are those of the host, and the mount is a container's own, none but the root is there, and
 * that is the container's group.
 *
 * The hierarchies are looked for where everybody mounts them. To read mountinfo for those that somebody mounts elsewhere was not
 * found worth it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpus.h"
#include "sys.h"

#define CPUS_MAX 8192

/* memory of its own, since the caller's stack may be a small one */
struct search {
	char groups[4 * PATH_MAX];
	char path[PATH_MAX];            /* of a group's directory, without a slash at its end */
	char file[PATH_MAX + 32];
	size_t root;                    /* length of the part of path that stands for the root */
	bool first;                     /* version 1 */
};

/* the length, or 0: nothing to read; what does not fit is cut off */
static size_t read_file(const char *path, char *text, size_t size)
{
	long n, fd = sys_raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	size_t got = 0;

	if (fd >= 0) {
		while ((n = sys_raw(SYS_read, fd, text + got, size - 1 - got, 0)) > 0)
			got += (size_t)n;
		sys_raw(SYS_close, fd, 0, 0, 0);
	}
	text[got] = '\0';
	return got;
}

static size_t read_in(struct search *q, const char *name, char *text, size_t size)
{
	snprintf(q->file, sizeof(q->file), "%s/%s", q->path, name);
	return read_file(q->file, text, size);
}

static unsigned share(long quota, long period)
{
	if (quota <= 0 || period <= 0)
		return UINT_MAX;
	return quota / period > 1 ? (unsigned)(quota / period) : 1;
}

/* of one group: "max 100000" and -1 are no limit */
static unsigned quota_of(struct search *q)
{
	char quota[64], period[64], *end;

	if (q->first) {
		if (!read_in(q, "cpu.cfs_quota_us", quota, sizeof(quota)) ||
		    !read_in(q, "cpu.cfs_period_us", period, sizeof(period)))
			return UINT_MAX;
		return share(strtol(quota, NULL, 10), strtol(period, NULL, 10));
	}
	if (!read_in(q, "cpu.max", quota, sizeof(quota)))
		return UINT_MAX;
	strtol(quota, &end, 10);
	return end == quota ? UINT_MAX : share(strtol(quota, NULL, 10), strtol(end, NULL, 10));
}

static unsigned least_quota(struct search *q)
{
	unsigned least = UINT_MAX, n;
	char *slash;

	for (;;) {
		n = quota_of(q);
		least = n < least ? n : least;
		slash = strrchr(q->path + q->root, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, word, n) && (!at[n] || at[n] == ','))
			return true;
	}
	return false;
}

/* one line, cut up: its hierarchy's controllers, none for version 2, and the group's path */
static unsigned quota_in(struct search *q, const char *controllers, const char *group, const char *root)
{
	int n;

	q->first = *controllers;
	if (q->first && !has_word(controllers, "cpu"))
		return UINT_MAX;
	q->root = strlen(root) + q->first + strlen(controllers);
	n = snprintf(q->path, sizeof(q->path), "%s%s%s%s", root, q->first ? "/" : "", controllers,
	             strcmp(group, "/") ? group : "");
	return n < (int)sizeof(q->path) ? least_quota(q) : UINT_MAX;
}

static unsigned search(struct search *q, const char *self, const char *root)
{
	char *line = q->groups, *rest, *controllers, *group;
	unsigned least = UINT_MAX, n;

	read_file(self, q->groups, sizeof(q->groups));
	while ((rest = strchr(line, '\n'))) {           /* one that was cut off is left out */
		*rest = '\0';
		controllers = strchr(line, ':');
		group = controllers ? strchr(controllers + 1, ':') : NULL;
		if (group) {
			*group = '\0';
			n = quota_in(q, controllers + 1, group + 1, root);
			least = n < least ? n : least;
		}
		line = rest + 1;
	}
	return least;
}

unsigned cpus_quota(const char *self, const char *root)
{
	struct search *q = sys_mmap(sizeof(*q), 0);
	unsigned n;

	if (!q)
		return UINT_MAX;
	n = search(q, self, root);
	sys_munmap(q, sizeof(*q));
	return n;
}

unsigned cpus_allowed(void)
{
	unsigned long mask[CPUS_MAX / 8 / sizeof(long)];
	long n = sys_raw(SYS_sched_getaffinity, 0, sizeof(mask), mask, 0);
	unsigned cpus = 0, quota = cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup");

	for (long i = 0; i < n / (long)sizeof(long); i++)
		cpus += (unsigned)__builtin_popcountl(mask[i]);
	cpus = quota < cpus ? quota : cpus;
	return cpus ? cpus : 1;
}
