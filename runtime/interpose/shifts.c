/*
 * shifts.c - conversions of characters that keep a part of a character, or the state of a shifted encoding, in between
 *
 * Given NULL for the state they use a static one; each function has its own. mblen() begins anew each time: asked about
 * NULL it says whether the locale's encoding has states, and touches nothing that would matter to anybody.
 *
 * Where there is no memory for a call's state they fail, with ENOMEM.
 */
#define _GNU_SOURCE
/* the headers must not define any of these inline */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1
#endif
#include <errno.h>
#include <stdlib.h>
#include <uchar.h>
#include <wchar.h>

#include "interpose.h"
#include "statics.h"

#undef mbrlen
#undef mbrtowc
#undef wcrtomb

#define FAILED ((size_t)-1)

size_t __mbrtowc(wchar_t *to, const char *from, size_t n, mbstate_t *state);
size_t __mbrlen(const char *from, size_t n, mbstate_t *state);
size_t __mbsrtowcs_chk(wchar_t *to, const char **from, size_t n, mbstate_t *state, size_t size);
size_t __mbsnrtowcs_chk(wchar_t *to, const char **from, size_t bytes, size_t n, mbstate_t *state, size_t size);
size_t __wcrtomb_chk(char *to, wchar_t c, mbstate_t *state, size_t size);
size_t __wcsrtombs_chk(char *to, const wchar_t **from, size_t n, mbstate_t *state, size_t size);
size_t __wcsnrtombs_chk(char *to, const wchar_t **from, size_t chars, size_t n, mbstate_t *state, size_t size);
int __wctomb_chk(char *to, wchar_t c, size_t size);
size_t mbrtoc8(unsigned char *to, const char *from, size_t n, mbstate_t *state);
size_t c8rtomb(char *to, unsigned char c, mbstate_t *state);

struct shifts {
	mbstate_t mbtowc, wctomb, mbrlen, mbrtowc, wcrtomb, mbsrtowcs, mbsnrtowcs, wcsrtombs, wcsnrtombs;
	mbstate_t mbrtoc8, mbrtoc16, mbrtoc32, c8rtomb, c16rtomb, c32rtomb;
};

static struct shifts *shifts_of(struct stint *s)
{
	return statics(s, STATIC_SHIFTS, sizeof(struct shifts), NULL);
}

/* The function @name with a state that may be NULL: then it is the call's own. */
#define SHIFTS(name, text, params, args)                                      \
	WRAPPER size_t name params                                            \
	{                                                                     \
		struct stint *s = self();                                     \
		struct shifts *own;                                           \
		size_t r = FAILED;                                            \
                                                                              \
		if (likely(!s))                                               \
			return REAL(name) args;                               \
		preempt_disable(s);                                           \
		own = state ? NULL : shifts_of(s);                            \
		if (own)                                                      \
			state = &own->text;                                   \
		if (state)                                                    \
			r = REAL(name) args;                                  \
		preempt_enable(s, caller_address());                          \
		return r;                                                     \
	}

SHIFTS(mbrtowc, mbrtowc, (wchar_t *to, const char *from, size_t n, mbstate_t *state), (to, from, n, state))
SHIFTS(__mbrtowc, mbrtowc, (wchar_t *to, const char *from, size_t n, mbstate_t *state), (to, from, n, state))
SHIFTS(mbrlen, mbrlen, (const char *from, size_t n, mbstate_t *state), (from, n, state))
SHIFTS(__mbrlen, mbrlen, (const char *from, size_t n, mbstate_t *state), (from, n, state))
SHIFTS(mbsrtowcs, mbsrtowcs, (wchar_t *to, const char **from, size_t n, mbstate_t *state), (to, from, n, state))
SHIFTS(__mbsrtowcs_chk, mbsrtowcs, (wchar_t *to, const char **from, size_t n, mbstate_t *state, size_t size),
       (to, from, n, state, size))
SHIFTS(mbsnrtowcs, mbsnrtowcs, (wchar_t *to, const char **from, size_t bytes, size_t n, mbstate_t *state),
       (to, from, bytes, n, state))
SHIFTS(__mbsnrtowcs_chk, mbsnrtowcs,
       (wchar_t *to, const char **from, size_t bytes, size_t n, mbstate_t *state, size_t size),
       (to, from, bytes, n, state, size))
SHIFTS(wcrtomb, wcrtomb, (char *to, wchar_t c, mbstate_t *state), (to, c, state))
SHIFTS(__wcrtomb_chk, wcrtomb, (char *to, wchar_t c, mbstate_t *state, size_t size), (to, c, state, size))
SHIFTS(wcsrtombs, wcsrtombs, (char *to, const wchar_t **from, size_t n, mbstate_t *state), (to, from, n, state))
SHIFTS(__wcsrtombs_chk, wcsrtombs, (char *to, const wchar_t **from, size_t n, mbstate_t *state, size_t size),
       (to, from, n, state, size))
SHIFTS(wcsnrtombs, wcsnrtombs, (char *to, const wchar_t **from, size_t chars, size_t n, mbstate_t *state),
       (to, from, chars, n, state))
SHIFTS(__wcsnrtombs_chk, wcsnrtombs,
       (char *to, const wchar_t **from, size_t chars, size_t n, mbstate_t *state, size_t size),
       (to, from, chars, n, state, size))
SHIFTS(mbrtoc8, mbrtoc8, (unsigned char *to, const char *from, size_t n, mbstate_t *state), (to, from, n, state))
SHIFTS(mbrtoc16, mbrtoc16, (char16_t *to, const char *from, size_t n, mbstate_t *state), (to, from, n, state))
SHIFTS(mbrtoc32, mbrtoc32, (char32_t *to, const char *from, size_t n, mbstate_t *state), (to, from, n, state))
SHIFTS(c8rtomb, c8rtomb, (char *to, unsigned char c, mbstate_t *state), (to, c, state))
SHIFTS(c16rtomb, c16rtomb, (char *to, char16_t c, mbstate_t *state), (to, c, state))
SHIFTS(c32rtomb, c32rtomb, (char *to, char32_t c, mbstate_t *state), (to, c, state))

/* --- those that always use theirs -------------------------------------------------------------- */

static int to_wide(struct stint *s, wchar_t *to, const char *from, size_t n)
{
	static const mbstate_t initial;
	struct shifts *own = shifts_of(s);
	int r;

	if (!own)
		return -1;
	if (!from) {
		own->mbtowc = initial;
		return REAL(mblen)(NULL, 0);
	}
	if (!*from) {
		if (to)
			*to = L'\0';
		return 0;
	}
	r = (int)REAL(mbrtowc)(to, from, n, &own->mbtowc);
	return r < 0 ? -1 : r;
}

static int from_wide(struct stint *s, char *to, wchar_t c)
{
	static const mbstate_t initial;
	struct shifts *own = shifts_of(s);

	if (!own)
		return -1;
	if (!to) {
		own->wctomb = initial;
		return REAL(mblen)(NULL, 0);
	}
	return (int)REAL(wcrtomb)(to, c, &own->wctomb);
}

/* Too small a buffer is libc's to complain about. It does not treat NULL as wctomb() does. */
static int from_wide_checked(struct stint *s, char *to, wchar_t c, size_t size)
{
	struct shifts *own = shifts_of(s);

	if (size < MB_CUR_MAX)
		return REAL(__wctomb_chk)(to, c, size);
	return own ? (int)REAL(wcrtomb)(to, c, &own->wctomb) : -1;
}

OWN_STATE(int, mblen, (const char *from, size_t n), (from, n), REAL(mblen)(from, n))
OWN_STATE(int, mbtowc, (wchar_t *to, const char *from, size_t n), (to, from, n), to_wide(s_, to, from, n))
OWN_STATE(int, wctomb, (char *to, wchar_t c), (to, c), from_wide(s_, to, c))
OWN_STATE(int, __wctomb_chk, (char *to, wchar_t c, size_t size), (to, c, size), from_wide_checked(s_, to, c, size))
