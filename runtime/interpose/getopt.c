/*
 * getopt.c - options of a command line
 *
 * Besides its variables libc keeps to itself which letter of a word it is at and which words it has moved aside. There is no
 * reentrant form that can be called; so in a call the whole scan is done here, with the results, the order of the words and the
 * messages that libc gives.
 *
 * The variables (optarg, optind, opterr, optopt) are the process's, and the program reads and writes them itself.
 * From its first scan on a call has its own values of them: they are exchanged whenever the call is switched in or out
 * (vars_swap, called by preempt.c). On several kernel threads at once, calls that scan would still meet there.
 *
 * A call's first scan begins at the first word, unless the call has set optind before: unless it differs from what the last scan
 * left. Then the one outside gets back what that was. What a call sets opterr to before its first scan is set outside, too:
 * who did it cannot be told.
 *
 * Context: vars_swap() in signal context, the rest with preemption disabled.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interpose.h"
#include "statics.h"

enum order {
	MOVE,           /* words that are no options are moved behind those that are */
	STOP,           /* the first one ends the scan ('+', POSIXLY_CORRECT) */
	REPORT          /* each is given as the argument of an option 1 ('-') */
};

struct vars {
	char *arg;
	int ind, err, opt;
	int left;                       /* ind as the last scan left it */
};

struct scan {
	struct vars others;             /* the process's, while the call is in; the call's, while it is not */
	bool begun;
	enum order order;
	const char *rest;               /* of a word of several letters, or NULL */
	int aside, aside_end;           /* words that were moved aside: from, up to */
};

/* what a scan is given */
struct line {
	struct scan *scan;
	int argc;
	char **argv;
	const char *letters;            /* without what says the order */
	const struct option *longs;
	int *index;
	bool one_dash, loud;            /* getopt_long_only(); messages */
};

static int left_ind = 1;

static void exchange(struct vars *v)
{
	struct vars now = { optarg, optind, opterr, optopt, left_ind };

	optarg = v->arg;
	optind = v->ind;
	opterr = v->err;
	optopt = v->opt;
	left_ind = v->left;
	*v = now;
}

static void vars_swap(struct statics *statics)
{
	struct pieces *p = (struct pieces *)statics;

	exchange(&((struct scan *)p->at[STATIC_GETOPT].state)->others);
}

static struct scan *scan_of(struct stint *s)
{
	struct scan *scan = statics(s, STATIC_GETOPT, sizeof(*scan), NULL);

	if (!scan || s->own_vars)
		return scan;
	scan->others = (struct vars){ optarg, left_ind, opterr, optopt, left_ind };
	if (optind == left_ind)
		optind = 1;
	s->statics->swap_vars = vars_swap;
	s->own_vars = true;
	return scan;
}

/* --- the words --------------------------------------------------------------------------------- */

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

/* words [from, middle) and [middle, to) change places */
static void rotate(char **argv, int from, int middle, int to)
{
	while (from < middle && middle < to) {
		char *word = argv[middle];

		memmove(&argv[from + 1], &argv[from], sizeof(*argv) * (size_t)(middle - from));
		argv[from] = word;
		from++;
		middle++;
	}
}

/* the options that were found since go in front of the words moved aside */
static void gather(struct line *l)
{
	struct scan *scan = l->scan;
	int found = optind - scan->aside_end;

	if (scan->aside == scan->aside_end) {
		scan->aside = optind;
	} else if (found > 0) {
		rotate(l->argv, scan->aside, scan->aside_end, optind);
		scan->aside += found;
	}
	scan->aside_end = optind;
}

static void begin(struct line *l, const char *letters, bool posix)
{
	struct scan *scan = l->scan;

	if (!optind)
		optind = 1;
	scan->aside = scan->aside_end = optind;
	scan->rest = NULL;
	if (*letters == '-')
		scan->order = REPORT;
	else if (*letters == '+' || posix || getenv("POSIXLY_CORRECT"))
		scan->order = STOP;
	else
		scan->order = MOVE;
	scan->begun = true;
}

/* To the next word that is an option; false if there is none, with what to return in @r. */
static bool next_word(struct line *l, int *r)
{
	struct scan *scan = l->scan;

	*r = -1;
	if (scan->aside_end > optind)   /* the program has gone back */
		scan->aside_end = optind;
	if (scan->aside > optind)
		scan->aside = optind;
	if (scan->order == MOVE) {
		gather(l);
		while (optind < l->argc && !is_option(l->argv[optind]))
			optind++;
		scan->aside_end = optind;
	}
	if (optind < l->argc && !strcmp(l->argv[optind], "--")) {
		optind++;
		gather(l);
		scan->aside_end = optind = l->argc;
	}
	if (optind >= l->argc) {
		if (scan->aside != scan->aside_end)
			optind = scan->aside;
		return false;
	}
	if (is_option(l->argv[optind]))
		return true;
	if (scan->order == REPORT) {
		optarg = l->argv[optind++];
		*r = 1;
	}
	return false;
}

/* --- long options ------------------------------------------------------------------------------ */

#define COMPLAIN(l, message, ...)                                                              \
	do {                                                                                   \
		if ((l)->loud)                                                                 \
			REAL(fprintf)(stderr, libc_message(message), (l)->argv[0], __VA_ARGS__); \
	} while (0)

/* what a lacking argument is returned as */
static int lacking(const struct line *l)
{
	return *l->letters == ':' ? ':' : '?';
}

static bool same(const struct option *a, const struct option *b)
{
	return a->has_arg == b->has_arg && a->flag == b->flag && a->val == b->val;
}

/* The option that the @n first letters of @name are or begin; NULL: none; with @several: more than one. */
static const struct option *find_long(const struct line *l, const char *name, size_t n, bool *several)
{
	const struct option *found = NULL;

	*several = false;
	for (const struct option *o = l->longs; o->name; o++)
		if (!strncmp(o->name, name, n) && strlen(o->name) == n)
			return o;
	for (const struct option *o = l->longs; o->name; o++) {
		if (strncmp(o->name, name, n))
			continue;
		if (!found)
			found = o;
		else if (l->one_dash || !same(o, found))
			*several = true;
	}
	return found;
}

/* all that it may have meant: of those that mean the same as the first, only that */
static void complain_several(const struct line *l, const char *prefix, const char *name, size_t n,
                             const struct option *first)
{
	if (!l->loud)
		return;
	REAL(flockfile)(stderr);
	REAL(fprintf)(stderr, libc_message("%s: option '%s%s' is ambiguous; possibilities:"), l->argv[0], prefix, name);
	for (const struct option *o = l->longs; o->name; o++)
		if (!strncmp(o->name, name, n) && (o == first || l->one_dash || !same(o, first)))
			REAL(fprintf)(stderr, " '%s%s'", prefix, o->name);
	REAL(fprintf)(stderr, "\n");
	REAL(funlockfile)(stderr);
}

static int give_long(struct line *l, const struct option *o, const char *value, const char *prefix)
{
	if (value && !o->has_arg) {
		COMPLAIN(l, "%s: option '%s%s' doesn't allow an argument\n", prefix, o->name);
		optopt = o->val;
		return '?';
	}
	if (value) {
		optarg = (char *)value;
	} else if (o->has_arg == required_argument) {
		if (optind >= l->argc) {
			COMPLAIN(l, "%s: option '%s%s' requires an argument\n", prefix, o->name);
			optopt = o->val;
			return lacking(l);
		}
		optarg = l->argv[optind++];
	}
	if (l->index)
		*l->index = (int)(o - l->longs);
	if (!o->flag)
		return o->val;
	*o->flag = o->val;
	return 0;
}

/* The word, from @name on, is a long option; -1: not one, but it may be letters. */
static int take_long(struct line *l, const char *name, const char *prefix, bool may_be_letters)
{
	size_t n = strcspn(name, "=");
	const struct option *o;
	bool several;

	o = find_long(l, name, n, &several);
	if (!o && may_be_letters)
		return -1;
	l->scan->rest = NULL;
	optind++;
	if (o && !several)
		return give_long(l, o, name[n] ? name + n + 1 : NULL, prefix);
	if (several)
		complain_several(l, prefix, name, n, o);
	else
		COMPLAIN(l, "%s: unrecognized option '%s%s'\n", prefix, name);
	optopt = 0;
	return '?';
}

/* --- letters ----------------------------------------------------------------------------------- */

/* the argument of the letter @c that was taken from scan->rest; returns what to return */
static int take_argument(struct line *l, int c, bool optional)
{
	const char *rest = l->scan->rest;

	l->scan->rest = NULL;
	if (*rest) {
		optarg = (char *)rest;
		optind++;
	} else if (optional) {
		optarg = NULL;
	} else if (optind >= l->argc) {
		COMPLAIN(l, "%s: option requires an argument -- '%c'\n", c);
		optopt = c;
		return lacking(l);
	} else {
		optarg = l->argv[optind++];
	}
	return c;
}

/* -W name is --name, where "W;" is among the letters */
static int take_w(struct line *l)
{
	const char *name = l->scan->rest;

	if (!*name) {
		if (optind >= l->argc) {
			COMPLAIN(l, "%s: option requires an argument -- '%c'\n", 'W');
			optopt = 'W';
			return lacking(l);
		}
		name = l->argv[optind];
	}
	return take_long(l, name, "-W ", false);
}

static int take_letter(struct line *l)
{
	char c = *l->scan->rest++;
	const char *letter = strchr(l->letters, c);

	if (!*l->scan->rest)
		optind++;
	if (!letter || c == ':' || c == ';') {
		COMPLAIN(l, "%s: invalid option -- '%c'\n", c);
		optopt = c;
		return '?';
	}
	if (c == 'W' && letter[1] == ';' && l->longs)
		return take_w(l);
	return letter[1] == ':' ? take_argument(l, c, letter[2] == ':') : c;
}

/* --- all of it --------------------------------------------------------------------------------- */

static int take_word(struct line *l)
{
	const char *word = l->argv[optind];
	int r;

	if (l->longs && word[1] == '-')
		return take_long(l, word + 2, "--", false);
	if (l->longs && l->one_dash && (word[2] || !strchr(l->letters, word[1]))) {
		r = take_long(l, word + 1, "-", strchr(l->letters, word[1]) != NULL);
		if (r != -1)
			return r;
	}
	l->scan->rest = word + 1;
	return take_letter(l);
}

static int scan_line(struct line *l, const char *letters, bool posix)
{
	int r;

	if (l->argc < 1)
		return -1;
	optarg = NULL;
	if (!l->scan->begun || !optind)
		begin(l, letters, posix);
	l->letters = letters + (*letters == '-' || *letters == '+');
	l->loud = opterr && *l->letters != ':';
	if (l->scan->rest && *l->scan->rest)
		return take_letter(l);
	return next_word(l, &r) ? take_word(l) : r;
}

static __attribute__((noinline)) int in_call(struct stint *s, struct line *l, const char *letters, bool posix,
                                             const void *caller)
{
	int r = -1;

	preempt_disable(s);
	l->scan = scan_of(s);
	if (l->scan) {
		r = scan_line(l, letters, posix);
		left_ind = optind;
	}
	preempt_enable(s, caller);
	return r;
}

/* outside calls: what libc has left */
static int left(int r)
{
	left_ind = optind;
	return r;
}

int __posix_getopt(int argc, char *const *argv, const char *letters);

WRAPPER int getopt(int argc, char *const *argv, const char *letters)
{
	struct line l = { .argc = argc, .argv = (char **)argv };

	if (likely(!self()))
		return left(REAL(getopt)(argc, argv, letters));
	return in_call(self(), &l, letters, false, caller_address());
}

WRAPPER int __posix_getopt(int argc, char *const *argv, const char *letters)
{
	struct line l = { .argc = argc, .argv = (char **)argv };

	if (likely(!self()))
		return left(REAL(__posix_getopt)(argc, argv, letters));
	return in_call(self(), &l, letters, true, caller_address());
}

WRAPPER int getopt_long(int argc, char *const *argv, const char *letters, const struct option *longs, int *index)
{
	struct line l = { .argc = argc, .argv = (char **)argv, .longs = longs, .index = index };

	if (likely(!self()))
		return left(REAL(getopt_long)(argc, argv, letters, longs, index));
	return in_call(self(), &l, letters, false, caller_address());
}

WRAPPER int getopt_long_only(int argc, char *const *argv, const char *letters, const struct option *longs, int *index)
{
	struct line l = { .argc = argc, .argv = (char **)argv, .longs = longs, .index = index, .one_dash = true };

	if (likely(!self()))
		return left(REAL(getopt_long_only)(argc, argv, letters, longs, index));
	return in_call(self(), &l, letters, false, caller_address());
}
