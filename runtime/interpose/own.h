/*
 * own.h - wrappers that close, and the descriptors of the runtime's own (own.c)
 */
#ifndef STINT_OWN_H
#define STINT_OWN_H

#include "interpose.h"

bool own_refuses(int fd);       /* it is one: the caller fails, errno is set */
/* with the books kept; preemption disabled, or outside calls */
int own_close_range(unsigned lo, unsigned hi, int flags);       /* as close_range() */
void own_closefrom(int from);

#endif
