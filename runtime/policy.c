/*
 * policy.c - scheduling policies by name or path, and what is wrong with one
 *
 * A plug-in is code that will run between any two threads, so its table is looked through before it is used:
 * what it lacks is said now, not by a jump to nowhere later. It stays loaded, because nobody can know when the
 * last thread has left its code. Nothing here runs in signal context; no lock of ours is held.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <stint/sched.h>

#include "attr.h"
#include "policy.h"
#include "preempt.h"
#include "sys.h"
#include "tcb.h"

#define FIRST_SIZE  (offsetof(struct stint_policy, balance) + sizeof(void *))   /* of the first version */
#define LARGEST_RQ  ((size_t)1 << 30)
#define KNOWN_FLAGS (STINT_POLICY_TIMED | STINT_POLICY_EAGER | STINT_POLICY_FEW | STINT_POLICY_EVEN | STINT_POLICY_WEIGHTS | \
                     STINT_POLICY_PRIORITY | STINT_POLICY_DEADLINE)

/* the first operation that must be there and is not, or NULL */
static const char *missing(const struct stint_policy *p)
{
	if (!p->slice != !p->tick)
		return p->slice ? "tick" : "slice";
	return !p->spawn ? "spawn" : !p->wakeup ? "wakeup" : !p->attach ? "attach" : !p->pick_next ? "pick_next" :
	       !p->preempt ? "preempt" : !p->yield ? "yield" : !p->balance ? "balance" : NULL;
}

int policy_check(const struct stint_policy *p, const char *which, const struct complaint *why)
{
	int err = attr_check(p, FIRST_SIZE, sizeof(*p));

	if (err == EINVAL)
		return complain(why, err, "%s: its stint_policy has size %zu, which is too little", which, p->size);
	if (err)
		return complain(why, ENOTSUP, "%s: it was made for a later version of stint", which);
	if (p->flags & ~KNOWN_FLAGS)
		return complain(why, ENOTSUP, "%s: its flags %#x are not known to this version of stint", which, p->flags);
	if (!p->name || !*p->name)
		return complain(why, EINVAL, "%s: its policy has no name", which);
	if (p->rq_size > LARGEST_RQ)
		return complain(why, EINVAL, "%s: its run queue of %zu bytes is too large", which, p->rq_size);
	if (missing(p))
		return complain(why, EINVAL, "%s: its policy lacks the operation %s", which, missing(p));
	return 0;
}

static int load(const char *path, const struct stint_policy **policy, struct complaint *why)
{
	const struct stint_policy *p;
	const char *reason;
	void *h;
	int err;

	if (!sys.dlopen && sys_init())
		return complain(why, ENOENT, "this C library lacks functions that stint needs");
	h = sys.dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!h) {
		reason = dlerror();
		return complain(why, ENOENT, "%s", reason ? reason : path);
	}
	tcb_modules_changed();
	p = dlsym(h, "stint_policy");
	err = p ? policy_check(p, path, why) : complain(why, EINVAL, "%s: it defines no stint_policy", path);
	if (err) {
		sys.dlclose(h);
		tcb_modules_changed();
		return err;
	}
	*policy = p;
	return 0;
}

static int no_such(const char *name, const struct complaint *why)
{
	const struct stint_policy *p;
	char names[128] = "";
	size_t n = 0;

	for (size_t i = 0; n < sizeof(names) && (p = stint_policy_builtin(i)); i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i ? ", " : "", p->name);
	return complain(why, ENOENT, "%s: no such policy; there are %s, and plug-ins by path, with a slash in it", name, names);
}

static int find(const char *name, const struct stint_policy **policy, struct complaint *why)
{
	const struct stint_policy *p;

	for (size_t i = 0; (p = stint_policy_builtin(i)); i++) {
		if (!strcmp(p->name, name)) {
			*policy = p;
			return 0;
		}
	}
	return no_such(name, why);
}

int stint_policy_load(const char *which, const struct stint_policy **policy, char *text, size_t size)
{
	struct complaint why = { text, size };
	struct stint *s = self();
	int err, saved = errno;

	if (!which || !policy)
		return complain(&why, EINVAL, "no policy was asked for");
	if (s)
		preempt_disable(s);
	err = strchr(which, '/') ? load(which, policy, &why) : find(which, policy, &why);
	errno = saved;
	if (s)
		preempt_enable(s, caller_address());
	return err;
}
