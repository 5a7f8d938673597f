/*
 * statics-work.c - work that uses what libc keeps in static memory (see statics-work.h)
 */
#include "statics-work.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fstab.h>
#include <grp.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <mntent.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <pty.h>
#include <pwd.h>
#include <regex.h>
#include <sched.h>
#include <search.h>
#include <shadow.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <uchar.h>
#include <utmp.h>
#include <utmpx.h>
#include <wchar.h>

static void __attribute__((format(printf, 2, 3))) say(struct work *w, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	w->n += (size_t)vsnprintf(w->text + w->n, sizeof(w->text) - w->n, format, ap);
	va_end(ap);
	CHECK_INT(w->n, <, sizeof(w->text));
}

/* a result that is to be the same still when the call is over */
static void keep(struct work *w, const char *text)
{
	CHECK(text);
	w->last = text;
	snprintf(w->copy, sizeof(w->copy), "%s", text);
}

void work_begin(struct work *w, const struct family *family, unsigned seed)
{
	memset(w, 0, sizeof(*w));
	w->family = family;
	w->seed = seed;
}

/* a file with @text in it, that has no name any more */
static FILE *file_of(const char *text)
{
	FILE *f = tmpfile();

	CHECK(f);
	CHECK_INT(fputs(text, f), >=, 0);
	rewind(f);
	return f;
}

/* ------------------------------------------------------------------------------------------------ texts */

static void use_strtok(struct work *w)
{
	char text[80], *word;

	snprintf(text, sizeof(text), "%u one,two;%u,three %u", w->seed, w->seed * 7, w->seed + 3);
	for (word = strtok(text, ", "); word; word = strtok(NULL, w->seed % 2 ? ",; " : ", ")) {
		w->between();
		say(w, "<%s>", word);
	}
	w->between();
	say(w, "%d", strtok(NULL, " ") == NULL);
}

static void use_times(struct work *w)
{
	time_t t = 1000000000 + w->seed * 86399 * 31;
	struct tm *tm, far = { .tm_year = 20000 + (int)w->seed, .tm_mday = 3, .tm_mon = 13, .tm_wday = 2 };
	char *text;

	for (int i = 0; i < 5; i++, t += 12345678) {
		tm = localtime(&t);
		w->between();
		say(w, "%d-%d-%d %d ", tm->tm_year, tm->tm_mon, tm->tm_mday, tm->tm_hour);
		text = asctime(tm);
		w->between();
		say(w, "%s", text);
		tm = gmtime(&t);
		w->between();
		say(w, "%d:%d %d ", tm->tm_hour, tm->tm_sec, tm->tm_yday);
		text = ctime(&t);
		w->between();
		say(w, "%s", text);
		say(w, "%d", text == asctime(tm));
		w->between();
	}
	keep(w, asctime(&far));
	w->between();
	say(w, "%s", w->last);
	far.tm_year = INT_MAX;
	errno = 0;
	say(w, "%d %d\n", asctime(&far) == NULL, errno);
}

static void use_messages(struct work *w)
{
	for (int i = 0; i < 4; i++) {
		char *unknown = strerror(2000 + (int)w->seed * 10 + i), *known = strerror((int)w->seed + 1);

		w->between();
		say(w, "%s %s ", unknown, known);
		known = strsignal(i % 2 ? 200 + (int)w->seed + i : SIGRTMIN + (int)w->seed);
		w->between();
		say(w, "%s %s\n", known, strsignal(1 + (int)w->seed));
		say(w, "%s\n", strerror_l(3000 + (int)w->seed, uselocale(0)));
	}
	keep(w, strerror(4000 + (int)w->seed));
	w->between();
}

static void use_numbers(struct work *w)
{
	static const double values[] = { 0, 1.5, -3.14159265358979, 1e300, 1e-300, 123456.789, 0.000012345 };
	int point, sign;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		double value = values[i] * (w->seed + 1);
		char *e = ecvt(value, 12, &point, &sign), *f, *q;

		w->between();
		say(w, "%s %d %d ", e, point, sign);
		f = fcvt(value, 3 + (int)w->seed, &point, &sign);
		w->between();
		say(w, "%.40s %d %d ", f, point, sign);
		q = qecvt((long double)value / 3, 15, &point, &sign);
		w->between();
		say(w, "%s %d %d ", q, point, sign);
		q = qfcvt((long double)value / 3, -1, &point, &sign);
		w->between();
		say(w, "%.40s %d\n", q, point);
	}
	for (long n = -2; n < 5000000000; n = n * 37 + 101 + w->seed) {
		char *digits = l64a(n);

		w->between();
		say(w, "%s %ld ", digits, a64l(digits));
	}
	keep(w, l64a(987654 + w->seed));
	w->between();
}

static void use_addresses(struct work *w)
{
	struct in_addr address = { htonl(0x0a000001 + w->seed) };
	char *inet = inet_ntoa(address), *ether, text[40];
	struct ether_addr *e;

	snprintf(text, sizeof(text), "2:%x:3:4:5:%x", w->seed + 16, w->seed);
	e = ether_aton(text);
	w->between();
	ether = ether_ntoa(e);
	w->between();
	say(w, "%s %s %d", inet, ether, e->ether_addr_octet[1]);
	keep(w, inet_nsap_ntoa(3 + (int)w->seed, (const unsigned char *)"\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", NULL));
	w->between();
	say(w, " %s", w->last);
}

static void use_names(struct work *w)
{
	char *name = tmpnam(NULL), kept[L_tmpnam], *terminal, wanted[80];
	int master, slave;

	CHECK(name);
	snprintf(kept, sizeof(kept), "%s", name);
	w->between();
	CHECK_STR(name, kept);
	if (openpty(&master, &slave, NULL, NULL, NULL)) {
		say(w, "no terminals");
		return;
	}
	CHECK_INT(ptsname_r(master, wanted, sizeof(wanted)), ==, 0);
	terminal = ptsname(master);
	name = ttyname(slave);
	w->between();
	CHECK_STR(terminal, wanted);
	CHECK_STR(name, wanted);
	CHECK(!ttyname(-1));
	CHECK_INT(errno, ==, EBADF);
	name = getlogin();
	w->between();
	say(w, "%s ", name ? name : "nobody");
	name = cuserid(NULL);
	w->between();
	say(w, "%s\n", name ? name : "nobody");
	CHECK_INT(close(master), ==, 0);
	CHECK_INT(close(slave), ==, 0);
}

/* ----------------------------------------------------------------------------------------------- random */

static void use_random(struct work *w)
{
	char table[256];
	char *first;

	for (int i = 0; i < 40; i++) {
		if (i == 10)
			srand(w->seed + 5);
		if (i == 20)
			srandom(w->seed * 3);
		say(w, "%d %ld ", rand(), random());
		w->between();
	}
	first = initstate(w->seed + 99, table, 64 << w->seed % 3);
	for (int i = 0; i < 10; i++) {
		say(w, "%ld ", random());
		w->between();
	}
	CHECK(setstate(first) == table);
	for (int i = 0; i < 10; i++) {
		say(w, "%d ", rand());
		w->between();
	}
	errno = 0;
	say(w, "%d %d", initstate(1, table, 5) == NULL, errno);
}

static void use_rand48(struct work *w)
{
	unsigned short seed[3] = { 1, (unsigned short)w->seed, 3 }, x[3] = { (unsigned short)w->seed, 5, 6 }, *old;
	unsigned short parameters[7] = { 1, 2, 3, 0xe66d, (unsigned short)(0xdeec + w->seed), 5, 11 };

	for (int i = 0; i < 40; i++) {
		if (i == 10)
			srand48((long)w->seed + 2);
		if (i == 20) {
			old = seed48(seed);
			w->between();
			say(w, "%d %d %d ", old[0], old[1], old[2]);
		}
		if (i == 30)
			lcong48(parameters);
		say(w, "%.9f %.9f ", drand48(), erand48(x));
		w->between();
		say(w, "%ld %ld %ld %ld\n", lrand48(), mrand48(), nrand48(x), jrand48(x));
	}
}

/* ----------------------------------------------------------------------------------------------- tables */

static void use_hash(struct work *w)
{
	char keys[40][8];       /* the call's own: snprintf() empties a key for a moment before it writes the same again */
	ENTRY e = { NULL, NULL }, *found;

	CHECK(hcreate(50));
	CHECK(!hcreate(50));
	for (size_t i = 0; i < 40; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
		e = (ENTRY){ keys[i], (char *)(i * 10 + w->seed) };
		if (i % (w->seed + 2))
			CHECK(hsearch(e, ENTER));
		w->between();
	}
	for (size_t i = 0; i < 40; i++) {
		e.key = keys[i];
		found = hsearch(e, FIND);
		say(w, "%zu ", found ? (size_t)found->data : 999);
		w->between();
	}
	hdestroy();
}

static void use_shifts(struct work *w)
{
	static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
	static const wchar_t wides[] = L"a\u00e4\u20ac\U0001f600z";
	size_t step = 1 + w->seed % 3;
	const wchar_t *wide;
	const char *from;
	wchar_t c, to[20];
	char16_t c16;
	char32_t c32;
	char buf[20];

	/* bit by bit, so that a half-read character lies with the function in between */
	for (size_t i = 0; i + step <= sizeof(text) - 1; i += step) {
		c = 0;
		say(w, "%zd ", (ssize_t)mbrtowc(&c, text + i, step, NULL));
		w->between();
		say(w, "%x %zd ", (unsigned)c, (ssize_t)mbrlen(text + i, step, NULL));
		w->between();
		c16 = 0;
		say(w, "%zd ", (ssize_t)mbrtoc16(&c16, text + i, step, NULL));
		w->between();
		c32 = 0;
		say(w, "%x %zd %x ", c16, (ssize_t)mbrtoc32(&c32, text + i, step, NULL), (unsigned)c32);
		w->between();
		say(w, "%d %d\n", mbtowc(&c, text + i, step), mblen(text + i, step));
		w->between();
	}
	say(w, "%d %d %d\n", mbtowc(NULL, NULL, 0), wctomb(NULL, 0), mblen(NULL, 0));
	say(w, "%d ", mbtowc(&c, text + 1, 1));
	w->between();
	say(w, "%d ", mbtowc(&c, text + 2, 1));
	say(w, "%d %d ", mbtowc(&c, "", 1), mbtowc(NULL, NULL, 0));
	for (size_t i = 0; i < 5; i++) {
		say(w, "%d %zd ", wctomb(buf, wides[i]), (ssize_t)wcrtomb(buf, wides[i], NULL));
		w->between();
	}
	c16 = 0xd83d;
	say(w, "%zd ", (ssize_t)c16rtomb(buf, c16, NULL));
	w->between();
	c16 = (char16_t)(0xde00 + w->seed);
	say(w, "%zd %zd\n", (ssize_t)c16rtomb(buf, c16, NULL), (ssize_t)c32rtomb(buf, 0x20ac, NULL));
	from = text;
	say(w, "%zd ", (ssize_t)mbsnrtowcs(to, &from, 2 + w->seed % 2, 20, NULL));
	w->between();
	say(w, "%zd ", (ssize_t)mbsnrtowcs(to, &from, 4, 20, NULL));
	from = text;
	say(w, "%zd ", (ssize_t)mbsrtowcs(to, &from, 20, NULL));
	wide = wides;
	say(w, "%zd ", (ssize_t)wcsrtombs(buf, &wide, sizeof(buf), NULL));
	wide = wides;
	say(w, "%zd\n", (ssize_t)wcsnrtombs(buf, &wide, 3, sizeof(buf), NULL));
}

static void use_lconv(struct work *w)
{
	struct lconv *l = localeconv();

	w->between();
	say(w, "%s|%s|%s|%d|%d|%s|%d|%d|%d", l->decimal_point, l->thousands_sep, l->grouping, l->frac_digits, l->p_cs_precedes,
	    l->mon_grouping, l->int_n_sign_posn, l->int_frac_digits, l->n_sign_posn);
}

static void use_mounts(struct work *w)
{
	char text[400] = "# mounts\n";
	struct mntent *m;
	FILE *f;

	for (unsigned i = 0; i < 5; i++)
		sprintf(text + strlen(text), "/dev/d%u-%u /mnt\\040%u ext4 rw,noatime %u 0\n", w->seed, i, i, w->seed);
	f = file_of(text);
	while (m = getmntent(f), m) {
		w->between();
		say(w, "%s %s %s %d\n", m->mnt_fsname, m->mnt_dir, m->mnt_opts, m->mnt_freq);
	}
	CHECK_INT(fclose(f), ==, 0);
}

static void use_pattern(struct work *w)
{
	char *message = re_comp(NULL), pattern[20];

	say(w, "%s\n", message ? message : "kept");
	snprintf(pattern, sizeof(pattern), "x%u[ab]*c", w->seed);
	CHECK(!re_comp(pattern));
	for (unsigned i = 0; i < 4; i++) {
		char text[20];

		w->between();
		snprintf(text, sizeof(text), "..x%uabbac", i);
		say(w, "%d ", re_exec(text));
	}
	message = re_comp("[a");
	w->between();
	say(w, "%s", message);
}

static struct utmp some_login(struct rng *r)
{
	static const short types[] = { EMPTY, RUN_LVL, BOOT_TIME, NEW_TIME, OLD_TIME, INIT_PROCESS, LOGIN_PROCESS,
		                       USER_PROCESS, USER_PROCESS, DEAD_PROCESS, ACCOUNTING, 77 };
	struct utmp u;

	memset(&u, 0, sizeof(u));
	u.ut_type = types[rng_below(r, sizeof(types) / sizeof(types[0]))];
	u.ut_pid = (pid_t)rng_below(r, 100);
	snprintf(u.ut_line, sizeof(u.ut_line), "tty%d", (int)rng_below(r, 4));
	snprintf(u.ut_user, sizeof(u.ut_user), "user%d", (int)rng_below(r, 9));
	if (rng_below(r, 3))
		snprintf(u.ut_id, sizeof(u.ut_id), "%d", (int)rng_below(r, 4));
	return u;
}

static void say_login(struct work *w, const struct utmp *u)
{
	w->between();
	if (u)
		say(w, "%d %d %.8s %.8s ", u->ut_type, u->ut_pid, u->ut_line, u->ut_user);
	else
		say(w, "- ");
}

static void random_login(struct work *w, struct rng *r)
{
	struct utmp u = some_login(r), entry, *result;

	switch (rng_below(r, 12)) {
	case 0:
		setutent();
		break;
	case 1:
		errno = 0;
		say_login(w, getutid(&u));
		say(w, "%d ", errno);
		break;
	case 2:
		say_login(w, getutline(&u));
		break;
	case 3:
	case 4:
		say(w, "%d ", pututline(&u) != NULL);
		break;
	case 5:
		say(w, "%d ", getutid_r(&u, &entry, &result));
		say_login(w, result);
		break;
	case 6:
		if (rng_below(r, 4) == 0)
			endutent();
		break;
	case 7:
		say_login(w, (struct utmp *)getutxent());
		break;
	case 8:
		say(w, "%d ", getutent_r(&entry, &result));
		say_login(w, result);
		break;
	default:
		say_login(w, getutent());
	}
}

/* each on a file of its own, which has no name that a cancelled call could leave behind; what is left in it counts, too */
static void use_logins(struct work *w)
{
	int fd = memfd_create("logins", MFD_CLOEXEC);
	char path[40];
	struct utmp u;
	struct rng r;

	CHECK_INT(fd, >=, 0);
	rng_seed(&r, w->seed + 17);
	for (int i = 0; i < 12; i++) {
		u = some_login(&r);
		CHECK_INT(write(fd, &u, sizeof(u)), ==, sizeof(u));
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_INT(utmpname(path), ==, 0);
	setutent();
	for (int i = 0; i < 150; i++)
		random_login(w, &r);
	endutent();
	CHECK_INT(lseek(fd, 0, SEEK_SET), ==, 0);
	while (read(fd, &u, sizeof(u)) == sizeof(u))
		say(w, "%d,%d,%s ", u.ut_type, u.ut_pid, u.ut_user);
	CHECK_INT(close(fd), ==, 0);
}

/* -------------------------------------------------------------------------------------- users and groups */

static void use_users(struct work *w)
{
	struct passwd *by_name = getpwnam(w->seed % 2 ? "daemon" : "root"), *by_id;
	struct group *group = getgrnam(w->seed % 2 ? "root" : "daemon"), *group_by_id;

	by_id = getpwuid(w->seed % 3);
	group_by_id = getgrgid((gid_t)(2 - w->seed % 3));
	w->between();
	say(w, "%s %s ", by_name->pw_name, by_name->pw_dir);
	say(w, "%s %s ", by_id->pw_name, by_id->pw_shell);
	say(w, "%s %d %s\n", group->gr_name, group->gr_gid, group_by_id->gr_name);
	errno = 0;
	say(w, "%d %d\n", getpwnam("no such user") == NULL, errno);
	keep(w, getpwuid(w->seed % 3)->pw_name);
	w->between();
}

static void use_entries(struct work *w)
{
	char passwd[800] = "", group[6000] = "grp:x:5:";
	struct passwd *p;
	struct group *g;
	struct spwd *shadow;
	FILE *f;

	for (unsigned i = 0; i < 6; i++)
		sprintf(passwd + strlen(passwd), "user%u-%u:x:%u:%u:Name:/home/%u:/bin/sh\n", w->seed, i, i, w->seed, i);
	f = file_of(passwd);
	while (p = fgetpwent(f), p) {
		w->between();
		say(w, "%s %d %s\n", p->pw_name, p->pw_uid, p->pw_dir);
	}
	CHECK_INT(fclose(f), ==, 0);
	/* longer than the first buffer */
	for (unsigned i = 0; i < 400; i++)
		sprintf(group + strlen(group), "%smember%u", i ? "," : "", i);
	f = file_of(strcat(group, "\nlast:x:6:\n"));
	g = fgetgrent(f);
	w->between();
	CHECK(g);
	say(w, "%s %d %s\n", g->gr_name, g->gr_gid, g->gr_mem[399]);
	CHECK(!g->gr_mem[400]);
	g = fgetgrent(f);
	say(w, "%s\n", g->gr_name);
	CHECK_INT(fclose(f), ==, 0);
	sprintf(passwd, "user%u:*:%u:0:99999:7:::", w->seed, w->seed + 10);
	shadow = sgetspent(passwd);
	w->between();
	say(w, "%s %ld\n", shadow->sp_namp, shadow->sp_lstchg);
}

/* the names alone, which differ in number from table to table; the last may be asked for more than once */
static void use_walks(struct work *w)
{
	struct passwd *p, entry;
	char buf[1024];
	struct group *g;
	int users = 0;

	setpwent();
	while (p = getpwent(), p) {
		w->between();
		say(w, "%s ", p->pw_name);
		if (++users % 5 == (int)w->seed + 1 && !getpwent_r(&entry, buf, sizeof(buf), &p))
			say(w, "(%s) ", p->pw_name);
		if (users == 7 + (int)w->seed)
			setpwent();
		if (users == 30)
			break;
	}
	CHECK_INT(users, >=, 2);
	endpwent();
	w->between();
	for (unsigned i = 0; i < 4 + w->seed && (g = getgrent(), g); i++) {
		w->between();
		say(w, "%s ", g->gr_name);
	}
	endgrent();
}

/* ------------------------------------------------------------------------------------- hosts and services */

static void use_hosts(struct work *w)
{
	char text[40];
	struct hostent *h, *other;
	struct servent *service;
	struct protoent *protocol;
	struct in_addr loopback = { htonl(INADDR_LOOPBACK) };

	snprintf(text, sizeof(text), "10.1.2.%u", w->seed + 1);
	h = gethostbyname(text);
	other = gethostbyaddr(&loopback, sizeof(loopback), AF_INET);
	w->between();
	CHECK(h);
	say(w, "%s %d %d ", h->h_name, h->h_length, h->h_addr_list[0][3]);
	say(w, "%s\n", other ? other->h_name : "none");
	h = gethostbyname2("::1", AF_INET6);
	w->between();
	say(w, "%s\n", h ? h->h_name : "none");
	service = getservbyname(w->seed % 2 ? "http" : "ssh", "tcp");
	w->between();
	say(w, "%s %d\n", service ? service->s_name : "none", service ? ntohs((uint16_t)service->s_port) : 0);
	protocol = getprotobynumber(w->seed % 2 ? 6 : 17);
	w->between();
	say(w, "%s\n", protocol ? protocol->p_name : "none");
}

static void use_host_walks(struct work *w)
{
	struct hostent *h;
	struct servent *service;
	struct protoent *protocol;

	sethostent(1);
	for (int i = 0; i < 20 && (h = gethostent(), h); i++) {
		w->between();
		say(w, "%s ", h->h_name);
	}
	endhostent();
	setservent((int)w->seed % 2);
	for (unsigned i = 0; i < 20 + w->seed && (service = getservent(), service); i++) {
		w->between();
		say(w, "%s ", service->s_name);
	}
	endservent();
	for (unsigned i = 0; i < 20 + w->seed && (protocol = getprotoent(), protocol); i++) {
		w->between();
		say(w, "%s ", protocol->p_name);
	}
	endprotoent();
	say(w, "\n");
}

static void use_small_tables(struct work *w)
{
	struct fstab *entry;
	char *shell;

	setusershell();
	for (unsigned i = 0; i < 3 + w->seed && (shell = getusershell(), shell); i++) {
		w->between();
		say(w, "%s ", shell);
	}
	endusershell();
	if (setfsent())
		while (entry = getfsent(), entry) {
			w->between();
			say(w, "%s %s %s\n", entry->fs_spec, entry->fs_file, entry->fs_type);
		}
	entry = getfsfile("/");
	w->between();
	say(w, "%s\n", entry ? entry->fs_spec : "no root");
	endfsent();
}

/* ----------------------------------------------------------------------------------------------- the list */

const struct family families[] = {
	{ "strtok", use_strtok, false },
	{ "times", use_times, false },
	{ "messages", use_messages, false },
	{ "numbers", use_numbers, false },
	{ "addresses", use_addresses, false },
	{ "names", use_names, false },
	{ "random", use_random, true },
	{ "rand48", use_rand48, true },
	{ "hash table", use_hash, false },
	{ "shifts", use_shifts, true },
	{ "localeconv", use_lconv, false },
	{ "mounts", use_mounts, false },
	{ "pattern", use_pattern, true },
	{ "logins", use_logins, false },
	{ "users", use_users, false },
	{ "entries", use_entries, false },
	{ "walks", use_walks, false },
	{ "hosts", use_hosts, false },
	{ "walks through hosts", use_host_walks, false },
	{ "small tables", use_small_tables, false },
};
const int families_n = sizeof(families) / sizeof(families[0]);

/* Where it is allowed, a table of file systems with something in it, seen by this process alone. */
static void set_up_fstab(void)
{
	char path[] = "/tmp/stint-fstab.XXXXXX";
	int fd;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return;
	fd = mkstemp(path);
	CHECK_INT(fd, >=, 0);
	for (int i = 0; i < 12; i++)
		CHECK_INT(dprintf(fd, "/dev/disk%d /%s%d ext4 %s 0 %d\n", i, i == 7 ? "" : "mnt/", i, i % 2 ? "rw" : "ro", i), >,
		          0);
	CHECK_INT(dprintf(fd, "/dev/root / ext4 rw 0 1\n"), >, 0);
	if (!mount(path, "/etc/fstab", NULL, MS_BIND, NULL))
		printf("with a table of file systems\n");
	CHECK_INT(close(fd), ==, 0);
	CHECK_INT(unlink(path), ==, 0);
}

void work_set_up(void)
{
	set_up_fstab();
	CHECK(setlocale(LC_ALL, "C.UTF-8") || setlocale(LC_ALL, "C"));
	CHECK_INT(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), ==, 0);
}
