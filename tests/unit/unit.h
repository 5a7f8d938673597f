/*
 * unit.h - what the unit programs share: one suite of the Check framework each
 *
 * Without forking: most modules want the process as the library finds it, with its signal handlers and its
 * helper thread; a case that must end the process forks for itself.
 */
#ifndef UNIT_H
#define UNIT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static inline int unit_run(const char *name, const TTest *const *tests, size_t n)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	tcase_set_timeout(tcase, 0);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}

/* UNIT_MAIN("clock", first_test, second_test) */
#define UNIT_MAIN(name, ...)                                                      \
	int main(void)                                                            \
	{                                                                         \
		const TTest *const tests[] = { __VA_ARGS__ };                     \
                                                                                  \
		return unit_run(name, tests, sizeof(tests) / sizeof(tests[0]));   \
	}

#endif
