/*
 * callbacks.c - functions of libc that call the program: a call is stopped in the program's function, and goes on; results are
 * those of an undisturbed run; a cancel there gives back what libc had in hand; where libc holds a lock, it is not stopped
 */
#include "../test.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <link.h>
#include <pthread.h>
#include <search.h>
#include <setjmp.h>
#include <sys/stat.h>

#include <stint.h>

#define FILES 12
#define ITEMS 3000
#define CANCELS 300

static char top[] = "/tmp/callbacks.XXXXXX";
static struct rng rng;

static void make_tree(void)
{
	char path[100];

	CHECK(mkdtemp(top));
	for (int d = 0; d < 4; d++) {
		snprintf(path, sizeof(path), "%s/%c", top, 'a' + d);
		CHECK_INT(mkdir(path, 0700), ==, 0);
		for (int i = 0; i < FILES; i++) {
			int fd;

			snprintf(path, sizeof(path), "%s/%c/%d", top, 'a' + d, i);
			fd = open(path, O_CREAT | O_WRONLY, 0600);
			CHECK_INT(fd, >=, 0);
			close(fd);
		}
	}
}

static void remove_tree(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", top);
	CHECK_INT(system(command), ==, 0);
}

/* --- what the program's functions do: count, add up, and take @work of time or leave by @how --------- */

enum how { RUN, PAUSE, JUMP };
static __thread unsigned long sum;      /* each call has its own */
static long in_callback, stopped_inside;
static enum how how;
static int when;                        /* in the when-th call of a function */
static __thread int calls;
static __thread jmp_buf out;

static int called(const char *text)
{
	in_callback++;
	for (; text && *text; text++)
		sum = sum * 31 + (unsigned char)*text;
	for (volatile int i = 0; i < 200; i++)
		;
	calls++;
	if (how == PAUSE && calls == when)
		stint_pause();
	in_callback--;
	if (how == JUMP && calls == when)
		longjmp(out, 1);
	return 0;
}

static int on_file(const char *path, const struct stat *st, int type)
{
	CHECK(st->st_mode);
	CHECK(type == FTW_F || type == FTW_D);
	return called(path);
}

static int on_file_too(const char *path, const struct stat *st, int type, struct FTW *at)
{
	CHECK_INT(at->level, <=, 2);
	CHECK(type == FTW_F || type == FTW_DP);
	CHECK(st->st_mode);
	return called(path);
}

static int no_dots(const struct dirent *entry)
{
	called(entry->d_name);
	return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	called((*a)->d_name);
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int on_error(const char *path, int err)
{
	CHECK_INT(err, ==, ENOTDIR);
	return called(path);
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	called(NULL);
	return (x > y) - (x < y);
}

static int by_number_for(const void *a, const void *b, void *arg)
{
	CHECK_INT(*(int *)arg, ==, 7);
	return by_number(a, b);
}

static void *my_opendir(const char *path)
{
	called(path);
	return opendir(path);
}

static struct dirent *my_readdir(void *dir)
{
	struct dirent *entry = readdir(dir);

	called(entry ? entry->d_name : NULL);
	return entry;
}

static void my_closedir(void *dir)
{
	called("close");
	closedir(dir);
}

static int my_stat(const char *path, struct stat *st)
{
	called("stat");
	return stat(path, st);
}

/* --- the functions ----------------------------------------------------------------------------- */

static void do_ftw(void)
{
	CHECK_INT(ftw(top, on_file, 2), ==, 0);
	CHECK_INT(ftw64(top, (__ftw64_func_t)(void *)on_file, 10), ==, 0);
}

static void do_nftw(void)
{
	CHECK_INT(nftw(top, on_file_too, 1, FTW_DEPTH | FTW_PHYS), ==, 0);
	CHECK_INT(nftw64(top, (__nftw64_func_t)(void *)on_file_too, 10, FTW_DEPTH), ==, 0);
}

static void do_scandir(void)
{
	struct dirent **list;
	char path[100];
	int n;

	snprintf(path, sizeof(path), "%s/b", top);
	n = scandir(path, &list, no_dots, by_name);
	CHECK_INT(n, ==, FILES);
	CHECK_STR(list[1]->d_name, "1");
	CHECK_STR(list[2]->d_name, "10");
	while (n > 0)
		free(list[--n]);
	free(list);
	n = scandirat(AT_FDCWD, path, &list, NULL, by_name);
	CHECK_INT(n, ==, FILES + 2);
	while (n > 0)
		free(list[--n]);
	free(list);
}

static void do_glob(void)
{
	char pattern[100];
	glob_t g = { .gl_opendir = my_opendir, .gl_readdir = my_readdir, .gl_closedir = my_closedir,
		     .gl_stat = my_stat, .gl_lstat = my_stat };

	snprintf(pattern, sizeof(pattern), "%s/?/1*", top);
	CHECK_INT(glob(pattern, GLOB_ALTDIRFUNC, on_error, &g), ==, 0);
	CHECK_INT(g.gl_pathc, ==, 4 * 3);
	CHECK(g.gl_readdir == my_readdir && g.gl_lstat == my_stat);
	CHECK(strstr(g.gl_pathv[11], "/d/11"));
	globfree(&g);
	snprintf(pattern, sizeof(pattern), "%s/a/1/*", top);
	CHECK_INT(glob(pattern, 0, on_error, &g), ==, GLOB_NOMATCH);
	snprintf(pattern, sizeof(pattern), "%s/[ab]/*/", top);
	CHECK_INT(glob(pattern, GLOB_MARK, on_error, &g), ==, GLOB_NOMATCH);
}

static void do_qsort(void)
{
	int item[ITEMS], seven = 7;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < ITEMS; i++)
			item[i] = (int)(i * 7919L % ITEMS);
		if (round == 0)
			qsort(item, ITEMS, sizeof(item[0]), by_number);
		else
			qsort_r(item, ITEMS, sizeof(item[0]), by_number_for, &seven);
		for (int i = 0; i < ITEMS; i++)
			CHECK_INT(item[i], ==, i);
	}
}

static void do_search(void)
{
	static const int item[] = { 1, 3, 5, 7, 9, 11 };
	size_t n = 6;
	int x = 7;

	for (int i = 0; i < 100; i++) {
		CHECK(bsearch(&x, item, n, sizeof(x), by_number) == &item[3]);
		CHECK(lfind(&x, item, &n, sizeof(x), by_number) == &item[3]);
	}
}

static __thread int in_tree;

static void on_node(const void *node, VISIT visit, int level)
{
	(void)node;
	(void)level;
	called(NULL);
	in_tree += visit == preorder || visit == leaf;
}

static void on_item(void *item)
{
	(void)item;
	called(NULL);
}

/* nothing that a cancel could give back: it is the program's tree */
static void do_tree(void)
{
	static int item[100];
	void *root = NULL;

	in_tree = 0;
	for (int i = 0; i < 100; i++) {
		item[i] = i * 37 % 100;
		CHECK(tsearch(&item[i], &root, by_number));
	}
	CHECK(tfind(&item[5], &root, by_number));
	CHECK(tdelete(&item[6], &root, by_number));
	twalk(root, on_node);
	CHECK_INT(in_tree, ==, 99);
	tdestroy(root, on_item);
}

static void on_dir(void)
{
	struct dirent **list;
	int n;

	do_qsort();
	n = scandir(top, &list, no_dots, by_name);
	CHECK_INT(n, ==, 4);
	while (n > 0)
		free(list[--n]);
	free(list);
}

static int nests(const char *path, const struct stat *st, int type)
{
	if (type == FTW_D)
		on_dir();
	return on_file(path, st, type);
}

/* a sort and a scan in each directory of a walk */
static void do_nested(void)
{
	CHECK_INT(ftw(top, nests, 3), ==, 0);
}

struct kind {
	const char *name;
	void (*run)(void);
	int cancel_at;          /* a call of the program's function in which to cancel; 0: not */
	unsigned long sum;
	int calls;
};

static struct kind kinds[] = {
	{ "ftw", do_ftw, 20, 0, 0 },
	{ "nftw", do_nftw, 20, 0, 0 },
	{ "scandir, selecting", do_scandir, 5, 0, 0 },
	{ "scandir, comparing", do_scandir, FILES + 10, 0, 0 },
	{ "glob, reading", do_glob, 30, 0, 0 },
	{ "qsort", do_qsort, 5000, 0, 0 },
	{ "bsearch, lfind", do_search, 50, 0, 0 },
	{ "tsearch and so on", do_tree, 0, 0, 0 },
	{ "nested", do_nested, 30000, 0, 0 },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void *runs(void *arg)
{
	struct kind *k = arg;

	sum = 0;
	calls = 0;
	if (how == JUMP && setjmp(out)) {
		/* use the stack below, where what was jumped over lay */
		how = RUN;
		do_qsort();
		stint_pause();
		return arg;
	}
	k->run();
	if (how == RUN && k->calls) {
		CHECK_INT(sum, ==, k->sum);
		CHECK_INT(calls, ==, k->calls);
	} else {
		k->sum = sum;
		k->calls = calls;
	}
	return arg;
}

/* two calls side by side and the caller itself */
static void stopped_at_random(struct kind *k, int64_t span)
{
	int64_t end = now_ns() + span;

	stopped_inside = 0;
	do {
		stint_t *s[2] = { stint_launch(runs, k, 0), stint_launch(runs, k, 0) };
		int left = 2;

		while (left) {
			int i = (int)rng_below(&rng, 2);

			if (stint_is_complete(s[i]))
				continue;
			in_callback = 0;
			if (stint_resume(s[i], STINT_US(1 + rng_below(&rng, 60))) == 0)
				left--;
			else
				stopped_inside += in_callback > 0;
		}
		stint_free(s[0]);
		stint_free(s[1]);
		runs(k);
	} while (now_ns() < end || (!stopped_inside && now_ns() < end + STINT_S(20)));
	printf("%s: %d calls of ours, stopped in %ld\n", k->name, k->calls, stopped_inside);
	CHECK_INT(stopped_inside, >, 0);
}

static void cancel_once(struct kind *k)
{
	stint_t *s = stint_launch(runs, k, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
}

static void cancelled_inside(struct kind *k)
{
	int fds = count_fds();
	size_t heap;

	how = PAUSE;
	when = k->cancel_at;
	/* libc's caches fill up first, and count as in use */
	for (int i = 0; i < CANCELS / 3; i++)
		cancel_once(k);
	heap = heap_in_use();
	for (int i = 0; i < CANCELS; i++)
		cancel_once(k);
	how = RUN;
	CHECK_INT(count_fds(), ==, fds);
	/* a little more may be in caches; a leak would be of at least one block each time, of 32 bytes and more */
	CHECK_INT(heap_in_use(), <, heap + CANCELS * 24);
}

/* what is jumped out of is not gone back to */
static void jumped_out(struct kind *k)
{
	stint_t *s;

	how = JUMP;
	when = k->cancel_at;
	s = stint_launch(runs, k, STINT_S(100));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	how = RUN;
}

/* --- where libc holds a lock ------------------------------------------------------------------- */

static volatile int objects;

static int on_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	if (arg)
		stint_pause();
	else
		spin_ns(STINT_MS(3));
	return ++objects == 2;
}

static void *walks_objects(void *arg)
{
	CHECK_INT(dl_iterate_phdr(on_object, arg), ==, 1);
	return arg;
}

static void *locks_loader(void *arg)
{
	objects = 0;
	walks_objects(NULL);
	return arg;
}

static void loader(void)
{
	stint_t *s = stint_launch(walks_objects, NULL, STINT_MS(1));
	pthread_t t;

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	while (!objects)        /* a slow machine: not there yet */
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(objects, ==, 2);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);

	objects = 0;
	s = stint_launch(walks_objects, &t, STINT_S(100));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(objects, ==, 0);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK_INT(objects, ==, 0);
	stint_free(s);
	CHECK_INT(pthread_create(&t, NULL, locks_loader, NULL), ==, 0);
	CHECK_INT(pthread_join(t, NULL), ==, 0);
}

static int jumps_away(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	(void)arg;
	longjmp(out, 1);
}

static volatile int in_walk, handled;

static void jump_to_handler(int signo)
{
	(void)signo;
	longjmp(out, 1);
}

/* a handler of the program's jumps back into the program's function: it is deferred as before */
static int handles(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	(void)arg;
	in_walk = 1;
	signal(SIGUSR2, jump_to_handler);
	if (!setjmp(out))
		raise(SIGUSR2);
	spin_ns(STINT_MS(3));
	handled = 1;
	objects++;
	return 1;
}

static void *jumps_in_walks(void *arg)
{
	CHECK_INT(dl_iterate_phdr(handles, NULL), ==, 1);
	if (!setjmp(out))
		dl_iterate_phdr(jumps_away, NULL);
	for (;;)
		objects++;
	return arg;
}

/* in a child, because ld.so's lock stays locked */
static void jump_out_of_loader(void)
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (pid == 0) {
		stint_t *s;

		test_child();
		objects = 0;
		s = stint_launch(jumps_in_walks, NULL, STINT_MS(1));
		while (!in_walk)
			CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
		CHECK(handled);
		for (int i = 0; i < 10; i++)
			CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
		CHECK_INT(objects, >, 1);
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static volatile int made;

static void makes(void)
{
	stint_pause();
	spin_ns(STINT_MS(3));
	made++;
}

static void *makes_once(void *arg)
{
	CHECK_INT(pthread_once(&once, makes), ==, 0);
	return arg;
}

/* stopped only when it is done; cancelled halfway, it is as if never begun */
static void once_only(void)
{
	stint_t *s = stint_launch(makes_once, NULL, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	CHECK_INT(made, ==, 0);
	s = stint_launch(makes_once, NULL, STINT_S(100));
	CHECK(s);
	CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(made, ==, 1);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
	makes_once(NULL);
	CHECK_INT(made, ==, 1);
}

int main(void)
{
	int64_t span = STINT_S(test_seconds(5)) / (int64_t)KINDS;

	test_watchdog();
	rng_seed(&rng, test_seed());
	make_tree();
	for (size_t i = 0; i < KINDS; i++) {
		runs(&kinds[i]);
		stopped_at_random(&kinds[i], span);
		if (kinds[i].cancel_at) {
			cancelled_inside(&kinds[i]);
			jumped_out(&kinds[i]);
		}
	}
	loader();
	jump_out_of_loader();
	once_only();
	remove_tree();
	return 0;
}
