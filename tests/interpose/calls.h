/*
 * calls.h - calls that have to come to their end, and calls that are cancelled where they pause
 */
#ifndef CALLS_H
#define CALLS_H

#include "../test.h"

#include <stint.h>

/* run @fn until it pauses, then cancel it */
static inline void cancelled(stint_fn *fn, void *arg)
{
	stint_t *s = stint_launch(fn, arg, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
}

static inline void completes(stint_fn *fn, void *arg)
{
	stint_t *s = stint_launch(fn, arg, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	stint_free(s);
}

#endif
