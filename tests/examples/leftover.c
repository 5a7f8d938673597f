/*
 * leftover.c - preloaded into a program: how much it still holds when it ends, as a line for the file that STINT_LEFTOVER names:
 * its name, bytes of the heap, descriptors
 *
 * What the library keeps for later is in it, so two runs are compared, one that does little and one that does much.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n - 3;           /* its own, . and .. */
}

__attribute__((destructor)) static void at_end(void)
{
	struct mallinfo2 m = mallinfo2();
	const char *file = getenv("STINT_LEFTOVER");
	int n = count_descriptors(), fd;

	fd = file ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	dprintf(fd, "%s %zu %d\n", program_invocation_short_name, m.uordblks + m.hblkhd, n);
	close(fd);
}
