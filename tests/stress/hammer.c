/*
 * hammer.c - eight calls and eight plain threads use every family of libc that takes locks, all at once
 *
 * Two more kernel threads drive the calls, four each, with deadlines at random; now and then they cancel one and begin
 * another. Between the slices they use libc themselves. Each use checks what it gets. A lock that a stopped call left held shows
 * as a hang, which the watch finds: nobody may stand still for long. What lies in libc half done shows as damage.
 *
 * A driver does not wait for locks of the program's: its own call may have stopped with one. Variables of the environment are
 * there from the beginning and are only changed: libc's own getenv() does not bear more, whoever calls it.
 */
#include "../test.h"

#include <dlfcn.h>
#include <glob.h>
#include <grp.h>
#include <iconv.h>
#include <link.h>
#include <locale.h>
#include <monetary.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <regex.h>
#include <search.h>
#include <semaphore.h>
#include <spawn.h>
#include <sys/mman.h>
#include <wchar.h>

#include <stint.h>

#define CALLS 8
#define THREADS 8
#define DRIVERS 2
#define VARIABLES 4
#define STILL_SECONDS 120
#define STOPS 100

extern char **environ;

struct worker {
	struct rng rng;
	bool in_call, driver;
	volatile int at;                /* in uses */
	volatile int over;
	volatile long rounds;
};

static int leave, running;              /* atomic */
static char directory[] = "/tmp/stint-hammer-XXXXXX";
static FILE *shared;
static long shared_lines;               /* atomic */
static long cancels, completions, stops;        /* atomic */

static uint64_t below(struct worker *w, uint64_t n)
{
	return rng_below(&w->rng, n);
}

/* --- the heap ----------------------------------------------------------------------------------- */

static void use_heap(struct worker *w)
{
	unsigned char *block[16];
	size_t size[16];

	for (int i = 0; i < 16; i++) {
		size[i] = 1 + (below(w, 8) ? below(w, 600) : below(w, 200000));
		block[i] = below(w, 3) ? malloc(size[i]) : memalign(64, size[i]);
		CHECK(block[i]);
		memset(block[i], i + 1, size[i]);
	}
	for (int i = 0; i < 16; i += 3) {
		size_t bigger = size[i] * 2 + 10;
		unsigned char *p = realloc(block[i], bigger);

		CHECK(p);
		memset(p + size[i], i + 1, bigger - size[i]);
		block[i] = p;
		size[i] = bigger;
	}
	for (int i = 0; i < 16; i++) {
		CHECK_INT(block[i][0], ==, i + 1);
		CHECK_INT(block[i][size[i] - 1], ==, i + 1);
		free(block[i]);
	}
	if (below(w, 500) == 0)
		malloc_trim(0);
	else if (below(w, 200) == 0)
		mallinfo2();
}

/* --- streams ------------------------------------------------------------------------------------- */

static void use_file(struct worker *w)
{
	char line[100], wanted[100];
	FILE *f = tmpfile();
	int n = 1 + (int)below(w, 60);

	CHECK(f);
	for (int i = 0; i < n; i++)
		CHECK_INT(fprintf(f, "line %d of %d: %s\n", i, n, "text"), >, 0);
	rewind(f);
	for (int i = 0; i < n; i++) {
		snprintf(wanted, sizeof(wanted), "line %d of %d: text\n", i, n);
		CHECK(fgets(line, sizeof(line), f));
		CHECK_STR(line, wanted);
	}
	CHECK_INT(getc(f), ==, EOF);
	CHECK_INT(fclose(f), ==, 0);
}

static void use_shared_stream(struct worker *w)
{
	CHECK_INT(fprintf(shared, "%08lx %08lx\n", (long)below(w, 1000), (long)below(w, 1000)), ==, 18);
	__atomic_fetch_add(&shared_lines, 1, __ATOMIC_RELAXED);
	if (below(w, 50) == 0)
		CHECK_INT(fflush(below(w, 2) ? shared : NULL), ==, 0);
}

static void use_memory_stream(struct worker *w)
{
	char *text = NULL, *line = NULL, *out = NULL;
	size_t n = 0, room = 0;
	long sum = 0, seen = 0;
	FILE *f = open_memstream(&text, &n);

	CHECK(f);
	for (int i = 0; i < 40; i++) {
		long x = (long)below(w, 1000000);

		sum += x;
		fprintf(f, "%ld\n", x);
	}
	CHECK_INT(fclose(f), ==, 0);
	f = fmemopen(text, n, "r");
	CHECK(f);
	while (getline(&line, &room, f) > 0)
		seen += atol(line);
	fclose(f);
	CHECK_INT(seen, ==, sum);
	CHECK_INT(asprintf(&out, "%ls %ld", L"wide", sum), >, 0);
	free(out);
	free(line);
	free(text);
}

/* --- the dynamic linker ---------------------------------------------------------------------------- */

static int count_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	++*(int *)arg;
	return 0;
}

static void use_linker(struct worker *w)
{
	static const char *const names[] = { "libm.so.6", "libresolv.so.2", "libutil.so.1" };
	void *handle = dlopen(names[below(w, 3)], below(w, 2) ? RTLD_NOW : RTLD_LAZY), *p;
	Dl_info info;
	int n = 0;

	CHECK(handle);
	dl_iterate_phdr(count_object, &n);
	CHECK_INT(n, >, 2);
	p = dlsym(RTLD_DEFAULT, "strlen");
	CHECK(p);
	CHECK(dladdr(p, &info));
	CHECK(!dlsym(handle, "no_such_function") && dlerror());
	CHECK_INT(dlclose(handle), ==, 0);
}

/* --- locales, conversions, dates, patterns ------------------------------------------------------------ */

static void use_locale(struct worker *w)
{
	locale_t l = newlocale(LC_ALL_MASK, below(w, 2) ? "C.UTF-8" : "C", NULL), old;
	char text[32];

	CHECK(l);
	old = uselocale(l);
	snprintf(text, sizeof(text), "%.2f", 2.5);
	CHECK_STR(text, "2.50");
	CHECK(setlocale(LC_ALL, NULL));
	CHECK_INT(strfmon(text, sizeof(text), "%n", 12.0), >, 0);
	uselocale(old);
	freelocale(l);
}

static void use_iconv(struct worker *w)
{
	static const char *const names[] = { "UTF-16", "ISO-8859-1", "UTF-32", "KOI8-R" };
	iconv_t there = iconv_open(names[below(w, 3)], "UTF-8");
	char text[] = "\303\251 caf\303\251", out[64], *from = text, *to = out;
	size_t left = sizeof(text), room = sizeof(out);

	CHECK(there != (iconv_t)-1);
	CHECK_INT(iconv(there, &from, &left, &to, &room), ==, 0);
	CHECK_INT(left, ==, 0);
	CHECK_INT(iconv_close(there), ==, 0);
}

static void use_dates(struct worker *w)
{
	time_t t = (time_t)below(w, 2000000000);
	struct tm tm;
	char text[64];

	tzset();
	CHECK(localtime_r(&t, &tm));
	CHECK_INT(mktime(&tm), ==, t);
	CHECK(strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &tm));
	CHECK(localtime(&t));
	CHECK(gmtime_r(&t, &tm));
	CHECK_INT(timegm(&tm), ==, t);
}

static void use_patterns(struct worker *w)
{
	regmatch_t match[3];
	char text[64];
	regex_t re;
	glob_t g;

	CHECK_INT(regcomp(&re, "^([a-z]+)-([0-9]+)$", REG_EXTENDED), ==, 0);
	snprintf(text, sizeof(text), "word-%d", (int)below(w, 1000));
	CHECK_INT(regexec(&re, text, 3, match, 0), ==, 0);
	CHECK_INT(match[1].rm_eo, ==, 4);
	regfree(&re);
	CHECK_INT(glob("/etc/host*", 0, NULL, &g), ==, 0);
	CHECK_INT(g.gl_pathc, >, 0);
	globfree(&g);
}

/* --- sorting, directories -------------------------------------------------------------------------------- */

static int compare_longs(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static void use_sort(struct worker *w)
{
	size_t n = 2 + below(w, 3000);
	long *v = malloc(n * sizeof(*v));

	CHECK(v);
	for (size_t i = 0; i < n; i++)
		v[i] = (long)below(w, 1000000);
	qsort(v, n, sizeof(*v), compare_longs);
	for (size_t i = 1; i < n; i++)
		CHECK_INT(v[i - 1], <=, v[i]);
	free(v);
}

static void use_directory(struct worker *w)
{
	struct dirent **list, *entry;
	DIR *d = opendir("/etc");
	int n = 0, m;

	CHECK(d);
	while ((entry = readdir(d)))
		n += entry->d_name[0] != '\0';
	CHECK_INT(n, >, 3);
	closedir(d);
	if (below(w, 4))
		return;
	m = scandir("/etc", &list, NULL, alphasort);
	CHECK_INT(m, >, 3);
	while (m-- > 0)
		free(list[m]);
	free(list);
}

/* --- names ------------------------------------------------------------------------------------------------- */

static void use_names(struct worker *w)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *list;
	struct passwd pw, *found;
	char buf[2048], host[64];

	switch (below(w, 4)) {
	case 0:
		CHECK_INT(getaddrinfo("localhost", "80", &hints, &list), ==, 0);
		CHECK_INT(getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST), ==, 0);
		CHECK_STR(host, "127.0.0.1");
		freeaddrinfo(list);
		break;
	case 1:
		CHECK_INT(getpwuid_r(0, &pw, buf, sizeof(buf), &found), ==, 0);
		CHECK_STR(found->pw_name, "root");
		break;
	case 2:
		found = getpwnam("root");
		CHECK(found);
		CHECK_INT(found->pw_uid, ==, 0);
		break;
	default:
		hints.ai_flags = AI_NUMERICHOST;
		CHECK_INT(getaddrinfo("10.1.2.3", NULL, &hints, &list), ==, 0);
		freeaddrinfo(list);
	}
}

/* --- processes ------------------------------------------------------------------------------------------------ */

static void use_processes(struct worker *w)
{
	char *const argv[] = { "true", NULL };
	char line[32];
	int status;
	pid_t pid;
	FILE *f;

	switch (below(w, 4)) {
	case 0:
		f = popen("echo hammered", "r");
		CHECK(f);
		CHECK(fgets(line, sizeof(line), f));
		CHECK_STR(line, "hammered\n");
		CHECK_INT(pclose(f), ==, 0);
		break;
	case 1:
		CHECK_INT(system("exit 5"), ==, 5 << 8);
		break;
	case 2:
		CHECK_INT(posix_spawnp(&pid, "true", NULL, NULL, argv, environ), ==, 0);
		CHECK_INT(waitpid(pid, &status, 0), ==, pid);
		CHECK_INT(status, ==, 0);
		break;
	default:
		/* a child that was stopped would go on as a driver of its own */
		stint_preempt_disable();
		pid = fork();
		CHECK_INT(pid, >=, 0);
		if (!pid) {
			free(malloc(100));
			_exit(7);
		}
		stint_preempt_enable();
		CHECK_INT(waitpid(pid, &status, 0), ==, pid);
		CHECK_INT(status, ==, 7 << 8);
	}
}

static void use_environment(struct worker *w)
{
	char name[16], value[16];
	const char *got;

	snprintf(name, sizeof(name), "HAMMER_%d", (int)below(w, VARIABLES));
	snprintf(value, sizeof(value), "%d", (int)below(w, 100));
	CHECK_INT(setenv(name, value, 1), ==, 0);
	got = getenv(name);
	CHECK(got && *got);
}

/* --- threads and locks ------------------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, cond_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static volatile long under_mutex[2], under_rwlock[2];

/* whoever is cancelled in between leaves the two unequal, so each sets them right first */
static void change_pair(volatile long pair[2])
{
	pair[1] = pair[0];
	pair[0]++;
	pair[1]++;
	CHECK_INT(pair[0], ==, pair[1]);
}

static struct timespec soon(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 300000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static void use_mutex(struct worker *w)
{
	if (w->driver ? pthread_mutex_trylock(&mutex) : pthread_mutex_lock(&mutex))
		return;
	change_pair(under_mutex);
	if (below(w, 8) == 0)
		spin_ns(20000);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
}

static void use_rwlock(struct worker *w)
{
	if (below(w, 3)) {
		if (w->driver ? pthread_rwlock_tryrdlock(&rwlock) : pthread_rwlock_rdlock(&rwlock))
			return;
		if (below(w, 8) == 0)
			spin_ns(20000);
	} else {
		if (w->driver ? pthread_rwlock_trywrlock(&rwlock) : pthread_rwlock_wrlock(&rwlock))
			return;
		change_pair(under_rwlock);
	}
	CHECK_INT(pthread_rwlock_unlock(&rwlock), ==, 0);
}

static void use_cond(struct worker *w)
{
	struct timespec t = soon();
	int err = 0;

	if (w->driver ? pthread_mutex_trylock(&cond_mutex) : pthread_mutex_lock(&cond_mutex))
		return;
	if (below(w, 2))
		pthread_cond_broadcast(&cond);
	else if (!w->driver)
		err = pthread_cond_timedwait(&cond, &cond_mutex, &t);
	CHECK(err == 0 || err == ETIMEDOUT);
	CHECK_INT(pthread_mutex_unlock(&cond_mutex), ==, 0);
}

static void use_sem(struct worker *w)
{
	struct timespec t = soon();

	if (below(w, 2)) {
		sem_post(&sem);
	} else if (sem_timedwait(&sem, &t)) {
		CHECK_INT(errno, ==, ETIMEDOUT);
	}
}

static void *thread_main(void *arg)
{
	free(malloc(1000));
	return arg;
}

static void use_threads(struct worker *w)
{
	pthread_t t;
	void *result;

	CHECK_INT(pthread_create(&t, NULL, thread_main, w), ==, 0);
	CHECK_INT(pthread_join(t, &result), ==, 0);
	CHECK(result == w);
}

static void forget(void *arg)
{
	free(arg);
}

/* a call that is cancelled in between keeps a key for good; so one in a few hundred, and running out is borne */
static void use_keys(struct worker *w)
{
	pthread_key_t key;

	if (below(w, 10) || pthread_key_create(&key, forget))
		return;
	CHECK_INT(pthread_setspecific(key, w), ==, 0);
	CHECK(pthread_getspecific(key) == w);
	CHECK_INT(pthread_setspecific(key, NULL), ==, 0);
	CHECK_INT(pthread_key_delete(key), ==, 0);
}

static void use_mappings(struct worker *w)
{
	size_t n = 4096 * (1 + below(w, 20));
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q;

	CHECK(p != MAP_FAILED);
	p[n - 1] = 'm';
	q = mremap(p, n, 2 * n, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	CHECK_INT(q[n - 1], ==, 'm');
	CHECK_INT(munmap(q, 2 * n), ==, 0);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* static state: each call has its own, and threads share libc's; so plain threads stay away from it */
static void use_statics(struct worker *w)
{
	char text[] = "a,b,c", *word;
	void *root = NULL;
	int n = 0, x;

	if (!w->in_call)
		return;
	srand(7);
	x = rand();
	for (word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		tsearch(word, &root, by_text);
		n++;
	}
	CHECK_INT(n, ==, 3);
	srand(7);
	CHECK_INT(rand(), ==, x);
	for (word = text; n-- > 0; word += 2)
		tdelete(word, &root, by_text);
	CHECK(strerror(ENOENT));
}

static const struct use {
	const char *name;
	void (*fn)(struct worker *w);
	unsigned weight;
} uses[] = {
	{ "heap", use_heap, 30 },
	{ "files", use_file, 10 },
	{ "shared stream", use_shared_stream, 30 },
	{ "memory streams", use_memory_stream, 10 },
	{ "linker", use_linker, 5 },
	{ "locale", use_locale, 10 },
	{ "iconv", use_iconv, 5 },
	{ "dates", use_dates, 10 },
	{ "patterns", use_patterns, 5 },
	{ "sort", use_sort, 5 },
	{ "directories", use_directory, 5 },
	{ "names", use_names, 3 },
	{ "processes", use_processes, 1 },
	{ "environment", use_environment, 10 },
	{ "mutex", use_mutex, 20 },
	{ "rwlock", use_rwlock, 20 },
	{ "cond", use_cond, 3 },
	{ "sem", use_sem, 3 },
	{ "threads", use_threads, 2 },
	{ "keys", use_keys, 10 },
	{ "mappings", use_mappings, 5 },
	{ "statics", use_statics, 10 },
};
#define USES (sizeof(uses) / sizeof(uses[0]))

static long used[USES];         /* atomic */

static void step(struct worker *w)
{
	unsigned all = 0, at;
	size_t i;

	for (i = 0; i < USES; i++)
		all += uses[i].weight;
	at = (unsigned)below(w, all);
	for (i = 0; at >= uses[i].weight; i++)
		at -= uses[i].weight;
	w->at = (int)i;
	uses[i].fn(w);
	w->rounds++;
	__atomic_fetch_add(&used[i], 1, __ATOMIC_RELAXED);
}

/* --- who uses ------------------------------------------------------------------------------------------------------ */

static struct worker call_workers[CALLS], workers[THREADS], driver_workers[DRIVERS];
static uint64_t launches;       /* atomic */
static uint64_t seed;

static void *call_main(void *arg)
{
	struct worker *w = arg;

	do
		step(w);
	while (!__atomic_load_n(&leave, __ATOMIC_RELAXED) && below(w, 2000));
	return arg;
}

static void *plain_main(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&leave, __ATOMIC_RELAXED))
		step(w);
	w->over = 1;
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
	return arg;
}

static stint_t *launch(struct worker *w)
{
	const struct stint_attr attr = { .size = sizeof(attr), .name = "hammer", .stack_size = 256 << 10 };
	stint_t *s;

	w->in_call = true;
	rng_seed(&w->rng, seed + 1000 + __atomic_fetch_add(&launches, 1, __ATOMIC_RELAXED));
	s = stint_launch_with(&attr, call_main, w, 0);
	CHECK(s);
	return s;
}

static stint_ns deadline(struct worker *w)
{
	switch (below(w, 4)) {
	case 0:
		return STINT_US(1 + below(w, 20));
	case 1:
		return STINT_US(200);
	default:
		return STINT_US(below(w, 3000) + 1);
	}
}

/* one of its calls at random; true: that call is over */
static bool drive(struct worker *d, stint_t *s)
{
	int err = stint_resume(s, deadline(d));

	if (err == ETIMEDOUT)
		__atomic_fetch_add(&stops, 1, __ATOMIC_RELAXED);
	else if (err)
		CHECK_INT(err, ==, 0);
	if (err == 0)
		__atomic_fetch_add(&completions, 1, __ATOMIC_RELAXED);
	else if (below(d, 300))
		return false;
	else
		__atomic_fetch_add(&cancels, 1, __ATOMIC_RELAXED);
	stint_free(s);
	return true;
}

static void *driver_main(void *arg)
{
	struct worker *d = arg, *mine = call_workers + (d - driver_workers) * (CALLS / DRIVERS);
	stint_t *calls[CALLS / DRIVERS];
	int left = CALLS / DRIVERS;

	for (int i = 0; i < CALLS / DRIVERS; i++)
		calls[i] = launch(&mine[i]);
	while (left) {
		int i = (int)below(d, CALLS / DRIVERS);

		if (calls[i] && drive(d, calls[i])) {
			bool over = __atomic_load_n(&leave, __ATOMIC_RELAXED);

			calls[i] = over ? NULL : launch(&mine[i]);
			mine[i].over = over;
			left -= over;
		}
		if (below(d, 4) == 0)
			step(d);
	}
	d->over = 1;
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
	return arg;
}

/* --- the watch -------------------------------------------------------------------------------------------------------- */

struct watched {
	struct worker *workers;
	int n;
	const char *what;
	long rounds[CALLS];
	int still[CALLS];               /* seconds */
};

/* how long the one that has stood still for longest has */
static int look(struct watched *group)
{
	int longest = 0;

	for (int i = 0; i < group->n; i++) {
		long rounds = group->workers[i].rounds;

		group->still[i] = rounds == group->rounds[i] && !group->workers[i].over ? group->still[i] + 1 : 0;
		group->rounds[i] = rounds;
		if (group->still[i] > longest)
			longest = group->still[i];
	}
	return longest;
}

static void tell(const struct watched *group)
{
	for (int i = 0; i < group->n; i++)
		dprintf(2, "%s %d: in %s, for %d s\n", group->what, i, uses[group->workers[i].at].name, group->still[i]);
}

/* until all have left; who stood still with the whole machine has that much more time */
static void watch(int64_t seconds)
{
	static struct watched groups[] = {
		{ .workers = call_workers, .n = CALLS, .what = "call" },
		{ .workers = workers, .n = THREADS, .what = "thread" },
		{ .workers = driver_workers, .n = DRIVERS, .what = "driver" },
	};

	for (int64_t i = 1; __atomic_load_n(&running, __ATOMIC_ACQUIRE); i++) {
		sleep_ns(1000000000);
		if (i >= seconds && __atomic_load_n(&stops, __ATOMIC_RELAXED) >= STOPS)
			__atomic_store_n(&leave, true, __ATOMIC_RELAXED);
		for (int g = 0; g < 3; g++) {
			if (look(&groups[g]) < STILL_SECONDS)
				continue;
			for (g = 0; g < 3; g++)
				tell(&groups[g]);
			abort();
		}
	}
}

static void set_up(void)
{
	char name[16];

	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK(mkdtemp(directory));
	shared = fopen("/dev/null", "w");
	CHECK(shared);
	CHECK_INT(sem_init(&sem, 0, 0), ==, 0);
	setenv("TZ", "Europe/Paris", 1);
	for (int i = 0; i < VARIABLES; i++) {
		snprintf(name, sizeof(name), "HAMMER_%d", i);
		setenv(name, "0", 1);
	}
	for (int i = 0; i < THREADS; i++)
		rng_seed(&workers[i].rng, seed + 100 + i);
	for (int i = 0; i < DRIVERS; i++) {
		rng_seed(&driver_workers[i].rng, seed + 200 + i);
		driver_workers[i].driver = true;
	}
}

int main(void)
{
	pthread_t threads[THREADS], drivers[DRIVERS];
	int64_t seconds = test_seconds(4);

	seed = test_seed();
	set_up();
	running = THREADS + DRIVERS;
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, plain_main, &workers[i]), ==, 0);
	for (int i = 0; i < DRIVERS; i++)
		CHECK_INT(pthread_create(&drivers[i], NULL, driver_main, &driver_workers[i]), ==, 0);
	watch(seconds);
	for (int i = 0; i < DRIVERS; i++)
		CHECK_INT(pthread_join(drivers[i], NULL), ==, 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_join(threads[i], NULL), ==, 0);
	rmdir(directory);
	printf("%ld stops, %ld completed, %ld cancelled\n", stops, completions, cancels);
	for (size_t i = 0; i < USES; i++)
		printf("%s %ld\n", uses[i].name, used[i]);
	CHECK_INT(stops, >=, STOPS);
	return 0;
}
