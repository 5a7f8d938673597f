/*
 * park_stream.c - threads that wait in the middle of a line, for a stream that another one has, or for room to write do not take
 * their worker with them
 *
 * If they did, a relief would be brought in after a while and all would end well; so it is counted that none ever is.
 */
#include "park.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio_ext.h>
#include <sys/socket.h>
#include <wchar.h>

#define BIG (1 << 18)

/* --- in the middle of a line ----------------------------------------------------------------------- */

static void by_fgets(FILE *f)
{
	char line[64];

	CHECK(fgets(line, sizeof(line), f));
	CHECK_STR(line, "12 34\n");
}

static void by_getline(FILE *f)
{
	char *line = NULL;
	size_t size = 0;

	CHECK_INT(getline(&line, &size, f), ==, 6);
	CHECK_STR(line, "12 34\n");
	free(line);
}

static void by_getdelim(FILE *f)
{
	char *line = NULL;
	size_t size = 0;

	CHECK_INT(getdelim(&line, &size, '\n', f), ==, 6);
	CHECK_STR(line, "12 34\n");
	free(line);
}

static void by_fread(FILE *f)
{
	char line[7] = "";

	CHECK_INT(fread(line, 1, 6, f), ==, 6);
	CHECK_STR(line, "12 34\n");
}

static void by_getc(FILE *f)
{
	for (const char *c = "12 34\n"; *c; c++)
		CHECK_INT(getc(f), ==, *c);
}

static void by_getc_unlocked(FILE *f)
{
	for (const char *c = "12 34\n"; *c; c++)
		CHECK_INT(getc_unlocked(f), ==, *c);
}

static void by_scanf(FILE *f)
{
	int a, b;

	CHECK_INT(fscanf(f, "%d %d", &a, &b), ==, 2);
	CHECK_INT(a, ==, 12);
	CHECK_INT(b, ==, 34);
	CHECK_INT(getc(f), ==, '\n');
}

static void by_fgetws(FILE *f)
{
	wchar_t line[64];

	CHECK(fgetws(line, 64, f));
	CHECK(!wcscmp(line, L"12 34\n"));
}

static void by_hand(FILE *f)
{
	flockfile(f);
	by_getc_unlocked(f);
	funlockfile(f);
}

static void (*const ways[])(FILE *f) = { by_fgets, by_getline, by_getdelim, by_fread, by_getc, by_getc_unlocked, by_scanf,
	                                 by_hand, by_fgetws };
#define WAYS (sizeof(ways) / sizeof(ways[0]))

struct line {
	void (*way)(FILE *f);
	FILE *f;
	int out;
	stint_ns limit;         /* 0: not in a call */
};

static void *reads_in_call(void *arg)
{
	struct line *l = arg;

	l->way(l->f);
	return arg;
}

static void *reads_line(void *arg)
{
	struct line *l = arg;
	stint_t *call;

	about_to_wait();
	if (!l->limit) {
		l->way(l->f);
	} else {
		call = stint_launch(reads_in_call, l, l->limit);
		CHECK(call);
		while (!stint_is_complete(call))
			stint_resume(call, l->limit);
		CHECK(stint_result(call) == l);
		stint_free(call);
	}
	waited();
	return NULL;
}

static void *writes_rest(void *arg)
{
	struct line *l = arg;

	after_it_waits();
	CHECK_INT(write(l->out, "34\n", 3), ==, 3);
	return NULL;
}

/*
 * What is written to a terminal comes to the other end by a kernel thread of its own, and poll() sits in the kernel until that is
 * done, uninterruptibly, where it finds too little: with a relief, if that takes long. So here, where no worker is.
 */
static void arrive(int terminal)
{
	struct pollfd p = { terminal, POLLIN, 0 };
	struct termios raw;

	CHECK_INT(tcgetattr(terminal, &raw), ==, 0);
	raw.c_cc[VMIN] = 255;
	CHECK_INT(tcsetattr(terminal, TCSANOW, &raw), ==, 0);
	CHECK_INT(poll(&p, 1, 0), ==, 0);
	raw.c_cc[VMIN] = 1;
	CHECK_INT(tcsetattr(terminal, TCSANOW, &raw), ==, 0);
}

static void in_a_line(int in, int out, stint_ns limit)
{
	for (int buffered = 0; buffered < 2; buffered++)
		for (size_t i = 0; i < WAYS; i++) {
			struct line l = { ways[i], fdopen(dup(in), "r"), out, limit };

			CHECK(l.f);
			if (!buffered)
				CHECK_INT(setvbuf(l.f, NULL, _IONBF, 0), ==, 0);
			CHECK_INT(write(out, "12 ", 3), ==, 3);
			if (isatty(in))
				arrive(in);
			together(reads_line, writes_rest, &l, &l);
			CHECK_INT(fclose(l.f), ==, 0);
		}
}

static void halves(void)
{
	struct termios raw;
	int fds[2];

	CHECK_INT(pipe(fds), ==, 0);
	in_a_line(fds[0], fds[1], 0);
	in_a_line(fds[0], fds[1], STINT_MS(1));
	close(fds[0]);
	close(fds[1]);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	in_a_line(fds[0], fds[1], 0);
	close(fds[0]);
	close(fds[1]);
	CHECK_INT(openpty(&fds[0], &fds[1], NULL, NULL, NULL), ==, 0);
	CHECK_INT(tcgetattr(fds[1], &raw), ==, 0);
	cfmakeraw(&raw);
	CHECK_INT(tcsetattr(fds[1], TCSANOW, &raw), ==, 0);
	in_a_line(fds[1], fds[0], 0);
	close(fds[0]);
	close(fds[1]);
}

/* of a command: a table of functions of its own */
static void *reads_command(void *arg)
{
	FILE *f = popen("printf '12 '; read x; echo 34", "r");

	CHECK(f);
	about_to_wait();
	by_fgets(f);
	waited();
	CHECK_INT(pclose(f), ==, 0);
	return arg;
}

static void *feeds_command(void *arg)
{
	after_it_waits();
	CHECK_INT(write((int)(intptr_t)arg, "\n", 1), ==, 1);
	return NULL;
}

static void command(void)
{
	int fds[2], before = dup(0);

	CHECK_INT(pipe(fds), ==, 0);
	CHECK_INT(dup2(fds[0], 0), ==, 0);
	together(reads_command, feeds_command, NULL, (void *)(intptr_t)fds[1]);
	CHECK_INT(dup2(before, 0), ==, 0);
	close(before);
	close(fds[0]);
	close(fds[1]);
}

/* --- several at one stream ---------------------------------------------------------------------------- */

struct shared {
	FILE *f;
	int begun, lines[2];
};

static void *reads_whole_lines(void *arg)
{
	struct shared *h = arg;
	char line[64];
	int n;

	__atomic_add_fetch(&h->begun, 1, __ATOMIC_RELEASE);
	CHECK(fgets(line, sizeof(line), h->f));
	CHECK_INT(sscanf(line, "line %d, whole\n", &n), ==, 1);
	CHECK(strstr(line, "whole\n"));
	__atomic_add_fetch(&h->lines[n], 1, __ATOMIC_RELEASE);
	return NULL;
}

/* the second one waits for the first to be done with its line, and yet the one that writes has the worker */
static void no_line_is_torn(void)
{
	struct shared h = { NULL, 0, { 0, 0 } };
	stint_thread_t *t[2];
	int fds[2];

	CHECK_INT(pipe(fds), ==, 0);
	h.f = fdopen(fds[0], "r");
	CHECK_INT(write(fds[1], "line 0, ", 8), ==, 8);
	for (int i = 0; i < 2; i++)
		t[i] = thread(reads_whole_lines, &h);
	while (__atomic_load_n(&h.begun, __ATOMIC_ACQUIRE) < 2)
		sleep_ns(100000);
	settle();
	CHECK_INT(write(fds[1], "whole\nline 1, wh", 16), ==, 16);
	settle();
	CHECK_INT(write(fds[1], "ole\n", 4), ==, 4);
	for (int i = 0; i < 2; i++)
		joined(t[i]);
	CHECK_INT(h.lines[0], ==, 1);
	CHECK_INT(h.lines[1], ==, 1);
	fclose(h.f);
	close(fds[1]);
}

static void *reads_whole_lines_in_call(void *arg)
{
	stint_t *call = stint_launch(reads_whole_lines, arg, STINT_MS(1));

	CHECK(call);
	while (!stint_is_complete(call))
		stint_resume(call, STINT_MS(1));
	stint_free(call);
	return NULL;
}

/* both wait, and two lines come at once: who reads first has read the other one's as well, which is in the buffer then */
static void one_reads_for_both(stint_fn *reads)
{
	struct shared h = { NULL, 0, { 0, 0 } };
	stint_thread_t *t[2];
	int fds[2];

	CHECK_INT(pipe(fds), ==, 0);
	h.f = fdopen(fds[0], "r");
	for (int i = 0; i < 2; i++)
		t[i] = thread(reads, &h);
	while (__atomic_load_n(&h.begun, __ATOMIC_ACQUIRE) < 2)
		sleep_ns(100000);
	settle();
	CHECK_INT(write(fds[1], "line 0, whole\nline 1, whole\n", 28), ==, 28);
	for (int i = 0; i < 2; i++)
		joined(t[i]);
	CHECK_INT(h.lines[0], ==, 1);
	CHECK_INT(h.lines[1], ==, 1);
	fclose(h.f);
	close(fds[1]);
}

/* it waits for a kernel thread, which does not tell when it is done */
static void *wants_stream(void *arg)
{
	about_to_wait();
	CHECK_INT(fputs("x\n", arg), >=, 0);
	waited();
	return NULL;
}

static void *runs_meanwhile(void *arg)
{
	after_it_waits();
	__atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void of_a_kernel_thread(void)
{
	FILE *f = fopen("/dev/null", "w");
	stint_thread_t *one, *other;
	int ran = 0;

	CHECK(f);
	CHECK_INT(pipe(go), ==, 0);
	flockfile(f);
	one = thread(wants_stream, f);
	other = thread(runs_meanwhile, &ran);
	while (!__atomic_load_n(&ran, __ATOMIC_ACQUIRE))
		sleep_ns(100000);
	settle();
	funlockfile(f);
	joined(one);
	joined(other);
	close(go[0]);
	close(go[1]);
	fclose(f);
}

/* --- being told that a stream is free ------------------------------------------------------------------ */

struct handing {
	FILE *f;
	void (*lock)(FILE *f), (*unlock)(FILE *f);
	int had;
};

static void nothing(FILE *f)
{
	(void)f;
}

/* who waits is ready when the stream is free, and not when it happens to look the next time */
static void *hands_on(void *arg)
{
	struct handing *h = arg;
	char line[64];

	h->lock(h->f);
	CHECK(fgets(line, sizeof(line), h->f));
	h->unlock(h->f);
	stint_thread_yield();
	CHECK_INT(h->had, ==, 1);
	return NULL;
}

static void *has_it_next(void *arg)
{
	struct handing *h = arg;

	CHECK(!ferror(h->f));
	h->had = 1;
	return NULL;
}

static void *comes_last(void *arg)
{
	CHECK_INT(((struct handing *)arg)->had, ==, 0);
	return NULL;
}

/* one after the other, each until it waits: one worker, and a policy without turns */
static void handed_on(void (*lock)(FILE *f), void (*unlock)(FILE *f))
{
	struct handing h = { NULL, lock, unlock, 0 };
	stint_thread_t *one, *other;
	int fds[2];

	CHECK_INT(pipe(fds), ==, 0);
	h.f = fdopen(fds[0], "r");
	CHECK_INT(write(fds[1], "half ", 5), ==, 5);
	one = thread(hands_on, &h);
	other = thread(has_it_next, &h);
	joined(thread(comes_last, &h));
	settle();                       /* it looks less and less often */
	CHECK_INT(write(fds[1], "and half\n", 9), ==, 9);
	joined(one);
	joined(other);
	fclose(h.f);
	close(fds[1]);
}

static void told(void)
{
	park_start_with(1, "fifo");
	for (int i = 0; i < 3; i++) {
		handed_on(nothing, nothing);
		handed_on(flockfile, funlockfile);
	}
	CHECK_INT(reliefs(), ==, 0);
	park_stop_all();
}

/* --- writing ------------------------------------------------------------------------------------------ */

static void by_fwrite(FILE *f, const char *text)
{
	CHECK_INT(fwrite(text, 1, BIG, f), ==, BIG);
	CHECK_INT(fflush(f), ==, 0);
}

static void by_fprintf(FILE *f, const char *text)
{
	CHECK_INT(fprintf(f, "%s", text), ==, BIG);
	CHECK_INT(fflush(f), ==, 0);
}

static void by_putc(FILE *f, const char *text)
{
	for (; *text; text++)
		CHECK_INT(putc(*text, f), ==, *text);
	CHECK_INT(fflush(f), ==, 0);
}

static void by_dprintf(FILE *f, const char *text)
{
	CHECK_INT(dprintf(fileno_unlocked(f), "%s", text), ==, BIG);
}

static void (*const outs[])(FILE *f, const char *text) = { by_fwrite, by_fprintf, by_putc, by_dprintf };

struct output {
	void (*way)(FILE *f, const char *text);
	FILE *f;
	int in;
};

static char text[BIG + 1];

static void *writes(void *arg)
{
	struct output *o = arg;

	about_to_wait();
	o->way(o->f, text);
	waited();
	CHECK(!ferror(o->f));
	CHECK_INT(fclose(o->f), ==, 0);
	return NULL;
}

static void *takes(void *arg)
{
	static char got[BIG];
	struct output *o = arg;
	size_t n = 0;
	ssize_t r;

	after_it_waits();
	while (n < BIG) {
		r = read(o->in, got + n, BIG - n);
		CHECK_INT(r, >, 0);
		n += (size_t)r;
	}
	CHECK_INT(read(o->in, got, 1), ==, 0);
	CHECK(!memcmp(got, text, BIG));
	return NULL;
}

static void outputs(void)
{
	for (int i = 0; i < BIG; i++)
		text[i] = (char)('a' + i % 23);
	for (int socket = 0; socket < 2; socket++)
		for (size_t i = 0; i < sizeof(outs) / sizeof(outs[0]); i++) {
			struct output o = { .way = outs[i] };
			int fds[2];

			CHECK_INT(socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : pipe(fds), ==, 0);
			o.in = fds[0];
			o.f = fdopen(fds[1], "w");
			together(writes, takes, &o, &o);
			close(fds[0]);
		}
}

/* to one that has gone: the error is what it is without us */
static void *writes_to_nobody(void *arg)
{
	FILE *f = arg;

	CHECK_INT(fputs("to nobody", f), >=, 0);
	CHECK_INT(fflush(f), ==, EOF);
	CHECK_INT(errno, ==, EPIPE);
	CHECK(ferror(f));
	return NULL;
}

static void nobody(void)
{
	int fds[2];
	FILE *f;

	CHECK_INT(pipe(fds), ==, 0);
	close(fds[0]);
	f = fdopen(fds[1], "w");
	joined(thread(writes_to_nobody, f));
	__fpurge(f);
	fclose(f);
}

/* what the program has made non-blocking does not wait */
static void *reads_nonblocking(void *arg)
{
	FILE *f = arg;
	char line[64];

	CHECK(fgets(line, sizeof(line), f));
	CHECK_STR(line, "half");
	CHECK_INT(errno, ==, EAGAIN);
	CHECK(ferror(f));
	return NULL;
}

static void nonblocking(void)
{
	int fds[2];
	FILE *f;

	CHECK_INT(pipe2(fds, O_NONBLOCK), ==, 0);
	CHECK_INT(write(fds[1], "half", 4), ==, 4);
	f = fdopen(fds[0], "r");
	joined(thread(reads_nonblocking, f));
	fclose(f);
	close(fds[1]);
}

/* --- being cancelled ---------------------------------------------------------------------------------- */

/*
 * The library's references to errno come here as well, as they come to a function of libc's that a thread may be stopped in. One of
 * them lies in the wait for a line, and there the thread must not be: long enough to be found there.
 */
static volatile int64_t errno_takes_ns;

int *__errno_location(void)
{
	static int *(*real)(void);

	if (!real)
		real = (int *(*)(void))dlsym(RTLD_NEXT, "__errno_location");
	if (errno_takes_ns)
		spin_ns(errno_takes_ns);
	return real();
}

static void *never_ends(void *arg)
{
	char line[64];

	about_to_wait();
	fgets(line, sizeof(line), arg);
	test_fail(__FILE__, __LINE__, "went on after its end");
}

static void *reads_after(void *arg)
{
	char line[64];

	CHECK(fgets(line, sizeof(line), arg));
	return strdup(line);
}

/* in the middle of a line; the stream is free for others then */
static void cancelled(void)
{
	stint_thread_t *t;
	char c, *line;
	int fds[2];
	FILE *f;

	CHECK_INT(pipe(go), ==, 0);
	CHECK_INT(pipe(fds), ==, 0);
	f = fdopen(fds[0], "r");
	CHECK_INT(write(fds[1], "lost ", 5), ==, 5);
	t = thread(never_ends, f);
	CHECK_INT(read(go[0], &c, 1), ==, 1);
	settle();
	errno_takes_ns = 5000000;
	CHECK_INT(stint_thread_cancel(t), ==, 0);
	joined(t);
	errno_takes_ns = 0;
	CHECK_INT(ftrylockfile(f), ==, 0);
	clearerr(f);
	funlockfile(f);
	CHECK_INT(write(fds[1], "kept\n", 5), ==, 5);
	line = joined(thread(reads_after, f));
	CHECK_STR(line, "kept\n");
	free(line);
	fclose(f);
	close(fds[1]);
	close(go[0]);
	close(go[1]);
}

static void *reads_until_cancelled(void *arg)
{
	char line[64];

	while (arg)
		fgets(line, sizeof(line), arg);
	return arg;
}

/* wherever it is: on its way to libc, there, or waiting */
static void cancelled_anywhere(void)
{
	struct rng r;
	int fds[2];
	FILE *f;

	rng_seed(&r, test_seed());
	for (int i = 0; i < 400; i++) {
		stint_thread_t *t;

		CHECK_INT(pipe(fds), ==, 0);
		f = fdopen(fds[0], "r");
		CHECK(f);
		CHECK_INT(write(fds[1], "half", 4), ==, 4);
		t = thread(reads_until_cancelled, f);
		spin_ns((int64_t)rng_below(&r, 60000));
		CHECK_INT(stint_thread_cancel(t), ==, 0);
		joined(t);
		CHECK_INT(ftrylockfile(f), ==, 0);
		funlockfile(f);
		fclose(f);
		close(fds[1]);
	}
}

int main(void)
{
	uint64_t spawning;

	test_watchdog();
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(park_workers) / sizeof(park_workers[0]); i++) {
		printf("%u workers\n", park_workers[i]);
		park_start(park_workers[i]);
		halves();
		CHECK_INT(reliefs(), ==, 0);
		puts("a command");
		command();
		spawning = reliefs();           /* which waits for the command to begin */
		puts("shared");
		no_line_is_torn();
		one_reads_for_both(reads_whole_lines);
		one_reads_for_both(reads_whole_lines_in_call);
		of_a_kernel_thread();
		puts("writing");
		outputs();
		nobody();
		nonblocking();
		puts("cancelled");
		cancelled();
		cancelled_anywhere();
		CHECK_INT(reliefs(), ==, spawning);
		park_stop_all();
	}
	puts("told");
	told();
	return 0;
}
