/*
 * statics.c - what libc keeps in static memory is each call's own
 *
 * Each piece of work uses functions of one family with other work in between. Two calls, which pause in between, and their
 * caller do it at once; each must see exactly what it sees alone in a process. What that is, a child made for each finds out, since
 * a sequence must also begin as in a fresh program. The last result is read once more when the call is over.
 */
#include "../test.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <locale.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <pwd.h>
#include <resolv.h>
#include <search.h>
#include <sys/mman.h>

#include <stint.h>

#include "statics-work.h"

#define CALLS 2

static stint_t *calls[CALLS];
static struct work *mine;       /* the caller's */

/* what a piece of work does between two uses */
static void alone(void)
{
}

static void paused(void)
{
	stint_pause();
}

static void others_go_on(void)
{
	for (int i = 0; i < CALLS; i++)
		if (!stint_is_complete(calls[i]))
			CHECK_INT(stint_resume(calls[i], STINT_FOREVER), !=, ETIMEDOUT);
}

static void *works(void *arg)
{
	struct work *w = arg;

	w->family->use(w);
	return arg;
}

/* what it gives in a process of its own; @w is in shared memory */
static void find_out(struct work *w)
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		test_child();
		w->between = alone;
		w->family->use(w);
		w->last = NULL;
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
}

static void side_by_side(const struct family *family, struct work *wanted, struct work *got)
{
	for (unsigned i = 0; i <= CALLS; i++) {
		work_begin(&wanted[i], family, i);
		find_out(&wanted[i]);
		work_begin(&got[i], family, i);
		got[i].between = i < CALLS ? paused : others_go_on;
	}
	mine = &got[CALLS];
	for (int i = 0; i < CALLS; i++) {
		calls[i] = stint_launch(works, &got[i], 0);
		CHECK(calls[i]);
	}
	family->use(mine);
	for (int i = 0; i < CALLS; i++)
		while (!stint_is_complete(calls[i]))
			CHECK_INT(stint_resume(calls[i], STINT_FOREVER), !=, ETIMEDOUT);
	for (int i = 0; i <= CALLS; i++) {
		if (strcmp(got[i].text, wanted[i].text))
			test_fail(__FILE__, __LINE__, "%s, %s %d: \"%s\", not \"%s\"", family->name,
			          i < CALLS ? "call" : "caller", i, got[i].text, wanted[i].text);
		CHECK_INT(got[i].n, >, 0);
		if (got[i].last)
			CHECK_STR(got[i].last, got[i].copy);
	}
	for (int i = 0; i < CALLS; i++)
		stint_free(calls[i]);
	printf("%s: %zu bytes\n", family->name, got[0].n);
}

/* --- results are not where another's are ------------------------------------------------------- */

static const void *seen[64];

#define KEEP(i, p) CHECK((seen[i] = (p)) != NULL)

static void *keeps(void *arg)
{
	struct ether_addr address = { { 1, 2, 3, 4, 5, 6 } };
	time_t t = 86400;
	int point, sign;

	KEEP(0, localtime(&t));
	KEEP(1, asctime(gmtime(&t)));
	KEEP(2, strerror(12345));
	KEEP(3, strsignal(200));
	KEEP(4, l64a(77));
	KEEP(5, ecvt(1.5, 3, &point, &sign));
	KEEP(6, ether_ntoa(&address));
	KEEP(7, tmpnam(NULL));
	KEEP(8, localeconv());
	KEEP(9, getpwnam("root"));
	KEEP(10, getgrgid(0));
	KEEP(11, gethostbyname("127.0.0.1"));
	KEEP(12, getpwent());
	KEEP(13, inet_ntoa((struct in_addr){ 0 }));
	KEEP(14, strerror_l(12345, newlocale(LC_ALL_MASK, "C", NULL)));
	KEEP(15, qecvt(1.5L, 3, &point, &sign));
	return arg;
}

static void own_memory(void)
{
	const void *first[64];
	stint_t *s;
	int n = 0;

	keeps(NULL);
	memcpy(first, seen, sizeof(first));
	s = stint_launch(keeps, NULL, STINT_FOREVER);
	CHECK(stint_is_complete(s));
	for (int i = 0; i < 64 && seen[i]; i++, n++)
		if (seen[i] == first[i])
			test_fail(__FILE__, __LINE__, "result %d is where its caller's is", i);
	CHECK_INT(n, ==, 16);
	stint_free(s);
	endpwent();
}

/* --- what is a thread's is a call's, and begins afresh -------------------------------------------- */

static struct __res_state *resolver;

static void *sets_thread_state(void *arg)
{
	CHECK(!dlerror());
	CHECK(&_res != resolver);
	CHECK_INT(_res.options & (RES_DEBUG | RES_INIT), ==, 0);
	CHECK_INT(res_init(), ==, 0);
	CHECK(_res.options & RES_INIT);
	_res.options |= RES_DEBUG;
	h_errno = 3;
	CHECK(!dlopen("/no/such/library.so", RTLD_NOW));
	return arg;
}

static void thread_state(void)
{
	size_t heap = 0;
	int fds = 0;

	resolver = &_res;
	for (int i = 0; i < 60; i++) {
		stint_t *s = stint_launch(sets_thread_state, NULL, STINT_FOREVER);

		CHECK(stint_is_complete(s));
		stint_free(s);
		CHECK(!dlerror());
		CHECK(!(_res.options & RES_DEBUG));
		if (i == 20) {
			heap = heap_in_use();
			fds = count_fds();
		}
	}
	CHECK_INT(heap_in_use(), <=, heap + 1024);
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(fcntl(0, F_GETFD), >=, 0);
}

/* --- each use of a slot begins afresh, and gives everything back ------------------------------- */

static void *draws(void *arg)
{
	char text[] = "a,b,c";
	ENTRY e = { (char *)"key", NULL };

	*(long *)arg = random();
	srandom(17);
	CHECK_INT(drand48() * 1e9, ==, 0);      /* a fresh program's first number is 3.9e-13 */
	CHECK(!strtok(NULL, ","));
	CHECK_STR(strtok(text, ","), "a");
	CHECK(hcreate(30));
	CHECK(!hsearch(e, FIND));
	CHECK(hsearch(e, ENTER));
	CHECK(getpwent());
	CHECK(!re_comp("a*b"));
	CHECK(re_exec("xaab"));
	return arg;
}

static void fresh_each_time(void)
{
	size_t heap = 0;
	int fds = 0;
	long number;

	for (int i = 0; i < 300; i++) {
		stint_t *s = stint_launch(draws, &number, STINT_FOREVER);

		CHECK(stint_is_complete(s));
		CHECK_INT(number, ==, 1804289383);      /* after srandom(1) */
		stint_free(s);
		if (i == 20) {
			heap = heap_in_use();
			fds = count_fds();
		}
	}
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(heap_in_use(), <=, heap + 4096);
}

/* --- a cancelled call's state lasts as long as its cleanups ------------------------------------- */

static char told[64];

static void tells(void *arg)
{
	(void)arg;
	snprintf(told, sizeof(told), "%s %ld", strtok(NULL, ","), random());
}

static void *begins(void *arg)
{
	char text[] = "first,second";

	CHECK_INT(stint_defer(tells, arg), ==, 0);
	CHECK(strtok(text, ","));
	srandom(5);
	stint_pause();
	return arg;
}

static void until_cleaned_up(void)
{
	char wanted[64];
	stint_t *s;

	srandom(5);
	snprintf(wanted, sizeof(wanted), "second %ld", random());
	s = stint_launch(begins, NULL, STINT_FOREVER);
	srandom(6);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK_STR(told, wanted);
	stint_free(s);
}

/* --- one call's walk is not another thread's ---------------------------------------------------- */

static void *half_a_walk(void *arg)
{
	setpwent();
	CHECK(getpwent());
	stint_pause();
	return arg;
}

/* freed in the middle of its walk, it takes nothing with it */
static void left_in_a_walk(void)
{
	struct passwd *first, *second;
	char name[64];
	stint_t *s;

	setpwent();
	first = getpwent();
	CHECK(first);
	snprintf(name, sizeof(name), "%s", first->pw_name);
	s = stint_launch(half_a_walk, NULL, STINT_FOREVER);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	stint_free(s);
	second = getpwent();
	CHECK(second);
	CHECK(strcmp(second->pw_name, name));
	endpwent();
	CHECK_STR(getpwent()->pw_name, name);
	endpwent();
}

/* with an argument: that family alone */
int main(int argc, char **argv)
{
	size_t size = sizeof(struct work) * (CALLS + 1);
	struct work *wanted = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct work *got = calloc(1, size);

	test_watchdog();
	CHECK(wanted != MAP_FAILED && got);
	work_set_up();
	for (int i = 0; i < families_n; i++)
		if (argc < 2 || !strcmp(argv[1], families[i].name))
			side_by_side(&families[i], wanted, got);
	own_memory();
	thread_state();
	fresh_each_time();
	until_cleaned_up();
	left_in_a_walk();
	free(got);
	return 0;
}
