/*
 * plugin.c - a module that comes later, and calls fickle
 */
#include "fickle.h"

int plugin_next(void);
fickle_fn *plugin_address(void);

int plugin_next(void)
{
	return fickle_next();
}

fickle_fn *plugin_address(void)
{
	return fickle_next;
}
