/*
 * exposed.c - see exposed.h
 */
#include "exposed.h"

int exposed_mode = 3;
const int exposed_constant = 42;

int exposed_get(void)
{
	return exposed_mode;
}

void exposed_set(int mode)
{
	exposed_mode = mode;
}
