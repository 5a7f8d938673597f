/*
 * replace.h - queues for policies, and replacing the policy while threads run
 */
#ifndef STINT_REPLACE_H
#define STINT_REPLACE_H

#include "worker.h"

/* a queue of @policy's for one worker, in *@memory; NULL and *@err */
void *replace_make_rq(const struct stint_policy *policy, void **memory, int *err);
void replace_drop_rq(const struct stint_policy *policy, void *rq, void *memory);
void replace_adopt_rq(struct worker *w, const struct stint_policy *policy, void *rq, void *memory, unsigned gen);

extern PRIVATE unsigned replace_wanted_gen;     /* of the policy that all are to have; release once all queues are made */

static inline unsigned replace_gen(void)
{
	return __atomic_load_n(&replace_wanted_gen, __ATOMIC_ACQUIRE);
}

void replace_slow_locked(struct worker *w);

/* change over if need be; the worker has no running thread */
static inline void replace_locked(struct worker *w)
{
	if (unlikely(w->policy_gen != replace_gen()))
		replace_slow_locked(w);
}

bool replace_hold(void);                        /* the number of workers may change until let go; false: not now */
void replace_let_go(void);
void replace_drop(void);                        /* the workers have ended, some before they changed over */
void replace_forget(unsigned gen);              /* in a forked child */

#endif
