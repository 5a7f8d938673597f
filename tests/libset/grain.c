/*
 * grain.c - see grain.h
 */
#include "grain.h"

static int counter = 100;

int fickle_next(void);

int grain_next(void)
{
	return ++counter;
}

int grain_back(void)
{
	return fickle_next();
}
