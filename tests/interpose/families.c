/*
 * families.c - functions of libc give in a call that is stopped all the time what they give undisturbed
 *
 * For each family, several calls work side by side, stopped at random and taken up in turn, and their caller does the
 * same work in between. Whatever they share in libc (locks, the heap, converters, tables) has to be whole each time.
 */
#include "../test.h"

#include <argz.h>
#include <envz.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <locale.h>
#include <mntent.h>
#include <net/if.h>
#include <obstack.h>
#include <pthread.h>
#include <pwd.h>
#include <regex.h>
#include <semaphore.h>
#include <spawn.h>
#include <wchar.h>
#include <wordexp.h>

#include <stint.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

#define CALLS 4
#define ROUNDS 12               /* of each call, at least */
#define LONG_ENOUGH INT64_C(800000000)

static char dir[] = "/tmp/stint-families.XXXXXX";

/* what a family gives for one seed, as text */
struct work {
	const struct family *family;
	unsigned seed;
	size_t n;
	char text[4000];
};

static void __attribute__((format(printf, 2, 3))) say(struct work *w, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	w->n += (size_t)vsnprintf(w->text + w->n, sizeof(w->text) - w->n, format, ap);
	va_end(ap);
	CHECK_INT(w->n, <, sizeof(w->text));
}

static const char *path_of(char *buf, size_t size, const char *name, unsigned number)
{
	snprintf(buf, size, "%s/%s%u", dir, name, number);
	return buf;
}

static void use_vectors(struct work *w)
{
	char *argz = NULL, *envz = NULL, *entry = NULL, word[32];
	size_t len = 0, elen = 0;

	for (unsigned i = 0; i < 60; i++) {
		snprintf(word, sizeof(word), "w%u", (w->seed + 1) * i % 97);
		CHECK_INT(argz_add(&argz, &len, word), ==, 0);
		CHECK_INT(envz_add(&envz, &elen, word, "value"), ==, 0);
	}
	CHECK_INT(argz_insert(&argz, &len, argz, "first"), ==, 0);
	CHECK_INT(argz_replace(&argz, &len, "w1", "one", NULL), ==, 0);
	argz_delete(&argz, &len, argz);
	envz_remove(&envz, &elen, "w2");
	while (entry = argz_next(argz, len, entry), entry)
		say(w, "%s ", entry);
	argz_stringify(envz, elen, ':');
	say(w, "%s\n", envz);
	free(argz);
	free(envz);
}

static void use_unlocked(struct work *w)
{
	char path[64], line[64];
	FILE *f = fopen(path_of(path, sizeof(path), "unlocked", w->seed), "w+");

	CHECK(f);
	for (unsigned i = 0; i < 300; i++) {
		fputs_unlocked("line ", f);
		putc_unlocked('0' + (int)((i * w->seed) % 10), f);
		fwrite_unlocked("\n", 1, 1, f);
	}
	CHECK_INT(fflush_unlocked(f), ==, 0);
	rewind(f);
	for (unsigned i = 0; fgets_unlocked(line, sizeof(line), f); i++)
		if (i % 7 == 0)
			say(w, "%s", line);
	CHECK_INT(fclose(f), ==, 0);
	CHECK_INT(unlink(path), ==, 0);
}

static void use_formats(struct work *w)
{
	struct obstack o;
	wchar_t wide[80];
	char buf[80];
	int a = 0, b = 0;

	obstack_init(&o);
	for (unsigned i = 0; i < 20; i++) {
		CHECK_INT(strfromd(buf, sizeof(buf), "%.10g", (i + w->seed) / 7.0), >, 0);
		CHECK_INT(obstack_printf(&o, "%s,%u;", buf, i), >, 0);
		CHECK_INT(swprintf(wide, 80, L"%u %ls %u", i, L"wide", w->seed), >, 0);
		CHECK_INT(swscanf(wide, L"%d %*ls %d", &a, &b), ==, 2);
		say(w, "%s %d %d %s\n", gcvt(i * 1.25, 8, buf), a, b, buf);
	}
	obstack_1grow(&o, '\0');
	say(w, "%s\n", (char *)obstack_finish(&o));
	obstack_free(&o, NULL);
}

static void use_locale(struct work *w)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL);
	wchar_t wide[80];
	char buf[80], date[64];
	struct tm tm;

	CHECK(c);
	for (unsigned i = 0; i < 12; i++) {
		memset(&tm, 0, sizeof(tm));
		snprintf(buf, sizeof(buf), "20%02u-03-%02u 12:34:56", (w->seed + i) % 30, 1 + i);
		CHECK(strptime(buf, "%Y-%m-%d %H:%M:%S", &tm));
		CHECK_INT(strftime_l(buf, sizeof(buf), "%A %d %B %Y %j", &tm, c), >, 0);
		CHECK_INT(mbstowcs(wide, buf, 80), ==, strlen(buf));
		CHECK_INT(wcsftime_l(wide, 80, L"%c", &tm, c), >, 0);
		say(w, "%s / ", buf);
		CHECK_INT(wcstombs(buf, wide, sizeof(buf)), >, 0);
		say(w, "%s %s", buf, asctime_r(&tm, date));
	}
	freelocale(c);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void use_patterns(struct work *w)
{
	char *roots[] = { dir, NULL }, text[64];
	wordexp_t words;
	regmatch_t m[2];
	regex_t re;
	FTSENT *e;
	FTS *walk;

	CHECK_INT(regcomp(&re, "([a-z]+)[0-9]*$", REG_EXTENDED), ==, 0);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "%u-name%u", w->seed, i);
		CHECK_INT(regexec(&re, text, 2, m, 0), ==, 0);
		say(w, "%d %d %d\n", (int)m[1].rm_so, (int)m[1].rm_eo, fnmatch("*-n?me[0-4]", text, 0));
	}
	CHECK_INT(regerror(REG_EPAREN, &re, text, sizeof(text)), >, 0);
	regfree(&re);
	CHECK_INT(wordexp("one 'two words' three\\ more", &words, WRDE_NOCMD), ==, 0);
	for (size_t i = 0; i < words.we_wordc; i++)
		say(w, "<%s>", words.we_wordv[i]);
	wordfree(&words);
	walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	CHECK(walk);
	while (e = fts_read(walk), e)
		if (strstr(e->fts_name, "fixed"))
			say(w, "%s %d\n", e->fts_name, e->fts_info);
	CHECK_INT(fts_close(walk), ==, 0);
}

static void use_accounts(struct work *w)
{
	char path[64], buf[512];
	struct passwd pw, *p;
	struct mntent entry;
	FILE *f;

	f = fopen(path_of(path, sizeof(path), "passwd", w->seed), "w+");
	CHECK(f);
	for (unsigned i = 0; i < 20; i++) {
		pw = (struct passwd){ .pw_name = "name", .pw_passwd = "x", .pw_uid = i, .pw_gid = w->seed,
			              .pw_gecos = "", .pw_dir = "/", .pw_shell = "/bin/sh" };
		CHECK_INT(putpwent(&pw, f), ==, 0);
	}
	rewind(f);
	while (!fgetpwent_r(f, &pw, buf, sizeof(buf), &p))
		say(w, "%s %u %u\n", p->pw_name, p->pw_uid, p->pw_gid);
	CHECK_INT(fclose(f), ==, 0);
	CHECK_INT(unlink(path), ==, 0);
	f = setmntent(path_of(path, sizeof(path), "fixed", 0), "r");
	CHECK(f);
	while (getmntent_r(f, &entry, buf, sizeof(buf)))
		say(w, "%s on %s: %s\n", entry.mnt_fsname, entry.mnt_dir, hasmntopt(&entry, "rw") ? "rw" : "ro");
	CHECK_INT(endmntent(f), ==, 1);
}

static void use_system(struct work *w)
{
	posix_spawn_file_actions_t actions;
	pthread_attr_t attr;
	pthread_key_t key;
	char name[64];
	cpu_set_t set;
	sem_t *sem;

	CPU_ZERO(&set);
	CPU_SET(w->seed % 8, &set);
	snprintf(name, sizeof(name), "/stint-families-%d-%u", (int)getpid(), w->seed);
	for (int i = 0; i < 6; i++) {
		CHECK_INT(pthread_attr_init(&attr), ==, 0);
		CHECK_INT(pthread_attr_setaffinity_np(&attr, sizeof(set), &set), ==, 0);
		CHECK_INT(pthread_attr_destroy(&attr), ==, 0);
		CHECK_INT(pthread_key_create(&key, NULL), ==, 0);
		CHECK_INT(pthread_setspecific(key, &key), ==, 0);
		CHECK(pthread_getspecific(key) == &key);
		CHECK_INT(pthread_key_delete(key), ==, 0);
		sem = sem_open(name, O_CREAT, 0600, 1);
		CHECK(sem != SEM_FAILED);
		CHECK_INT(sem_trywait(sem), ==, 0);
		CHECK_INT(sem_trywait(sem), ==, -1);
		CHECK_INT(errno, ==, EAGAIN);
		CHECK_INT(sem_post(sem), ==, 0);
		CHECK_INT(sem_close(sem), ==, 0);
		CHECK_INT(sem_unlink(name), ==, 0);
		CHECK_INT(posix_spawn_file_actions_init(&actions), ==, 0);
		CHECK_INT(posix_spawn_file_actions_addopen(&actions, 5, "/dev/null", O_RDONLY, 0), ==, 0);
		CHECK_INT(posix_spawn_file_actions_adddup2(&actions, 5, 6), ==, 0);
		CHECK_INT(posix_spawn_file_actions_destroy(&actions), ==, 0);
		say(w, "%u %u\n", if_nametoindex("lo"), if_nametoindex("no such"));
		CHECK_INT(arc4random_uniform(10), <, 10);
	}
}

static const struct family {
	const char *name;
	void (*use)(struct work *w);
} families[] = {
	{ "vectors", use_vectors },
	{ "unlocked streams", use_unlocked },
	{ "formats", use_formats },
	{ "locale", use_locale },
	{ "patterns", use_patterns },
	{ "accounts", use_accounts },
	{ "system", use_system },
};

static volatile int enough;

static void *works(void *arg)
{
	struct work *w = arg;

	for (int i = 0; i < ROUNDS || !enough; i++) {
		w->n = 0;
		w->family->use(w);
	}
	return arg;
}

static void start(struct work *w, const struct family *family, unsigned seed)
{
	w->family = family;
	w->seed = seed;
	w->n = 0;
}

static void side_by_side(const struct family *family, struct rng *r)
{
	static struct work wanted[CALLS + 1], got[CALLS + 1];
	int64_t end = now_ns() + LONG_ENOUGH;
	stint_t *s[CALLS];
	unsigned long stops = 0;
	int left = CALLS, which;

	enough = false;
	for (unsigned i = 0; i <= CALLS; i++) {
		start(&wanted[i], family, i);
		family->use(&wanted[i]);
		start(&got[i], family, i);
	}
	for (int i = 0; i < CALLS; i++) {
		s[i] = stint_launch(works, &got[i], 0);
		CHECK(s[i]);
	}
	while (left) {
		which = (int)rng_below(r, CALLS);
		if (stint_is_complete(s[which]))
			continue;
		enough = now_ns() > end;
		/* in the end whole slices: where much time goes by in libc, short ones get nowhere */
		if (stint_resume(s[which], enough ? STINT_MS(50) : STINT_US(1 + rng_below(r, 80))) == 0)
			left--;
		else if (++stops % 16 == 0) {
			got[CALLS].n = 0;
			family->use(&got[CALLS]);
		}
	}
	got[CALLS].n = 0;
	family->use(&got[CALLS]);
	for (int i = 0; i <= CALLS; i++)
		CHECK_STR(got[i].text, wanted[i].text);
	for (int i = 0; i < CALLS; i++)
		stint_free(s[i]);
	printf("%s: %lu stops\n", family->name, stops);
	CHECK_INT(stops, >, 0);
}

static void write_fixed(void)
{
	char path[64];
	FILE *f = fopen(path_of(path, sizeof(path), "fixed", 0), "w");

	CHECK(f);
	for (int i = 0; i < 20; i++)
		CHECK_INT(fprintf(f, "/dev/disk%d /mnt/%d ext4 %s 0 0\n", i, i, i % 3 ? "rw,noatime" : "ro"), >, 0);
	CHECK_INT(fclose(f), ==, 0);
}

int main(void)
{
	char path[64];
	struct rng r;

	test_watchdog();
	rng_seed(&r, test_seed());
	CHECK(mkdtemp(dir));
	write_fixed();
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		side_by_side(&families[i], &r);
	CHECK_INT(unlink(path_of(path, sizeof(path), "fixed", 0)), ==, 0);
	CHECK_INT(rmdir(dir), ==, 0);
	return 0;
}
