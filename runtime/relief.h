/*
 * relief.h - workers that are brought in for those that sit in the kernel
 */
#ifndef STINT_RELIEF_H
#define STINT_RELIEF_H

#include "worker.h"

/* for @stuck, which has run @turns threads and does not get on; by the monitor */
void relief_bring(struct worker *stuck, uint64_t turns);

void relief_end(struct worker *w);              /* by the monitor, too: the other one has got on */

/* who relieves it, one after the other; *@from is 0 at first. NULL: no more */
struct worker *relief_of(const struct worker *stuck, unsigned *from);

void relief_look(struct worker *w);             /* at a relief, without its lock, in the handler, too: take what waits where it relieves */
void relief_round(struct worker *w);            /* a relief's life, one step; on its own stack */
bool relief_over(const struct worker *w);       /* the one that it relieves has got on: nothing more is run here */
void relief_wake(struct worker *w);             /* to end, or to have another policy */

/* One that rests, claimed: nobody else uses it until relief_begin(). NULL: none. Also in the handler. */
struct worker *relief_claim(void);
void relief_begin(struct kthread *kt);          /* its kernel thread has something to do, or rests on */
void relief_is_made(struct kthread *kt);        /* by itself, at its start: as if claimed by who makes it */
void relief_await(struct kthread *kt);          /* by itself: the end of a claim, if there is one */

#endif
