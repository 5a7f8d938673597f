/*
 * patterns.c - matching: regular expressions, file names, words, trees of files
 *
 * They keep memory of libc's until they return, and walks over files a directory; so callbacks of the program run with
 * preemption disabled. The state of a walk with fts is a handle (handles.c). A compiled regular expression lies in memory
 * of the program's, and may be moved there: it is not entered, and a cancelled call loses what it points to.
 */
#define _GNU_SOURCE
#include <fnmatch.h>
#include <fts.h>
#include <glob.h>
#include <limits.h>
#include <regex.h>
#include <string.h>
#include <wordexp.h>

#include "../sys.h"
#include "interpose.h"
#include "statics.h"

/* --- regular expressions ----------------------------------------------------------------------- */

char *re_comp(const char *pattern);
int re_exec(const char *text);

LOCKED(int, regcomp, (regex_t *re, const char *pattern, int flags), (re, pattern, flags))
LOCKED(int, regexec, (const regex_t *re, const char *text, size_t n, regmatch_t m[_Restrict_arr_ _REGEX_NELTS(n)], int flags),
       (re, text, n, m, flags))
LOCKED_VOID(regfree, (regex_t *re), (re))
LOCKED(const char *, re_compile_pattern, (const char *pattern, size_t n, struct re_pattern_buffer *re), (pattern, n, re))
LOCKED(int, re_compile_fastmap, (struct re_pattern_buffer *re), (re))
LOCKED(regoff_t, re_search, (struct re_pattern_buffer *re, const char *text, regoff_t n, regoff_t start, regoff_t range,
                             struct re_registers *regs), (re, text, n, start, range, regs))
LOCKED(regoff_t, re_search_2, (struct re_pattern_buffer *re, const char *text1, regoff_t n1, const char *text2,
                               regoff_t n2, regoff_t start, regoff_t range, struct re_registers *regs, regoff_t stop),
       (re, text1, n1, text2, n2, start, range, regs, stop))
LOCKED(regoff_t, re_match, (struct re_pattern_buffer *re, const char *text, regoff_t n, regoff_t start,
                            struct re_registers *regs), (re, text, n, start, regs))
LOCKED(regoff_t, re_match_2, (struct re_pattern_buffer *re, const char *text1, regoff_t n1, const char *text2,
                              regoff_t n2, regoff_t start, struct re_registers *regs, regoff_t stop),
       (re, text1, n1, text2, n2, start, regs, stop))

/* BSD's two functions on one expression; what libc allocates for it goes with it */
static void free_pattern(void *re)
{
	REAL(regfree)(re);
}

static char *keep_pattern(struct stint *s, const char *pattern)
{
	struct re_pattern_buffer *own = statics(s, STATIC_PATTERN, sizeof(*own), free_pattern);

	if (!own)
		return libc_message("Memory exhausted");
	if (!pattern)
		return own->buffer ? NULL : libc_message("No previous regular expression");
	free_pattern(own);
	memset(own, 0, sizeof(*own));
	own->fastmap = sys.malloc(UCHAR_MAX + 1);
	if (!own->fastmap)
		return libc_message("Memory exhausted");
	return (char *)REAL(re_compile_pattern)(pattern, strlen(pattern), own);
}

static int matches_pattern(struct stint *s, const char *text)
{
	struct re_pattern_buffer *own = statics(s, STATIC_PATTERN, sizeof(*own), free_pattern);

	return own && own->buffer && REAL(regexec)(own, text, 0, NULL, 0) == 0;
}

OWN_STATE(char *, re_comp, (const char *pattern), (pattern), keep_pattern(s_, pattern))
OWN_STATE(int, re_exec, (const char *text), (text), matches_pattern(s_, text))

/* --- file names, words ------------------------------------------------------------------------- */

LOCKED(int, fnmatch, (const char *pattern, const char *text, int flags), (pattern, text, flags))
LOCKED_VOID(globfree, (glob_t *paths), (paths))
LOCKED_VOID(globfree64, (glob64_t *paths), (paths))

/* what failed half-way may still have words */
WRAPPER int wordexp(const char *text, wordexp_t *words, int flags)
{
	struct stint *s = self();
	int r;

	if (likely(!s))
		return REAL(wordexp)(text, words, flags);
	preempt_disable(s);
	r = REAL(wordexp)(text, words, flags);
	if (r == 0 || r == WRDE_NOSPACE)
		heap_adopt_vector(s, &words->we_wordv, flags & WRDE_DOOFFS ? words->we_offs : 0, words->we_wordc);
	preempt_enable(s, caller_address());
	return r;
}

LOCKED_VOID(wordfree, (wordexp_t *words), (words))

/* --- walks ------------------------------------------------------------------------------------- */

LOCKED(FTSENT *, fts_read, (FTS *walk), (walk))
LOCKED(FTSENT *, fts_children, (FTS *walk, int options), (walk, options))
LOCKED(FTSENT64 *, fts64_read, (FTS64 *walk), (walk))
LOCKED(FTSENT64 *, fts64_children, (FTS64 *walk, int options), (walk, options))
