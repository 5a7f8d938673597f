/*
 * policy.h - what a policy's table must be like before it is used
 */
#ifndef STINT_POLICY_H
#define STINT_POLICY_H

#include <stint/sched.h>

#include "complaint.h"

/* 0; EINVAL or ENOTSUP, as stint_policy_load(), and *@why begins with @which */
int policy_check(const struct stint_policy *p, const char *which, const struct complaint *why);

#endif
