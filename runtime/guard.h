/*
 * guard.h - a stack overflow in a call ends in a diagnosis
 */
#ifndef STINT_GUARD_H
#define STINT_GUARD_H

#include "kthread.h"

int guard_init(void);                           /* 0 or an errno value */
int guard_thread_start(struct kthread *kt);     /* an alternate signal stack, where there is none; 0 or ENOMEM */
void guard_thread_stop(struct kthread *kt);

#endif
