/*
 * handoff.h - threads that wait in the kernel where no wrapper sees it
 */
#ifndef STINT_HANDOFF_H
#define STINT_HANDOFF_H

#include "worker.h"

/*
 * handoff - the turn of the thread @s is over, in the handler; @waits: it was found in a system call
 *
 * Return:  true: it has a kernel thread of its own from here on, and is not to leave.
 */
bool handoff(struct stint *s, bool waits);

#endif
