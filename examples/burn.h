/*
 * burn.h - work for a CPU that takes about so long: what requests for /burn cost
 *
 * It is an amount, measured at the start, and not a span of time: whoever is stopped in the midst of it does no less.
 */
#ifndef EXAMPLES_BURN_H
#define EXAMPLES_BURN_H

void burn_calibrate(void);              /* once, before */
void burn(unsigned long us);

#endif
