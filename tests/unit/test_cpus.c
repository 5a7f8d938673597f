/*
 * test_cpus.c - how many CPUs the process may use: its affinity, and the quotas of its control groups, of both versions
 */
#include "unit.h"

#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpus.h"

static char dir[] = "/tmp/stint-cpus-XXXXXX";

/* a file below dir, with all directories above it */
static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *slash = path + strlen(dir); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		ck_assert(!mkdir(path, 0700) || errno == EEXIST);
		*slash = '/';
	}
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static unsigned quota(const char *groups)
{
	char self[64];

	put("self", groups);
	snprintf(self, sizeof(self), "%s/self", dir);
	return cpus_quota(self, dir);
}

static void begin(void)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void end(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(version_2)
{
	begin();
	ck_assert_uint_eq(quota("0::/\n"), UINT_MAX);
	put("cpu.max", "300000 100000\n");
	ck_assert_uint_eq(quota("0::/\n"), 3);
	ck_assert_uint_eq(quota("0::/not/there\n"), 3);        /* a container's mount, the host's path */
	ck_assert_uint_eq(quota("0::/../..\n"), 3);
	put("a/b/cpu.max", "150000 100000\n");
	ck_assert_uint_eq(quota("0::/a\n"), 3);
	ck_assert_uint_eq(quota("0::/a/b\n"), 1);
	ck_assert_uint_eq(quota("0::/a/b/c\n"), 1);
	put("a/b/cpu.max", "max 100000\n");
	put("a/cpu.max", "250000 100000\n");
	ck_assert_uint_eq(quota("0::/a/b\n"), 2);
	put("a/cpu.max", "50000 100000\n");
	ck_assert_uint_eq(quota("0::/a/b\n"), 1);
	put("a/cpu.max", "900000 100000\n");
	ck_assert_uint_eq(quota("0::/a/b\n"), 3);
	put("a/cpu.max", "");
	put("a/b/cpu.max", "200000\n");                 /* nonsense */
	ck_assert_uint_eq(quota("0::/a/b\n"), 3);
	end();
}
END_TEST

START_TEST(version_1)
{
	begin();
	put("cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
	put("cpu,cpuacct/cpu.cfs_period_us", "100000\n");
	put("cpu,cpuacct/x/cpu.cfs_quota_us", "220000\n");
	put("cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
	put("cpuset/x/cpu.cfs_quota_us", "100000\n");
	put("cpuset/x/cpu.cfs_period_us", "100000\n");
	ck_assert_uint_eq(quota("3:cpuset:/x\n2:cpu,cpuacct:/\n0::/\n"), UINT_MAX);
	ck_assert_uint_eq(quota("3:cpuset:/\n2:cpu,cpuacct:/x\n0::/\n"), 2);
	ck_assert_uint_eq(quota("3:cpuset:/x\n2:cpu,cpuacct:/x/y\n1:name=systemd:/\n0::/\n"), 2);
	put("cpu.max", "100000 100000\n");
	ck_assert_uint_eq(quota("2:cpu,cpuacct:/x/y\n0::/\n"), 1);       /* the least of both */
	end();
}
END_TEST

/* what cannot be read is no limit */
START_TEST(nonsense)
{
	char *text;

	begin();
	put("cpu.max", "100000 100000\n");
	ck_assert_uint_eq(cpus_quota("/no/such/file", dir), UINT_MAX);
	ck_assert_uint_eq(quota(""), UINT_MAX);
	ck_assert_uint_eq(quota("\n\n:\n0:\n"), UINT_MAX);
	ck_assert_uint_eq(quota("0::/"), UINT_MAX);              /* cut off */
	text = malloc(30000);
	ck_assert_ptr_nonnull(text);
	memset(text, 'x', 30000);
	memcpy(text, "0::/", 4);
	text[29999] = '\0';
	ck_assert_uint_eq(quota(text), UINT_MAX);
	text[5000] = '\n';
	text[5001] = '\0';
	ck_assert_uint_eq(quota(text), UINT_MAX);
	free(text);
	end();
}
END_TEST

/* at least one, at most those of the affinity mask, and fewer where that has fewer */
START_TEST(affinity)
{
	cpu_set_t all, one;
	unsigned n = cpus_allowed();
	int cpu = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	ck_assert_uint_ge(n, 1);
	ck_assert_uint_le(n, (unsigned)CPU_COUNT(&all));
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	ck_assert_uint_eq(cpus_allowed(), 1);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(all), &all), 0);
	ck_assert_uint_eq(cpus_allowed(), n);
}
END_TEST

UNIT_MAIN("cpus", version_2, version_1, nonsense, affinity)
