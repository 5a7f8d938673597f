/* faas-leak.c - a function that takes memory and descriptors without end, and gives nothing back; with the request "little", a little */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faas.h"

#define BLOCK 10000

static char *volatile last;             /* somebody may look: or compilers leave the blocks out */
static pthread_mutex_t shared = PTHREAD_MUTEX_INITIALIZER;

const char *faas_main(const char *request)
{
	int rounds = strcmp(request, "little") ? 100 : 3;

	for (int i = 0; i < rounds; i++) {
		last = malloc(BLOCK);
		if (last)
			memset(last, 1, BLOCK);
		if (open("/dev/null", O_RDONLY) < 0 || !fopen("/dev/zero", "r"))
			return "no descriptor is left";
	}
	if (rounds == 3)
		return "three of each are left lying";
	pthread_mutex_lock(&shared);            /* if the last call still had it, this one would wait for ever */
	for (volatile unsigned long turns = 0;;)
		turns++;
}
