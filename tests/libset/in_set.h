/*
 * in_set.h - opening sets, and running functions in them
 */
#ifndef IN_SET_H
#define IN_SET_H

#include <stint.h>

#define STACK (256 * 1024)

#ifndef BACKEND
#define BACKEND STINT_LIBSET_COPY
#endif

static inline stint_libset_t *open_named(const char *const *libraries, size_t n, unsigned flags)
{
	char why[512] = "";
	struct stint_libset_attr attr = {
		.size = sizeof(attr), .backend = BACKEND, .flags = flags, .why = why, .why_size = sizeof(why)
	};
	stint_libset_t *set = stint_libset_open_with(&attr, libraries, n);

	if (!set)
		test_fail(__FILE__, __LINE__, "%s: %s", strerror(errno), why);
	return set;
}

#ifdef FICKLE
static inline stint_libset_t *open_set(void)
{
	static const char *const libraries[] = { FICKLE, GRAIN };

	return open_named(libraries, 2, 0);
}
#endif

static inline stint_t *start_in(stint_libset_t *set, stint_fn *fn, void *arg, stint_ns timeout)
{
	struct stint_attr attr = { .size = sizeof(attr), .libset = set, .stack_size = STACK };
	stint_t *call = stint_launch_with(&attr, fn, arg, timeout);

	if (!call)
		test_fail(__FILE__, __LINE__, "%s", strerror(errno));
	return call;
}

/* run @fn in @set to its end */
static inline void *in_set(stint_libset_t *set, stint_fn *fn, void *arg)
{
	stint_t *call = start_in(set, fn, arg, STINT_FOREVER);
	void *result;

	CHECK(stint_is_complete(call));
	result = stint_result(call);
	stint_free(call);
	return result;
}

#endif
