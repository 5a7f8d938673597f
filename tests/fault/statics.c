/*
 * statics.c - no memory for what a call keeps in place of libc's static memory: the function says so, nothing breaks, and the next
 * use works
 *
 * Linked with the library's objects, so that the seam in runtime/sys.h can be told to fail.
 */
#include "../test.h"

#include <arpa/inet.h>
#include <grp.h>
#include <locale.h>
#include <mntent.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <pwd.h>
#include <search.h>
#include <uchar.h>
#include <utmp.h>
#include <wchar.h>

#include <stint.h>

#include "sys.h"

char *re_comp(const char *pattern);
int re_exec(const char *text);

static FILE *mounts;
static int point, sign;

/* each returns whether its function gave what it should; errno is looked at if it did not */
static bool by_strtok(void)
{
	static char text[] = "a b";

	return strtok(text, " ") != NULL;
}

static bool by_localtime(void)
{
	time_t t = 0;

	return localtime(&t) != NULL;
}

static bool by_ctime(void)
{
	time_t t = 0;

	return ctime(&t) != NULL;
}

static bool by_asctime(void)
{
	struct tm tm = { .tm_mday = 1 };

	return asctime(&tm) != NULL;
}

static bool by_gmtime(void)
{
	time_t t = 0;

	return gmtime(&t) != NULL;
}

static bool by_strerror(void)
{
	return strerror(7) != NULL;
}

static bool by_strsignal(void)
{
	return strsignal(300) != NULL;
}

static bool by_l64a(void)
{
	return l64a(5) != NULL;
}

static bool by_ecvt(void)
{
	return ecvt(1, 2, &point, &sign) != NULL;
}

static bool by_qfcvt(void)
{
	return qfcvt(1, 2, &point, &sign) != NULL;
}

static bool by_ether_aton(void)
{
	return ether_aton("1:2:3:4:5:6") != NULL;
}

static bool by_tmpnam(void)
{
	return tmpnam(NULL) != NULL;
}

static bool by_hcreate(void)
{
	bool fine = hcreate(10) != 0;

	if (fine)
		hdestroy();
	return fine;
}

static bool by_mbtowc(void)
{
	wchar_t c;

	return mbtowc(&c, "a", 1) == 1;
}

static bool by_mbrtowc(void)
{
	wchar_t c;

	return mbrtowc(&c, "a", 1, NULL) == 1;
}

static bool by_c16rtomb(void)
{
	char buf[16];

	return c16rtomb(buf, 'a', NULL) == 1;
}

static bool by_localeconv(void)
{
	return localeconv() != NULL;
}

static bool by_getmntent(void)
{
	rewind(mounts);
	return getmntent(mounts) != NULL;
}

static bool by_getpwnam(void)
{
	return getpwnam("root") != NULL;
}

static bool by_getgrgid(void)
{
	return getgrgid(0) != NULL;
}

static bool by_getpwent(void)
{
	return getpwent() != NULL;
}

static bool by_getpwent_r(void)
{
	struct passwd entry, *p;
	char buf[1024];
	int err = getpwent_r(&entry, buf, sizeof(buf), &p);

	if (err)
		errno = err;
	return !err && p == &entry;
}

static bool by_getusershell(void)
{
	return getusershell() != NULL;
}

static bool by_gethostbyname(void)
{
	return gethostbyname("127.0.0.1") != NULL;
}

static bool by_setnetgrent(void)
{
	errno = 0;
	setnetgrent("no such group");
	return errno != ENOMEM;
}

static bool by_utmpname(void)
{
	return utmpname("/tmp/no such file") == 0;
}

static bool by_seed48(void)
{
	unsigned short seed[3] = { 1, 2, 3 };

	return seed48(seed) != NULL;
}

static bool by_setstate(void)
{
	char table[64], *old = initstate(1, table, sizeof(table));

	return old && setstate(old) == table;
}

/* these have no way to fail, but errno */
static bool by_srand(void)
{
	errno = 0;
	srand(3);
	return !errno && rand() == 1205554746;
}

static bool by_srand48(void)
{
	errno = 0;
	srand48(3);
	return !errno && lrand48() > 0;
}

/* a message in place of a result */
static bool by_re_comp(void)
{
	bool fine = !re_comp("a*b");

	errno = fine ? errno : ENOMEM;
	return fine && re_exec("xab");
}

static const struct use {
	const char *name;
	bool (*use)(void);
} uses[] = {
	{ "strtok", by_strtok },
	{ "localtime", by_localtime },
	{ "ctime", by_ctime },
	{ "asctime", by_asctime },
	{ "gmtime", by_gmtime },
	{ "strerror", by_strerror },
	{ "strsignal", by_strsignal },
	{ "l64a", by_l64a },
	{ "ecvt", by_ecvt },
	{ "qfcvt", by_qfcvt },
	{ "ether_aton", by_ether_aton },
	{ "tmpnam", by_tmpnam },
	{ "hcreate", by_hcreate },
	{ "mbtowc", by_mbtowc },
	{ "mbrtowc", by_mbrtowc },
	{ "c16rtomb", by_c16rtomb },
	{ "localeconv", by_localeconv },
	{ "getmntent", by_getmntent },
	{ "getpwnam", by_getpwnam },
	{ "getgrgid", by_getgrgid },
	{ "getpwent", by_getpwent },
	{ "getpwent_r", by_getpwent_r },
	{ "getusershell", by_getusershell },
	{ "gethostbyname", by_gethostbyname },
	{ "setnetgrent", by_setnetgrent },
	{ "utmpname", by_utmpname },
	{ "seed48", by_seed48 },
	{ "setstate", by_setstate },
	{ "srand", by_srand },
	{ "srand48", by_srand48 },
	{ "re_comp", by_re_comp },
};

static const struct use *using;
static int nth;
static bool happened;

static void *fails_once(void *arg)
{
	bool fine;

	sys_fault_after[SYS_MALLOC] = nth;
	errno = 0;
	fine = using->use();
	happened = !sys_fault_after[SYS_MALLOC];
	sys_fault_after[SYS_MALLOC] = 0;
	if (happened == fine)
		test_fail(__FILE__, __LINE__, "%s, allocation %d: %s", using->name, nth, fine ? "worked" : "failed for nothing");
	if (happened && errno != ENOMEM)
		test_fail(__FILE__, __LINE__, "%s, allocation %d: errno %d", using->name, nth, errno);
	if (!using->use())
		test_fail(__FILE__, __LINE__, "%s after allocation %d failed: %s", using->name, nth, strerrordesc_np(errno));
	return arg;
}

static int allocations(const struct use *use)
{
	using = use;
	nth = 0;
	do {
		stint_t *s;

		nth++;
		s = stint_launch(fails_once, NULL, STINT_FOREVER);
		CHECK(stint_is_complete(s));
		stint_free(s);
	} while (happened);
	return nth - 1;
}

/* what draws goes on with the process's sequence */
static void *draws(void *arg)
{
	long *numbers = arg;

	errno = 17;
	sys_fault_after[SYS_MALLOC] = 1;
	numbers[0] = random();
	sys_fault_after[SYS_MALLOC] = 1;
	numbers[1] = rand();
	sys_fault_after[SYS_MALLOC] = 1;
	numbers[2] = lrand48();
	CHECK_INT(errno, ==, 17);
	sys_fault_after[SYS_MALLOC] = 1;
	srandom(99);                    /* not the process's sequence */
	CHECK_INT(errno, ==, ENOMEM);
	return arg;
}

static void drawn_from_the_process(void)
{
	long numbers[3], wanted[3], after;
	stint_t *s;

	srandom(42);
	srand48(42);
	for (int i = 0; i < 2; i++)
		wanted[i] = random();
	wanted[2] = lrand48();
	after = random();
	srandom(42);
	srand48(42);
	s = stint_launch(draws, numbers, STINT_FOREVER);
	CHECK(stint_is_complete(s));
	stint_free(s);
	for (int i = 0; i < 3; i++)
		CHECK_INT(numbers[i], ==, wanted[i]);
	CHECK_INT(random(), ==, after);
}

/* A walk that was with another cannot be brought back without memory: it says so, and stays where it was. */
static void *walks(void *arg)
{
	struct passwd *p;
	char second[64];

	setpwent();
	p = getpwent();
	CHECK(p);
	p = getpwent();
	CHECK(p);
	snprintf(second, sizeof(second), "%s", p->pw_name);
	setpwent();
	CHECK(getpwent());
	stint_pause();
	for (int n = 1; n <= 2; n++) {
		sys_fault_after[SYS_MALLOC] = 1;
		errno = 0;
		p = getpwent();
		CHECK_INT(sys_fault_after[SYS_MALLOC], ==, 0);
		CHECK(!p);
		CHECK_INT(errno, ==, ENOMEM);
	}
	sys_fault_after[SYS_MALLOC] = 0;
	p = getpwent();
	CHECK(p);
	CHECK_STR(p->pw_name, second);
	return arg;
}

static void walk_brought_back(void)
{
	stint_t *s = stint_launch(walks, NULL, STINT_FOREVER);

	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	setpwent();
	CHECK(getpwent());
	sys_fault_after[SYS_MALLOC] = 0;
	CHECK_INT(stint_resume(s, STINT_FOREVER), ==, 0);
	CHECK(stint_is_complete(s));
	stint_free(s);
	endpwent();
}

int main(void)
{
	test_watchdog();
	setlocale(LC_ALL, "C.UTF-8");
	mounts = tmpfile();
	CHECK(mounts);
	CHECK_INT(fputs("/dev/a /b ext4 rw 0 0\n", mounts), >=, 0);
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		int n = allocations(&uses[i]);

		printf("%s: %d\n", uses[i].name, n);
		CHECK_INT(n, >=, 2);    /* for the list of pieces, and the piece */
	}
	drawn_from_the_process();
	walk_brought_back();
	return 0;
}
