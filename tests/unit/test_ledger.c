/*
 * test_ledger.c - what the ledger enters, strikes, gives back and passes on: descriptors, things, mappings, locks
 *
 * The stints here never run: their ledgers are filled by hand, on the test's own thread.
 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <linux/futex.h>

#include "context.h"
#include "ledger.h"
#include "sys.h"

#define PAGE 4096UL

static struct stint a, b;

/* fresh ones; their thread identity is this thread's. Of the library only the seam to libc is started. */
static void begin(void)
{
	ck_assert_int_eq(sys_init(), 0);
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	ledger_init(&a.ledger);
	ledger_init(&b.ledger);
	a.fake_tid = b.fake_tid = gettid();
	a.depth = b.depth = 1;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* a descriptor that @s opened */
static int opened(struct stint *s)
{
	int fd = open("/dev/null", O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ledger_fd_opened(s, fd);
	return fd;
}

/* --- descriptors ------------------------------------------------------------------------------- */

START_TEST(fd_release)
{
	int fd, kept;

	begin();
	fd = opened(&a);
	kept = opened(NULL);
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 1);
	ck_assert(ledger_fd_owned(&a, fd));
	ledger_release(&a);
	ck_assert(!is_open(fd));
	ck_assert(is_open(kept));
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 0);
	close(kept);
}
END_TEST

/* closed elsewhere and its number used again: not the call's any more */
START_TEST(fd_reused)
{
	int fd;

	begin();
	fd = opened(&a);
	ledger_fd_closed(fd);
	ck_assert_int_eq(dup2(0, fd), fd);
	ledger_fd_opened(NULL, fd);
	ledger_release(&a);
	ck_assert(is_open(fd));

	/* used again by another call: that one's */
	ledger_fd_opened(&a, fd);
	ledger_fd_closed(fd);
	ledger_fd_opened(&b, fd);
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 0);
	ck_assert_uint_eq(ledger_fds_held(&b.ledger), 1);
	ledger_release(&a);
	ck_assert(is_open(fd));
	ledger_release(&b);
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(fd_pass)
{
	int fd;

	begin();
	fd = opened(&a);
	ledger_pass(&a, &b);
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 0);
	ck_assert_uint_eq(ledger_fds_held(&b.ledger), 1);
	ledger_release(&a);
	ck_assert(is_open(fd));
	ledger_pass(&b, NULL);
	ck_assert_uint_eq(ledger_fds_held(&b.ledger), 0);
	ledger_release(&b);
	ck_assert(is_open(fd));
	ck_assert(!ledger_fd_owned(&b, fd));
	close(fd);
}
END_TEST

START_TEST(fd_restore)
{
	uintptr_t owner;
	int fd;

	begin();
	fd = opened(&a);
	owner = ledger_fd_take(fd);
	ck_assert(!ledger_fd_owned(&a, fd));
	ledger_fd_restore(fd, owner);
	ck_assert(ledger_fd_owned(&a, fd));
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 1);
	ledger_fd_closed_range((unsigned)fd, ~0U);
	ck_assert(!ledger_fd_owned(&a, fd));
	ledger_release(&a);
	ck_assert(is_open(fd));
	close(fd);
}
END_TEST

/* many at once, and the list does not grow with each descriptor that comes and goes */
START_TEST(fd_many)
{
	enum { MANY = 3000, ROUNDS = 1000000 };
	unsigned blocks = 0;
	int fd;

	begin();
	/* numbers that are not open: closing them fails and does no harm */
	for (fd = 10000; fd < 10000 + MANY; fd++)
		ledger_fd_opened(&a, fd);
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), MANY);
	for (int i = 0; i < ROUNDS; i++) {
		ledger_fd_opened(&a, 20000);
		ledger_fd_closed(20000);
	}
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), MANY);
	for (struct fd_block **p = &a.ledger.fds.more; *p; p = (struct fd_block **)*p)   /* its first member */
		blocks++;
	ck_assert_uint_le(blocks, 5);
	for (fd = 10000; fd < 10000 + MANY; fd += 2)
		ledger_fd_closed(fd);
	ledger_pass(&a, &b);
	ck_assert_uint_eq(ledger_fds_held(&b.ledger), MANY / 2);
	for (fd = 10000; fd < 10000 + MANY; fd++)
		ck_assert_int_eq(ledger_fd_owned(&b, fd), fd % 2);
	ledger_release(&b);
	ck_assert_uint_eq(ledger_fds_held(&b.ledger), 0);
	ck_assert_ptr_null(b.ledger.fds.more);
}
END_TEST

/* out of range, and without memory for the list */
START_TEST(fd_untracked)
{
	int fds[20];

	begin();
	ledger_fd_opened(&a, -1);
	ledger_fd_opened(&a, 1 << 20);
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 0);
	for (int i = 0; i < 20; i++) {
		sys_fault_after[SYS_MMAP] = i == LEDGER_FDS_INLINE ? 1 : 0;
		fds[i] = opened(&a);
	}
	sys_fault_after[SYS_MMAP] = 0;
	ck_assert_uint_ge(ledger_fds_held(&a.ledger), 18);
	ledger_release(&a);
	ck_assert(!is_open(fds[19]));
	for (int i = 0; i < 20; i++)
		close(fds[i]);
}
END_TEST

/* a handler opens and closes in the middle of the call's own opening and closing */
#define HANDLER_FD 30000
static volatile unsigned handled;

static void churn(int signo)
{
	(void)signo;
	for (int i = 0; i < 40; i++)
		ledger_fd_opened(&a, HANDLER_FD + i);
	for (int i = 1; i < 40; i++)
		ledger_fd_closed(HANDLER_FD + i);
	handled++;
}

START_TEST(fd_in_handler)
{
	struct itimerspec often = { { 0, 50000 }, { 0, 50000 } };
	struct sigaction act = { .sa_handler = churn }, old;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t timer;

	begin();
	ck_assert_int_eq(sigaction(SIGUSR1, &act, &old), 0);
	ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	ck_assert_int_eq(timer_settime(timer, 0, &often, NULL), 0);
	while (handled < 2000) {
		for (int i = 0; i < 2000; i++)
			ledger_fd_opened(&a, 40000 + i);
		for (int i = 1; i < 2000; i++)
			ledger_fd_closed(40000 + i);
	}
	timer_delete(timer);
	sigaction(SIGUSR1, &old, NULL);
	ck_assert(ledger_fd_owned(&a, HANDLER_FD));
	ck_assert(ledger_fd_owned(&a, 40000));
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 2);
	/* both are still on the list: passing finds them */
	ledger_pass(&a, &b);
	ck_assert(ledger_fd_owned(&b, HANDLER_FD));
	ck_assert(ledger_fd_owned(&b, 40000));
	ledger_release(&b);
	ck_assert_uint_eq(ledger_fds_held(&b.ledger), 0);
}
END_TEST

/* --- things ------------------------------------------------------------------------------------ */

START_TEST(stream_release)
{
	FILE *f;
	int fd;

	begin();
	f = fopen("/dev/null", "r");
	ck_assert_ptr_nonnull(f);
	fd = fileno(f);
	ck_assert_int_eq(ledger_stream_add(&a, THING_STREAM, f, 1, NULL), 0);
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 1);
	ledger_release(&a);
	ck_assert(!is_open(fd));
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 0);
	ck_assert_uint_eq(ledger_things_live, 0);
}
END_TEST

/* what was written to a file arrives; what a full pipe does not take is thrown away, and nobody waits */
START_TEST(stream_flush)
{
	char path[] = "/tmp/test_ledger.XXXXXX", buf[65536] = "";
	int fd = mkstemp(path), ends[2];
	FILE *f;

	begin();
	f = fdopen(fd, "w");
	ck_assert_int_eq(fputs("word", f), 1);
	ck_assert_int_eq(ledger_stream_add(&a, THING_STREAM, f, 1, NULL), 0);
	ledger_release(&a);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 4);
	close(fd);
	unlink(path);

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	while (write(ends[1], buf, sizeof(buf)) > 0)
		;
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, 0), 0);
	f = fdopen(ends[1], "w");
	ck_assert_int_eq(fputs("more", f), 1);
	ck_assert_int_eq(ledger_stream_add(&a, THING_STREAM, f, 1, NULL), 0);
	ledger_release(&a);
	ck_assert(!is_open(ends[1]));
	close(ends[0]);
}
END_TEST

/* over a descriptor that was not the call's: the stream goes, the descriptor stays */
START_TEST(stream_borrows)
{
	FILE *f;
	int fd;

	begin();
	fd = opened(NULL);
	f = fdopen(fd, "r");
	ck_assert_int_eq(ledger_stream_add(&a, THING_STREAM, f, -1, NULL), 0);
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 0);
	ledger_release(&a);
	ck_assert(is_open(fd));
	close(fd);
}
END_TEST

START_TEST(stream_strike)
{
	FILE *f = (FILE *)0x1000;
	char *where, **found;

	begin();
	ck_assert_int_eq(ledger_stream_add(&a, THING_PIPE_STREAM, f, 1, &where), 0);
	/* another kind of thing at the same address is something else */
	ck_assert(!ledger_thing_drop(THING_DIR, f));
	ck_assert(ledger_stream_drop(f, &found));
	ck_assert_ptr_eq(found, &where);
	ck_assert(!ledger_stream_drop(f, &found));
	ck_assert_ptr_null(found);
	ledger_release(&a);
}
END_TEST

START_TEST(dir_pass)
{
	DIR *d;
	int fd;

	begin();
	d = opendir("/");
	ck_assert_ptr_nonnull(d);
	fd = dirfd(d);
	ck_assert_int_eq(ledger_thing_add(&a, THING_DIR, d), 0);
	ledger_pass(&a, &b);
	ck_assert_uint_eq(ledger_fds_held(&a.ledger), 0);
	ck_assert_uint_eq(ledger_fds_held(&b.ledger), 1);
	ledger_release(&a);
	ck_assert(is_open(fd));
	ledger_release(&b);
	ck_assert(!is_open(fd));
}
END_TEST

/* the same library twice, by two calls: two entries, struck one by one */
START_TEST(library_twice)
{
	void *handle = (void *)0x2000;

	begin();
	ck_assert_int_eq(ledger_thing_add(&a, THING_LIBRARY, handle), 0);
	ck_assert_int_eq(ledger_thing_add(&b, THING_LIBRARY, handle), 0);
	ck_assert_int_eq(ledger_thing_add(&a, THING_LIBRARY, handle), 0);
	ck_assert_uint_eq(ledger_things_live, 3);
	ck_assert(ledger_thing_drop(THING_LIBRARY, handle));
	ck_assert(ledger_thing_drop(THING_LIBRARY, handle));
	ck_assert(ledger_thing_drop(THING_LIBRARY, handle));
	ck_assert(!ledger_thing_drop(THING_LIBRARY, handle));
	ck_assert_uint_eq(ledger_things_live, 0);
	ck_assert_int_eq(ledger_thing_add(&a, THING_LIBRARY, handle), 0);
	ledger_pass(&a, NULL);
	ck_assert(!ledger_thing_drop(THING_LIBRARY, handle));
}
END_TEST

/* --- mappings ---------------------------------------------------------------------------------- */

static char *map(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

static bool is_mapped(void *p)
{
	unsigned char vec;

	return mincore(p, PAGE, &vec) == 0;
}

START_TEST(map_cut)
{
	char *p;

	begin();
	p = map(10);
	ck_assert_int_eq(ledger_map_add(&a, p, 10 * PAGE - 100), 0);
	ck_assert_uint_eq(a.ledger.mapped, 10 * PAGE);
	ledger_map_drop(p + 4 * PAGE, 2 * PAGE);        /* in the middle */
	ck_assert_uint_eq(a.ledger.mapped, 8 * PAGE);
	ck_assert_uint_eq(ledger_things_live, 2);
	ledger_map_drop(p, PAGE);                       /* at the start */
	ledger_map_drop(p + 9 * PAGE, 1);               /* at the end, a byte of the page */
	ck_assert_uint_eq(a.ledger.mapped, 6 * PAGE);
	ledger_map_drop(p + 20 * PAGE, PAGE);           /* beside */
	ck_assert_uint_eq(a.ledger.mapped, 6 * PAGE);
	ledger_release(&a);
	ck_assert_uint_eq(a.ledger.mapped, 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(is_mapped(p + i * PAGE), i == 0 || i == 4 || i == 5 || i == 9);
	munmap(p, 10 * PAGE);
}
END_TEST

/* one over others replaces what it overlaps, whosever that is */
START_TEST(map_replace)
{
	char *p = (char *)0x10000000;

	begin();
	ck_assert_int_eq(ledger_map_add(&a, p, 4 * PAGE), 0);
	ck_assert_int_eq(ledger_map_add(&a, p + 4 * PAGE, 4 * PAGE), 0);
	ck_assert_int_eq(ledger_map_add(&b, p + 2 * PAGE, 4 * PAGE), 0);
	ck_assert_uint_eq(a.ledger.mapped, 4 * PAGE);
	ck_assert_uint_eq(b.ledger.mapped, 4 * PAGE);
	ledger_map_drop(p + 5 * PAGE, 2 * PAGE);
	ck_assert_uint_eq(a.ledger.mapped, 3 * PAGE);
	ck_assert_uint_eq(b.ledger.mapped, 3 * PAGE);
	ledger_map_drop_at(p + 7 * PAGE);
	ck_assert_uint_eq(a.ledger.mapped, 2 * PAGE);
	ledger_map_drop_at(p + PAGE);                   /* nothing starts there */
	ck_assert_uint_eq(a.ledger.mapped, 2 * PAGE);
	ledger_pass(&a, NULL);
	ledger_pass(&b, NULL);
	ck_assert_uint_eq(ledger_things_live, 0);
}
END_TEST

static void *target;
static void *move_there(void *arg)
{
	ck_assert_ptr_null(arg);
	return target;
}

START_TEST(map_move)
{
	char *p = (char *)0x10000000, *q = (char *)0x20000000;

	begin();
	ck_assert_int_eq(ledger_map_add(&a, p, 4 * PAGE), 0);
	target = MAP_FAILED;
	ck_assert_ptr_eq(ledger_map_move(p, 4 * PAGE, 8 * PAGE, false, move_there, NULL), MAP_FAILED);
	ck_assert_uint_eq(a.ledger.mapped, 4 * PAGE);
	target = q;
	ck_assert_ptr_eq(ledger_map_move(p, 4 * PAGE, 8 * PAGE, false, move_there, NULL), q);
	ck_assert_uint_eq(a.ledger.mapped, 8 * PAGE);
	ledger_map_drop(p, 4 * PAGE);                   /* it is not there any more */
	ck_assert_uint_eq(a.ledger.mapped, 8 * PAGE);
	target = p;
	ledger_map_move(q, 8 * PAGE, 8 * PAGE, true, move_there, NULL);
	ck_assert_uint_eq(a.ledger.mapped, 16 * PAGE);
	/* nobody's stays nobody's */
	target = q + 64 * PAGE;
	ledger_map_move(q + 32 * PAGE, PAGE, PAGE, false, move_there, NULL);
	ck_assert_uint_eq(a.ledger.mapped, 16 * PAGE);
	ledger_pass(&a, NULL);
}
END_TEST

/* against a plain array of owners, page by page */
START_TEST(map_random)
{
	enum { PAGES = 512, ROUNDS = 20000 };
	static unsigned char model[PAGES];
	char *base = (char *)0x100000000;
	unsigned seed = 1, count[3] = { 0 };

	begin();
	memset(model, 0, sizeof(model));
	for (int i = 0; i < ROUNDS; i++) {
		unsigned at = (unsigned)rand_r(&seed) % PAGES, n = 1 + (unsigned)rand_r(&seed) % 40, who = (unsigned)rand_r(&seed) % 3;

		if (at + n > PAGES)
			n = PAGES - at;
		if (who)
			ck_assert_int_eq(ledger_map_add(who == 1 ? &a : &b, base + at * PAGE, n * PAGE), 0);
		else
			ledger_map_drop(base + at * PAGE, n * PAGE);
		memset(model + at, (int)who, n);
		memset(count, 0, sizeof(count));
		for (int k = 0; k < PAGES; k++)
			count[model[k]]++;
		ck_assert_uint_eq(a.ledger.mapped, count[1] * PAGE);
		ck_assert_uint_eq(b.ledger.mapped, count[2] * PAGE);
	}
	for (int k = 0; k < PAGES; k++) {
		size_t before = model[k] == 1 ? a.ledger.mapped : b.ledger.mapped;

		if (!model[k])
			continue;
		ledger_map_drop(base + (size_t)k * PAGE, PAGE);
		ck_assert_uint_eq(model[k] == 1 ? a.ledger.mapped : b.ledger.mapped, before - PAGE);
	}
	ck_assert_uint_eq(ledger_things_live, 0);
}
END_TEST

/* without memory for a node: an entry is refused, a cut loses the upper part only */
START_TEST(things_no_memory)
{
	enum { MANY = 1000 };
	char *p = (char *)0x10000000;
	int i, err = 0;

	begin();
	for (i = 0; i < MANY && !err; i++) {
		sys_fault_after[SYS_MMAP] = 1;
		err = ledger_map_add(&a, p + (size_t)i * 4 * PAGE, 3 * PAGE);
	}
	ck_assert_int_eq(err, ENOMEM);
	ck_assert_uint_eq(a.ledger.mapped, (size_t)(i - 1) * 3 * PAGE);
	sys_fault_after[SYS_MMAP] = 1;
	ledger_map_drop(p + PAGE, PAGE);
	sys_fault_after[SYS_MMAP] = 0;
	ck_assert_uint_eq(a.ledger.mapped, (size_t)(i - 2) * 3 * PAGE + PAGE);
	ledger_pass(&a, NULL);
	ck_assert_uint_eq(ledger_things_live, 0);
}
END_TEST

/* --- locks ------------------------------------------------------------------------------------- */

START_TEST(lock_release)
{
	pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
	pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
	pthread_spinlock_t spin;

	begin();
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	pthread_mutex_lock(&first);
	ck_assert_int_eq(ledger_lock_add(&a, LOCK_MUTEX, &first), 0);
	pthread_rwlock_rdlock(&rw);
	ck_assert_int_eq(ledger_lock_add(&a, LOCK_RWLOCK, &rw), 0);
	pthread_spin_lock(&spin);
	ck_assert_int_eq(ledger_lock_add(&a, LOCK_SPIN, (void *)&spin), 0);
	pthread_mutex_lock(&second);
	ck_assert_int_eq(ledger_lock_add(&a, LOCK_MUTEX, &second), 0);
	ledger_lock_drop(&a, LOCK_MUTEX, &second);
	ledger_release(&a);
	ck_assert_int_eq(pthread_mutex_trylock(&first), 0);
	ck_assert_int_eq(pthread_rwlock_trywrlock(&rw), 0);
	ck_assert_int_eq(pthread_spin_trylock(&spin), 0);
	ck_assert_int_eq(pthread_mutex_trylock(&second), EBUSY);
}
END_TEST

/* unlocked by somebody else, and locked again by another: not the call's */
START_TEST(lock_stale)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;

	begin();
	pthread_mutex_lock(&m);
	pthread_rwlock_wrlock(&rw);
	a.fake_tid = gettid() + 1;
	ledger_lock_add(&a, LOCK_MUTEX, &m);
	ledger_lock_add(&a, LOCK_RWLOCK, &rw);
	ledger_release(&a);
	ck_assert_int_eq(pthread_mutex_trylock(&m), EBUSY);
	ck_assert_int_eq(pthread_rwlock_tryrdlock(&rw), EBUSY);
}
END_TEST

/* more than fit inside; a recursive one has an entry for each time; passing forgets */
START_TEST(lock_many)
{
	enum { MANY = 1000 };
	static pthread_mutex_t m[MANY];
	pthread_mutexattr_t attr;

	begin();
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	for (int i = 0; i < MANY; i++) {
		pthread_mutex_init(&m[i], &attr);
		for (int k = 0; k < 2; k++) {
			pthread_mutex_lock(&m[i]);
			ck_assert_int_eq(ledger_lock_add(&a, LOCK_MUTEX, &m[i]), 0);
		}
	}
	for (int i = 0; i < MANY; i += 2) {
		pthread_mutex_unlock(&m[i]);
		ledger_lock_drop(&a, LOCK_MUTEX, &m[i]);
	}
	ledger_release(&a);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(m[i].__data.__lock, 0);
	ck_assert_ptr_null(a.ledger.locks.more);

	pthread_mutex_lock(&m[0]);
	ledger_lock_add(&a, LOCK_MUTEX, &m[0]);
	ledger_pass(&a, &b);
	ledger_release(&a);
	ledger_release(&b);
	ck_assert_int_ne(m[0].__data.__lock, 0);
}
END_TEST

START_TEST(lock_no_memory)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	int err = 0;

	begin();
	for (int i = 0; i <= LEDGER_LOCKS_INLINE && !err; i++) {
		sys_fault_after[SYS_MMAP] = 1;
		err = ledger_lock_add(&a, LOCK_MUTEX, &m);
	}
	sys_fault_after[SYS_MMAP] = 0;
	ck_assert_int_eq(err, ENOMEM);
	ledger_pass(&a, NULL);
}
END_TEST

/* where a wait may be stopped: a context made up from instructions in memory */
static const unsigned char text[] __attribute__((aligned(64))) = { 0x90, 0x90, 0x0f, 0x05, 0x90, 0x90 };

static bool stops(const unsigned char *pc, long rax, const void *word, long op)
{
	static ucontext_t uc;

	uc.uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)pc;
	uc.uc_mcontext.gregs[REG_RAX] = rax;
	uc.uc_mcontext.gregs[REG_RDI] = (greg_t)(uintptr_t)word;
	uc.uc_mcontext.gregs[REG_RSI] = op;
	return ledger_wait_insig(&a, &uc);
}

START_TEST(wait_points)
{
	const unsigned char *at = text + 2, *after = text + 4;
	pthread_mutex_t m;
	long wait = FUTEX_WAIT_PRIVATE, wake = FUTEX_WAKE_PRIVATE;

	begin();
	ledger_wait_begin(&a, NULL, 0);
	ck_assert(a.lock_wait);
	ck_assert(stops(at, SYS_accept, NULL, 0));
	ck_assert(stops(after, -EINTR, NULL, 0));
	ck_assert(!stops(after, 7, NULL, 0));
	ck_assert(!stops(text, SYS_accept, NULL, 0));
	ck_assert(!stops(at, SYS_rt_sigreturn, NULL, 0));       /* back to where accept() may have returned something */
	ck_assert(!stops(text + 5, -EINTR, NULL, 0));
	ledger_wait_end(&a);
	ck_assert(!a.lock_wait);

	ledger_wait_begin(&a, &m, sizeof(m));
	ck_assert(stops(at, SYS_futex, &m, wait));
	ck_assert(stops(at, SYS_futex, &m, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME));
	ck_assert(stops(after, -EINTR, &m, wait));
	ck_assert(!stops(at, SYS_futex, &m, wake));
	ck_assert(!stops(at, SYS_futex, &m + 1, wait));
	ck_assert(!stops(at, SYS_read, &m, wait));
	ck_assert(!stops(after, 0, &m, wait));
	/* not in a handler of the program that came into the wait */
	a.handler_sp = UINTPTR_MAX;
	ck_assert(!stops(at, SYS_futex, &m, wait));
	a.handler_sp = 0;
	ledger_wait_end(&a);

	/* nor within a region where the program disabled preemption itself */
	a.depth = 2;
	ledger_wait_begin(&a, &m, sizeof(m));
	ck_assert(!a.lock_wait);
	ledger_wait_end(&a);
}
END_TEST

UNIT_MAIN("ledger", fd_release, fd_reused, fd_pass, fd_restore, fd_many, fd_untracked, fd_in_handler, stream_release,
          stream_flush, stream_borrows, stream_strike, dir_pass, library_twice, map_cut, map_replace, map_move, map_random,
          things_no_memory, lock_release, lock_stale, lock_many, lock_no_memory, wait_points)
