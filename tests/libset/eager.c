/*
 * eager.c - a module whose constructor opens a set, which it must not
 */
#include <errno.h>
#include <stddef.h>

#include <stint.h>

extern int eager_error;
int eager_error;

__attribute__((constructor)) static void begin(void)
{
	static const char *const name[] = { "libgrain.so" };

	errno = 0;
	if (!stint_libset_open(name, 1))
		eager_error = errno;
}
