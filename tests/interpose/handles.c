/*
 * handles.c - what libc hands out by handles of many kinds, and system calls by number: given back on cancel, once, by whoever
 * does it first; a descriptor that was closed past the ledger is not closed again when its number is another's
 */
#include "../test.h"

#include <fcntl.h>
#include <fts.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <linux/openat2.h>
#include <locale.h>
#include <net/if.h>
#include <netdb.h>
#include <obstack.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <wordexp.h>

#include <stint.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free
#define ROUNDS 1500

/* --- each kind: one made, maybe given back ----------------------------------------------------- */

static bool by_hand;            /* given back by the call itself */

static void do_locale(void)
{
	locale_t a = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0), b;

	CHECK(a);
	b = duplocale(a);
	CHECK(b);
	a = newlocale(LC_NUMERIC_MASK, "C", a);
	CHECK(a);
	CHECK(!newlocale(LC_ALL_MASK, "nowhere", a));
	CHECK(newlocale(LC_CTYPE_MASK, "C", (locale_t)0));      /* shared, never freed */
	uselocale(b);
	if (by_hand) {
		freelocale(a);
		uselocale(LC_GLOBAL_LOCALE);
		freelocale(b);
	}
}

static void do_iconv(void)
{
	iconv_t cd = iconv_open("UTF-16", "LATIN1");

	CHECK(cd != (iconv_t)-1);
	CHECK(iconv_open("nothing", "such") == (iconv_t)-1);
	if (by_hand)
		CHECK_INT(iconv_close(cd), ==, 0);
}

static void do_addresses(void)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_CANONNAME }, *list;

	CHECK_INT(getaddrinfo("127.0.0.1", "80", &hints, &list), ==, 0);
	CHECK(list->ai_next);
	if (by_hand)
		freeaddrinfo(list);
}

static void do_interfaces(void)
{
	struct if_nameindex *names = if_nameindex();
	struct ifaddrs *list;

	if (names && by_hand)
		if_freenameindex(names);
	if (getifaddrs(&list) == 0 && by_hand)
		freeifaddrs(list);
}

static void do_walk(void)
{
	char dir[] = "/proc/self/task";
	char *paths[] = { dir, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

	CHECK(walk);
	for (int i = 0; i < 20; i++)
		fts_read(walk);
	if (by_hand)
		CHECK_INT(fts_close(walk), ==, 0);
}

static void do_semaphore(void)
{
	char name[40];
	sem_t *sem;

	snprintf(name, sizeof(name), "/stint-handles-%d", (int)getpid());
	sem = sem_open(name, O_CREAT, 0600, 1);
	CHECK(sem != SEM_FAILED);
	CHECK_INT(sem_wait(sem), ==, 0);
	CHECK_INT(sem_unlink(name), ==, 0);
	if (by_hand)
		CHECK_INT(sem_close(sem), ==, 0);
}

static timer_t timer;

static void do_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	struct itimerspec when;

	CHECK_INT(timer_create(CLOCK_MONOTONIC, &event, &timer), ==, 0);
	CHECK_INT(timer_gettime(timer, &when), ==, 0);
	if (by_hand)
		CHECK_INT(timer_delete(timer), ==, 0);
}

static void do_obstack(void)
{
	struct obstack stack;

	obstack_init(&stack);
	for (int i = 0; i < 3; i++)
		obstack_alloc(&stack, 3000);
	if (by_hand)
		obstack_free(&stack, NULL);
}

static void do_words(void)
{
	wordexp_t words;

	CHECK_INT(wordexp("some words and $HOME", &words, 0), ==, 0);
	CHECK_INT(words.we_wordc, >=, 3);
	CHECK_INT(wordexp("and some more", &words, WRDE_APPEND), ==, 0);
	CHECK_STR(words.we_wordv[0], "some");
	CHECK_STR(words.we_wordv[words.we_wordc - 1], "more");
	if (by_hand)
		wordfree(&words);
}

static void close_all(int *fd, int n)
{
	while (by_hand && n > 0)
		CHECK_INT(syscall(SYS_close, fd[--n]), ==, 0);
}

static void do_numbers(void)
{
	struct open_how how = { .flags = O_RDONLY };
	int fd[12], n = 0;

	fd[n++] = (int)syscall(SYS_openat2, AT_FDCWD, "/dev/null", &how, sizeof(how));
	fd[n++] = (int)syscall(SYS_memfd_create, "handles", 0);
	fd[n++] = (int)syscall(SYS_eventfd2, 0, 0);
	CHECK_INT(syscall(SYS_pipe2, fd + n, 0), ==, 0);
	n += 2;
	CHECK_INT(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, fd + n), ==, 0);
	n += 2;
	fd[n++] = (int)syscall(SYS_dup3, 0, fd[0] + 40, 0);
	CHECK_INT(syscall(SYS_dup2, 0, fd[n - 1]), ==, fd[n - 1]);
	for (int i = 0; i < n; i++)
		CHECK_INT(fd[i], >=, 0);
	CHECK_INT(syscall(SYS_dup2, 1000000, fd[0]), ==, -1);
	CHECK_INT(syscall(SYS_getpid), ==, getpid());
	close_all(fd, n);
}

struct kind {
	const char *name;
	void (*run)(void);
};

static const struct kind kinds[] = {
	{ "locales", do_locale },           { "conversions", do_iconv },    { "addresses", do_addresses },
	{ "interfaces", do_interfaces },    { "walks", do_walk },           { "semaphores", do_semaphore },
	{ "timers", do_timer },             { "obstacks", do_obstack },     { "words", do_words },
	{ "system calls by number", do_numbers },
};

static void *runs(void *kind)
{
	((const struct kind *)kind)->run();
	stint_pause();
	return kind;
}

static void once(const struct kind *k)
{
	stint_t *s = stint_launch(runs, (void *)k, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
}

/* both ways: the cancel gives back what is left, and nothing that the call gave back */
static void given_back(const struct kind *k)
{
	size_t heap = 0;
	int fds = 0, maps = 0;

	for (int i = 0; i < 2 * ROUNDS; i++) {
		if (i == ROUNDS) {
			heap = heap_in_use();
			fds = count_fds();
			maps = count_maps();
		}
		by_hand = i % 2;
		once(k);
	}
	if (getenv("VERBOSE"))
		printf("%s: %ld bytes more in use\n", k->name, (long)(heap_in_use() - heap));
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(count_maps(), <=, maps + 2);
	/* what caches keep does not grow with the rounds; of a leak every other would leave 32 bytes or more */
	CHECK_INT((long)(heap_in_use() - heap), <, ROUNDS * 8);
}

/* the handle of a timer may be 0, and is used again at once */
static void timers_are_gone(void)
{
	struct itimerspec when;

	by_hand = false;
	once(&kinds[6]);
	CHECK_INT(timer_gettime(timer, &when), ==, -1);
}

/* complete, they are the caller's */
static void *makes_locale(void *arg)
{
	*(locale_t *)arg = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
	return arg;
}

static void kept(void)
{
	locale_t made, base = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
	stint_t *s = stint_launch(makes_locale, &made, STINT_S(100));

	CHECK(s && stint_is_complete(s));
	stint_free(s);
	CHECK(uselocale(made));
	CHECK_STR(localeconv()->decimal_point, ".");
	uselocale(LC_GLOBAL_LOCALE);
	freelocale(made);
	freelocale(base);
}

/* --- closed past the ledger -------------------------------------------------------------------- */

static void close_unseen(int fd)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "0"(SYS_close), "D"((long)fd) : "rcx", "r11", "memory");
	CHECK_INT(r, ==, 0);
}

static int number;
static void (*closes)(int fd);

static void *opens_and_closes(void *arg)
{
	number = open("/dev/null", O_RDONLY);
	CHECK_INT(number, >=, 0);
	closes(number);
	stint_pause();
	return arg;
}

static void close_by_number(int fd)
{
	CHECK_INT(syscall(SYS_close, fd), ==, 0);
}

static void close_range_by_number(int fd)
{
	CHECK_INT(syscall(SYS_close_range, fd, fd, 0), ==, 0);
}

static int opens_plainly(void)
{
	return open("/dev/null", O_RDONLY);
}

static int opens_unseen(void)
{
	return (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
}

static FILE *stream;
static DIR *dir;

static int opens_stream(void)
{
	stream = fopen("/dev/null", "r");
	return fileno(stream);
}

static int opens_dir(void)
{
	dir = opendir("/");
	return dirfd(dir);
}

static void reused(void (*closing)(int), int (*opening)(void))
{
	stint_t *s;
	int fd;

	closes = closing;
	s = stint_launch(opens_and_closes, NULL, STINT_S(100));
	CHECK(s);
	fd = opening();
	CHECK_INT(fd, ==, number);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK_INT(fcntl(fd, F_GETFD), >=, 0);
	stint_free(s);
	if (stream)
		CHECK_INT(fclose(stream), ==, 0);
	else if (dir)
		CHECK_INT(closedir(dir), ==, 0);
	else
		CHECK_INT(close(fd), ==, 0);
	stream = NULL;
	dir = NULL;
}

/* a mapping that is moved, unmapped or replaced past the functions: what is there now stays */
static int how;
static void *place;

static void *maps_and_loses(void *arg)
{
	place = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(place != MAP_FAILED);
	if (how == 0)
		CHECK_INT(syscall(SYS_munmap, place, 4096), ==, 0);
	else if (how == 1)
		CHECK_INT(syscall(SYS_mremap, place, 4096, 1 << 20, MREMAP_MAYMOVE), !=, -1);
	else
		CHECK_INT(syscall(SYS_mmap, place, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ==,
		          (intptr_t)place);
	stint_pause();
	return arg;
}

static void map_unseen(void *at)
{
	register long flags __asm__("r10") = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	register long fd __asm__("r8") = -1;
	register long offset __asm__("r9") = 0;
	long r;

	__asm__ volatile("syscall"
	                 : "=a"(r)
	                 : "0"(SYS_mmap), "D"(at), "S"(4096L), "d"((long)PROT_READ), "r"(flags), "r"(fd), "r"(offset)
	                 : "rcx", "r11", "memory");
	CHECK_INT(r, ==, (intptr_t)at);
}

static void replaced(void)
{
	unsigned char vec;

	for (how = 0; how < 3; how++) {
		stint_t *s = stint_launch(maps_and_loses, NULL, STINT_S(100));

		CHECK(s);
		if (how < 2)
			map_unseen(place);
		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
		CHECK_INT(mincore(place, 4096, &vec), ==, 0);
		CHECK_INT(munmap(place, 4096), ==, 0);
	}
}

int main(void)
{
	test_watchdog();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		given_back(&kinds[i]);
	timers_are_gone();
	kept();
	replaced();
	reused(close_by_number, opens_plainly);
	reused(close_by_number, opens_stream);
	reused(close_range_by_number, opens_dir);
	reused(close_unseen, opens_plainly);
	reused(close_unseen, opens_unseen);
	reused(close_unseen, opens_stream);
	reused(close_unseen, opens_dir);
	return 0;
}
