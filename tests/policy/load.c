/*
 * load.c - finding policies by name and path: what it says when there is none, and that a plug-in outlives its loader
 */
#include "../test.h"

#include <stint.h>

static const struct stint_policy *found;

static void refused(const char *which, int err, const char *says)
{
	const struct stint_policy *policy = (const void *)&found;
	char why[300] = "", cut[8];

	errno = 4711;
	CHECK_INT(stint_policy_load(which, &policy, why, sizeof(why)), ==, err);
	CHECK_INT(errno, ==, 4711);
	CHECK(policy == (const void *)&found);
	if (!strstr(why, says))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", why, says);
	CHECK_INT(stint_policy_load(which, &policy, NULL, 0), ==, err);
	memset(cut, '!', sizeof(cut));
	CHECK_INT(stint_policy_load(which, &policy, cut, 5), ==, err);
	CHECK_INT(strlen(cut), ==, 4);
	CHECK(!strncmp(cut, why, 4) && cut[5] == '!');
	CHECK_INT(stint_policy_load(which, &policy, cut, 0), ==, err);
	CHECK(!strncmp(cut, why, 4));
}

static void *load_in_call(void *arg)
{
	const struct stint_policy *again;

	if (stint_policy_load(TEST_PLUGIN, &found, NULL, 0) == 0)
		*(int *)arg = 1;
	for (;;)
		stint_policy_load(TEST_PLUGIN, &again, NULL, 0);
	return NULL;
}

/* What a call loads is not the call's: it stays when the call is cancelled. The call is stopped at random meanwhile. */
static void stays_after_the_call(void)
{
	struct stint_task t = { .weight = 1 };
	uint64_t rq[64] = { 0 };
	int loaded = 0;
	stint_t *s;

	s = stint_launch(load_in_call, &loaded, STINT_MS(1));
	CHECK(s);
	for (int i = 0; i < 200 || !loaded; i++)
		CHECK_INT(stint_resume(s, STINT_US(50)), ==, ETIMEDOUT);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	CHECK_STR(found->name, "lottery");
	CHECK(found->rq_size <= sizeof(rq));
	CHECK_INT(found->init(rq, STINT_MS(1)), ==, 0);
	found->spawn(rq, &t, 0);
	CHECK(found->pick_next(rq, 0) == &t);
}

int main(void)
{
	test_watchdog();
	refused("no-such-policy", ENOENT, "no-such-policy");
	refused("", ENOENT, "no such policy");
	refused("policy-lottery.so", ENOENT, "fair, rr, fifo, prio, edf, mlfq, lifo, and plug-ins by path, with a slash");
	refused("/nowhere/at/all.so", ENOENT, "/nowhere/at/all.so");
	refused("/dev/null", ENOENT, "/dev/null");
	refused("./", ENOENT, "./");
	refused(NULL, EINVAL, "no policy");
	CHECK_INT(stint_policy_load("fair", NULL, NULL, 0), ==, EINVAL);
	if (stint_unsupported())
		test_skip(stint_unsupported());
	stays_after_the_call();
	return 0;
}
