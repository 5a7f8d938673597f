/*
 * even.h - workers that are all busy, and have unequally many threads: some go over
 */
#ifndef STINT_EVEN_H
#define STINT_EVEN_H

#include "worker.h"

void even_setup(void);

/*
 * At the end of a turn at @w, under its lock, the clock just read. A thread that is to go to the other worker, then *@to, and has been taken out of the queue for
 * that; NULL: none. Without the lock it goes there, in a signal handler too.
 */
struct stint_thread *even_give_locked(struct worker *w, uint64_t now, struct worker **to);

#endif
