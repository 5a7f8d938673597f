/* faas-spin.c - a function that never ends: it does not look whether it should, calls nobody, and waits for nothing */
#include "faas.h"

const char *faas_main(const char *request)
{
	volatile unsigned long turns = 0;

	while (request)
		++turns;
	return "unreachable";
}
