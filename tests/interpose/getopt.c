/*
 * getopt.c - scanning command lines in calls
 *
 * What the library does in a call is compared with what libc does outside, over random command lines of words that are alike: each
 * result, the variables, the order of the words, the messages. And scans in two calls and outside go on side by side, with
 * the program's variables right for each.
 */
#include "../test.h"

#include <fcntl.h>
#include <getopt.h>

#include <stint.h>

int __posix_getopt(int argc, char *const *argv, const char *letters);

#define WORDS_MAX 9
#define STEPS_MAX 40

static int flag;
static const struct option longs[] = {
	{ "alpha", no_argument, NULL, 1001 },
	{ "alphabet", required_argument, NULL, 1002 },
	{ "beta", optional_argument, NULL, 1003 },
	{ "be", no_argument, NULL, 1004 },
	{ "gamma", no_argument, &flag, 1005 },
	{ "delta", no_argument, NULL, 1006 },
	{ "delve", no_argument, NULL, 1006 },
	{ "a", required_argument, NULL, 1007 },
	{ NULL, 0, NULL, 0 },
};

static const char *const words[] = {
	"-a", "-b", "-ab", "-c", "-cvalue", "-d", "-dvalue", "-abcx", "--", "-", "plain", "other", "", "-x", "-:", "-;",
	"--alpha", "--alph", "--al=3", "--alpha=3", "--alphabet", "--alphabet=x", "--beta", "--beta=y", "--b", "--be", "--bet",
	"--gamma", "--g", "--gamma=z", "--del", "--delt", "--nothing", "--nothing=1", "-alpha", "-beta", "-gamma", "-del",
	"-W", "-Walpha", "alpha", "-Wbeta=z", "--=", "-alphabet=q", "-bx", "--a", "--a=5", "-e", "-ee", "-delta",
};
static const char *const letter_sets[] = {
	"abc:d::", "+abc:d::", "-abc:d::", ":abc:d::", "+:ac:", "-:abc:d::", "abc:d::W;e", "", "bx", "a:b:c:d:",
};

struct scan {
	unsigned kind;                  /* which of the four functions */
	const char *letters;
	int argc, err;
	const char *argv[WORDS_MAX + 1];
	const char *messages;           /* file that they go to */
	size_t n;
	char text[8000];
};

static void __attribute__((format(printf, 2, 3))) say(struct scan *s, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	s->n += (size_t)vsnprintf(s->text + s->n, sizeof(s->text) - s->n, format, ap);
	va_end(ap);
	CHECK_INT(s->n, <, sizeof(s->text));
}

static int next(struct scan *s, int *index)
{
	char *const *argv = (char *const *)s->argv;

	switch (s->kind) {
	case 0:
		return getopt(s->argc, argv, s->letters);
	case 1:
		return __posix_getopt(s->argc, argv, s->letters);
	case 2:
		return getopt_long(s->argc, argv, s->letters, longs, index);
	default:
		return getopt_long_only(s->argc, argv, s->letters, longs, index);
	}
}

/* a whole line, from the beginning; stops after an error now and then, as programs do */
static void scan(struct scan *s)
{
	int r, index, steps = 0;

	s->n = 0;
	optind = 0;
	opterr = s->err;
	optopt = -3;
	flag = 0;
	do {
		index = -7;
		r = next(s, &index);
		say(s, "%d %d %d %s %d %d\n", r, optind, r == '?' || r == ':' ? optopt : 0, optarg ? optarg : "(none)", index,
		    flag);
	} while (r != -1 && ++steps < STEPS_MAX);
	for (int i = 0; i < s->argc; i++)
		say(s, "<%s>", s->argv[i]);
}

static void *scans(void *arg)
{
	scan(arg);
	return arg;
}

static void random_line(struct scan *s, struct rng *r)
{
	memset(s, 0, sizeof(*s));
	s->kind = (unsigned)rng_below(r, 4);
	s->letters = letter_sets[rng_below(r, sizeof(letter_sets) / sizeof(letter_sets[0]))];
	s->argc = 1 + (int)rng_below(r, WORDS_MAX - 1);
	s->err = rng_below(r, 3) != 0;
	s->argv[0] = "program";
	for (int i = 1; i < s->argc; i++)
		s->argv[i] = words[rng_below(r, sizeof(words) / sizeof(words[0]))];
}

/* what went to stderr since @from */
static void read_messages(struct scan *s, int fd, off_t from)
{
	char buf[6000];
	ssize_t n;

	fflush(stderr);
	n = pread(fd, buf, sizeof(buf) - 1, from);
	CHECK_INT(n, >=, 0);
	buf[n] = '\0';
	say(s, "\n%s", buf);
}

static void against_libc(struct rng *r)
{
	static struct scan outside, inside;
	char path[] = "/tmp/stint-getopt.XXXXXX";
	int fd = mkstemp(path), kept = dup(2), messages = 0;

	CHECK(fd >= 0 && kept >= 0);
	CHECK_INT(unlink(path), ==, 0);
	for (int i = 0; i < 20000; i++) {
		stint_t *call;

		random_line(&outside, r);
		inside = outside;
		CHECK_INT(ftruncate(fd, 0), ==, 0);
		CHECK_INT(lseek(fd, 0, SEEK_SET), ==, 0);
		CHECK_INT(dup2(fd, 2), ==, 2);
		scan(&outside);
		read_messages(&outside, fd, 0);
		CHECK_INT(ftruncate(fd, 0), ==, 0);
		CHECK_INT(lseek(fd, 0, SEEK_SET), ==, 0);
		call = stint_launch(scans, &inside, STINT_FOREVER);
		CHECK(stint_is_complete(call));
		stint_free(call);
		read_messages(&inside, fd, 0);
		CHECK_INT(dup2(kept, 2), ==, 2);
		if (strcmp(inside.text, outside.text))
			test_fail(__FILE__, __LINE__, "function %u, letters \"%s\":\n%s\nnot\n%s", outside.kind, outside.letters,
			          inside.text, outside.text);
		messages += strstr(outside.text, "program:") != NULL;
	}
	printf("20000 lines, messages for %d\n", messages);
	CHECK_INT(messages, >, 1000);
	close(fd);
	close(kept);
}

/* --- side by side ------------------------------------------------------------------------------ */

/* without setting optind: a first scan begins at the first word */
static void scan_slowly(struct scan *s, void (*between)(void))
{
	int r, index;

	s->n = 0;
	do {
		index = -7;
		r = next(s, &index);
		between();
		say(s, "%d %d %s\n", r, optind, optarg ? optarg : "(none)");
	} while (r != -1);
	for (int i = 0; i < s->argc; i++)
		say(s, "<%s>", s->argv[i]);
}

static void *pauses(void *arg)
{
	scan_slowly(arg, stint_pause);
	return arg;
}

static stint_t *calls[2];

static void others_go_on(void)
{
	int ind = optind;

	for (int i = 0; i < 2; i++)
		if (calls[i] && !stint_is_complete(calls[i]))
			CHECK_INT(stint_resume(calls[i], STINT_FOREVER), !=, ETIMEDOUT);
	CHECK_INT(optind, ==, ind);
}

static void nothing(void)
{
}

static void *scans_alone(void *arg)
{
	scan_slowly(arg, nothing);
	return arg;
}

static void side_by_side(struct rng *r)
{
	static struct scan wanted[3], got[3];

	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 3; i++) {
			stint_t *s;

			random_line(&got[i], r);
			got[i].err = 0;
			wanted[i] = got[i];
			opterr = 0;
			s = stint_launch(scans_alone, &wanted[i], STINT_FOREVER);
			CHECK(stint_is_complete(s));
			stint_free(s);
		}
		for (int i = 0; i < 2; i++)
			calls[i] = stint_launch(pauses, &got[i], 0);
		optind = 0;
		scan_slowly(&got[2], others_go_on);
		for (int i = 0; i < 2; i++) {
			while (!stint_is_complete(calls[i]))
				CHECK_INT(stint_resume(calls[i], STINT_FOREVER), !=, ETIMEDOUT);
			stint_free(calls[i]);
			calls[i] = NULL;
		}
		for (int i = 0; i < 3; i++)
			CHECK_STR(got[i].text, wanted[i].text);
	}
}

/* stopped by ticks, in a chain, taken up again, and cancelled */
static volatile int leave;

static void *inner_scan(void *arg)
{
	char *line[] = { (char *)"p", (char *)"-a", (char *)"-b", (char *)"x", NULL };

	CHECK_INT(getopt(4, line, "ab"), ==, 'a');
	CHECK_INT(optind, ==, 2);
	while (!leave)
		CHECK_INT(optind, ==, 2);
	CHECK_INT(getopt(4, line, "ab"), ==, 'b');
	CHECK_INT(optind, ==, 3);
	return arg;
}

static void *outer_scan(void *arg)
{
	char *line[] = { (char *)"p", (char *)"-x", (char *)"-cvalue", (char *)"-y", NULL };
	stint_t *s;

	CHECK_INT(getopt(4, line, "xyc:"), ==, 'x');
	CHECK_INT(getopt(4, line, "xyc:"), ==, 'c');
	s = stint_launch(inner_scan, arg, STINT_FOREVER);
	CHECK(stint_is_complete(s));
	stint_free(s);
	CHECK_INT(optind, ==, 3);
	CHECK_STR(optarg, "value");
	CHECK_INT(getopt(4, line, "xyc:"), ==, 'y');
	CHECK_INT(getopt(4, line, "xyc:"), ==, -1);
	CHECK_INT(optind, ==, 4);
	return arg;
}

static void in_a_chain(bool cancel)
{
	char *line[] = { (char *)"p", (char *)"-q", (char *)"-rs", (char *)"t", (char *)"u", NULL };
	stint_t *s;

	optind = 0;
	leave = false;
	CHECK_INT(getopt(5, line, "qrs"), ==, 'q');
	CHECK_INT(getopt(5, line, "qrs"), ==, 'r');
	s = stint_launch(outer_scan, &s, STINT_MS(2));
	CHECK(s);
	for (int i = 0; i < 5; i++) {
		CHECK_INT(optind, ==, 2);
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	}
	if (!cancel) {
		leave = true;
		CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	}
	stint_free(s);
	CHECK_INT(optind, ==, 2);
	CHECK_INT(getopt(5, line, "qrs"), ==, 's');
	CHECK_INT(optind, ==, 3);
	CHECK_INT(getopt(5, line, "qrs"), ==, -1);
	CHECK_INT(optind, ==, 3);
}

int main(void)
{
	struct rng r;

	test_watchdog();
	rng_seed(&r, test_seed());
	against_libc(&r);
	side_by_side(&r);
	for (int i = 0; i < 3; i++) {
		in_a_chain(false);
		in_a_chain(true);
	}
	return 0;
}
