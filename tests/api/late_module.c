/*
 * late_module.c - a library that is loaded after stint; see loading.c
 */
#include <stdlib.h>

void module_allocates(void);

void *volatile module_block;

void module_allocates(void)
{
	module_block = malloc(10);
}
