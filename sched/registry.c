/*
 * registry.c - the built-in policies by number; names and paths are looked up by runtime/policy.c
 */
#include <stint/sched.h>

extern const struct stint_policy stint_policy_fair, stint_policy_rr, stint_policy_fifo, stint_policy_prio,
	stint_policy_edf, stint_policy_mlfq, stint_policy_lifo;

/* in the order in which they are listed: the most useful first */
static const struct stint_policy *const policies[] = {
	&stint_policy_fair, &stint_policy_rr, &stint_policy_fifo, &stint_policy_prio, &stint_policy_edf,
	&stint_policy_mlfq, &stint_policy_lifo,
};

const struct stint_policy *stint_policy_builtin(size_t index)
{
	return index < sizeof(policies) / sizeof(*policies) ? policies[index] : NULL;
}
