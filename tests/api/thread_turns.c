/*
 * thread_turns.c - who runs when: order of yields, sleeps that are not too short, shares by weight, priorities, a hog that does not
 * starve others, wake-ups that do not wait for the end of a long turn, events found by ticks and by who goes on, and one thread that waits
 * alone
 */
#include "../test.h"

#include <pthread.h>
#include <sys/ptrace.h>

#include <stint.h>

static void start(unsigned workers, const char *policy, stint_ns quantum)
{
	struct stint_config config = { .size = sizeof(config), .workers = workers, .policy = policy, .quantum = quantum };

	CHECK_INT(stint_start(&config), ==, 0);
}

static void stop(void)
{
	int err;

	while ((err = stint_stop()) == EBUSY)
		sleep_ns(200000);
	CHECK_INT(err, ==, 0);
}

static void join_all(stint_thread_t **t, int n)
{
	for (int i = 0; i < n; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
}

/* --- yields ------------------------------------------------------------------------------------ */

#define YIELDERS 5
#define ROUNDS 40

static int order[YIELDERS * ROUNDS], nordered;

static void *notes_and_yields(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		order[nordered++] = (int)(long)arg;
		stint_thread_yield();
	}
	return NULL;
}

static void *makes_yielders(void *arg)
{
	stint_thread_t *t[YIELDERS];

	for (long i = 0; i < YIELDERS; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, notes_and_yields, (void *)i), ==, 0);
	join_all(t, YIELDERS);
	return arg;
}

/* one worker, nobody preempted (the quantum is long): strictly in turn */
static void yields_in_order(const char *policy)
{
	stint_thread_t *t;

	start(1, policy, STINT_S(10));
	nordered = 0;
	CHECK_INT(stint_thread_create(&t, NULL, makes_yielders, NULL), ==, 0);
	join_all(&t, 1);
	CHECK_INT(nordered, ==, YIELDERS * ROUNDS);
	for (int i = 0; i < nordered; i++)
		CHECK_INT(order[i], ==, i % YIELDERS);
	stop();
}

/* --- sleeps ------------------------------------------------------------------------------------ */

static void *sleeps(void *arg)
{
	for (int i = 1; i < 12; i++) {
		stint_ns span = STINT_US(1) << i;
		int64_t begin = now_ns();

		stint_thread_sleep(span);
		CHECK_INT(now_ns() - begin, >=, span);
		stint_thread_sleep(0);
		stint_thread_sleep(-5);
	}
	return arg;
}

/* who sleeps less wakes first: counted from one moment, or it would matter how fast they are made */
static int64_t moment;

static void *sleeps_and_notes(void *arg)
{
	int64_t from;

	while (!(from = __atomic_load_n(&moment, __ATOMIC_ACQUIRE)))
		stint_thread_yield();
	stint_thread_sleep(from + STINT_MS(15) * (10 - (long)arg) - now_ns());
	order[__atomic_fetch_add(&nordered, 1, __ATOMIC_RELAXED)] = (int)(long)arg;
	return NULL;
}

static void sleepers(unsigned workers)
{
	stint_thread_t *t[30];

	start(workers, "fair", 0);
	for (int i = 0; i < 30; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, sleeps, NULL), ==, 0);
	join_all(t, 30);
	sleeps(NULL);           /* a kernel thread, too */
	stop();
}

static void wake_in_order(void)
{
	stint_thread_t *t[10];

	start(1, "rr", 0);
	nordered = 0;
	moment = 0;
	for (long i = 0; i < 10; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, sleeps_and_notes, (void *)i), ==, 0);
	__atomic_store_n(&moment, now_ns() + STINT_MS(100), __ATOMIC_RELEASE);
	join_all(t, 10);
	CHECK_INT(nordered, ==, 10);
	for (int i = 1; i < 10; i++)
		CHECK_INT(order[i], ==, 9 - i);
	stop();
}

/* --- shares ------------------------------------------------------------------------------------ */

#define TURNS 60
#define WINDOW 600
#define TURNS_AT_MOST 3000

static volatile int leave;

static void *works(void *arg)
{
	while (!leave)
		;
	return arg;
}

/* what each has got so far, and how many turns the one with the fewest */
static uint64_t shares(stint_thread_t **t, int n, int64_t *got)
{
	uint64_t turns = UINT64_MAX;
	struct stint_usage u;

	for (int i = 0; i < n; i++) {
		CHECK_INT(stint_thread_usage(t[i], &u), ==, 0);
		got[i] = u.cpu_ns;
		turns = u.preemptions < turns ? u.preemptions : turns;
	}
	return turns;
}

/*
 * Until each has had many turns; and on, while the shares are not as they should be: to the policy, a machine that stands still is a
 * long turn of whoever runs, which takes it a while to make up for. It does not make up for any length: so they are counted anew after a
 * while.
 */
static void run(struct stint_thread_attr *attr, int n, int64_t *got, bool (*fair)(const int64_t *got))
{
	int64_t before[4] = { 0 };
	stint_thread_t *t[4];
	uint64_t turns, first = 0;

	leave = 0;
	for (int i = 0; i < n; i++)
		CHECK_INT(stint_thread_create(&t[i], &attr[i], works, NULL), ==, 0);
	for (;;) {
		sleep_ns(1000000);
		turns = shares(t, n, got);
		for (int i = 0; i < n; i++)
			got[i] -= before[i];
		if (turns - first >= TURNS && (fair(got) || turns >= TURNS_AT_MOST))
			break;
		if (turns - first >= WINDOW) {
			first = turns;
			for (int i = 0; i < n; i++)
				before[i] += got[i];
		}
	}
	leave = 1;
	join_all(t, n);
	CHECK(fair(got));
}

/* four to one: at least two and a half; and the light one does get some */
static bool fair_by_weight(const int64_t *got)
{
	return got[0] * 10 >= got[1] * 25 && got[1] * 10 >= got[0];
}

static void weights(void)
{
	struct stint_thread_attr attr[2] = { { .size = sizeof(attr[0]), .weight = 4096 },
		                             { .size = sizeof(attr[0]), .weight = 1024 } };
	int64_t got[2];

	start(1, "fair", STINT_US(500));
	run(attr, 2, got, fair_by_weight);
	stop();
}

/* equal ones get equal shares: nobody less than half of another's */
static bool fair_to_equals(const int64_t *got)
{
	for (int i = 1; i < 4; i++)
		if (got[i] * 2 < got[0] || got[0] * 2 < got[i])
			return false;
	return true;
}

static void equals(const char *policy)
{
	struct stint_thread_attr attr[4];
	int64_t got[4];

	for (int i = 0; i < 4; i++)
		attr[i] = (struct stint_thread_attr){ .size = sizeof(attr[0]) };
	start(1, policy, STINT_US(500));
	run(attr, 4, got, fair_to_equals);
	stop();
}

static bool the_same(const int64_t *got)
{
	return got[0] * 3 >= got[1] * 2 && got[1] * 3 >= got[0] * 2;
}

static int enough_naps;

static void *naps(void *arg)
{
	while (!__atomic_load_n(&enough_naps, __ATOMIC_RELAXED))
		stint_thread_sleep(STINT_MS(1));
	return arg;
}

/* Whoever comes after one that wants but a moment has a turn like the others. */
static void equals_beside_a_sleeper(const char *policy)
{
	struct stint_thread_attr attr[2] = { { .size = sizeof(attr[0]) }, { .size = sizeof(attr[0]) } };
	stint_thread_t *t;
	int64_t got[2];

	start(1, policy, STINT_US(500));
	enough_naps = 0;
	CHECK_INT(stint_thread_create(&t, NULL, naps, NULL), ==, 0);
	run(attr, 2, got, the_same);
	__atomic_store_n(&enough_naps, 1, __ATOMIC_RELAXED);
	join_all(&t, 1);
	stop();
}

/* --- priorities -------------------------------------------------------------------------------- */

static void *notes(void *arg)
{
	order[nordered++] = (int)(long)arg;
	return NULL;
}

static void *makes_by_priority(void *arg)
{
	static const int priorities[] = { 3, -100, 127, 0, 50, -128, 4 };
	static const int expected[] = { 127, 50, 4, 3, 0, -100, -128 };
	struct stint_thread_attr attr = { .size = sizeof(attr) };
	stint_thread_t *t[7];

	/* it has the highest itself, so that they gather */
	for (int i = 0; i < 7; i++) {
		attr.priority = priorities[i];
		CHECK_INT(stint_thread_create(&t[i], &attr, notes, (void *)(long)priorities[i]), ==, 0);
	}
	CHECK_INT(nordered, ==, 0);
	join_all(t, 7);
	for (int i = 0; i < 7; i++)
		CHECK_INT(order[i], ==, expected[i]);
	return arg;
}

static void priorities(void)
{
	struct stint_thread_attr attr = { .size = sizeof(attr), .priority = STINT_PRIORITY_MAX };
	stint_thread_t *t;

	start(1, "prio", STINT_MS(5));
	nordered = 0;
	CHECK_INT(stint_thread_create(&t, &attr, makes_by_priority, NULL), ==, 0);
	join_all(&t, 1);
	stop();
}

/* a higher one displaces a hog at once, not when its turn of ten seconds is over */
static int said;

static void *says(void *arg)
{
	__atomic_store_n(&said, 1, __ATOMIC_RELEASE);
	return arg;
}

static void *makes_and_waits(void *arg)
{
	struct stint_thread_attr attr = { .size = sizeof(attr), .priority = 10 };
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, &attr, says, NULL), ==, 0);
	while (!__atomic_load_n(&said, __ATOMIC_ACQUIRE))
		;
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	return arg;
}

static void displaces(bool from_outside)
{
	struct stint_thread_attr attr = { .size = sizeof(attr), .priority = 10 };
	stint_thread_t *t[2];

	start(1, "prio", STINT_S(10));
	said = leave = 0;
	if (!from_outside) {
		CHECK_INT(stint_thread_create(&t[0], NULL, makes_and_waits, NULL), ==, 0);
		join_all(t, 1);
	} else {
		CHECK_INT(stint_thread_create(&t[0], NULL, works, NULL), ==, 0);
		sleep_ns(2000000);
		CHECK_INT(stint_thread_create(&t[1], &attr, says, NULL), ==, 0);
		join_all(&t[1], 1);
		leave = 1;
		join_all(t, 1);
	}
	stop();
}

/* --- nobody is kept waiting by a hog ------------------------------------------------------------ */

static void *hog(void *arg)
{
	while (!__atomic_load_n(&said, __ATOMIC_ACQUIRE))
		;
	return arg;
}

static void *sleeps_and_says(void *arg)
{
	for (int i = 0; i < 10; i++)
		stint_thread_sleep(STINT_MS(1));
	return says(arg);
}

/* the hogs end only when the sleeper has had its turns */
static void among_hogs(unsigned workers, const char *policy)
{
	stint_thread_t *t[9];

	start(workers, policy, STINT_MS(1));
	said = 0;
	for (int i = 0; i < 8; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, hog, NULL), ==, 0);
	CHECK_INT(stint_thread_create(&t[8], NULL, sleeps_and_says, NULL), ==, 0);
	join_all(t, 9);
	stop();
}

/* A thread that is ready goes on on whatever worker is free, also when turns never end: the maker computes until it has. */
static void *makes_at_random_times(void *arg)
{
	struct rng r;

	rng_seed(&r, (uint64_t)(uintptr_t)arg);
	for (int i = 0; i < 300; i++) {
		stint_thread_t *t;

		said = 0;
		CHECK_INT(stint_thread_create(&t, NULL, says, NULL), ==, 0);
		while (!__atomic_load_n(&said, __ATOMIC_ACQUIRE))
			;
		CHECK_INT(stint_thread_join(t, NULL), ==, 0);
		spin_ns((int64_t)rng_below(&r, 120000));
	}
	return NULL;
}

static void free_workers_help(const char *policy)
{
	stint_thread_t *t;

	start(2, policy, STINT_S(10));
	CHECK_INT(stint_thread_create(&t, NULL, makes_at_random_times, (void *)(uintptr_t)test_seed()), ==, 0);
	join_all(&t, 1);
	stop();
}

/* --- ticks find events, too, and so does who goes on --------------------------------------------- */

#define MESSAGES 30

static int pipe_fds[2], read_so_far;

static void *reads(void *arg)
{
	char c;

	for (int i = 0; i < MESSAGES; i++) {
		CHECK_INT(read(pipe_fds[0], &c, 1), ==, 1);
		__atomic_fetch_add(&read_so_far, 1, __ATOMIC_RELEASE);
	}
	return arg;
}

/* a process that stops a thread of ours, whose number it reads, says whether it did, and lets it go on when it ends */
static pid_t make_stopper(int fds[2])
{
	int to[2], from[2], tid, stopped;
	pid_t pid;

	CHECK(!pipe(to) && !pipe(from));
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid) {
		close(to[1]);
		if (read(to[0], &tid, sizeof(tid)) != sizeof(tid))
			_exit(0);
		stopped = !ptrace(PTRACE_SEIZE, tid, 0, 0) && !ptrace(PTRACE_INTERRUPT, tid, 0, 0) &&
		          waitpid(tid, NULL, __WALL) == tid;
		stopped = write(from[1], &stopped, sizeof(stopped)) == sizeof(stopped) && read(to[0], &tid, 1) == 0;
		_exit(!stopped);
	}
	close(to[0]);
	close(from[1]);
	fds[0] = from[0];
	fds[1] = to[1];
	prctl(PR_SET_PTRACER, pid);     /* where that is needed */
	return pid;
}

static uint64_t from_others(void)
{
	struct stint_worker_stats stats;

	CHECK_INT(stint_worker_stats(0, &stats), ==, 0);
	return stats.remote_wakeups;
}

/* when @made threads have been made from outside, the watch stands still; false: it may not be stopped */
static bool stop_watch(const int fds[2], uint64_t made)
{
	int tid, stopped;

	while (!count_tasks("stint-watch", &tid) || from_others() < made)
		sleep_ns(1000000);
	CHECK_INT(write(fds[1], &tid, sizeof(tid)), ==, sizeof(tid));
	CHECK_INT(read(fds[0], &stopped, sizeof(stopped)), ==, sizeof(stopped));
	if (!stopped)
		printf("events without the watch left out: ptrace is not allowed here\n");
	return stopped;
}

static void let_watch_go_on(pid_t stopper, const int fds[2])
{
	close(fds[1]);
	CHECK_EXIT(stopper, 0);
	close(fds[0]);
}

/* With two who compute and a watch that is stopped, who waits for input is found by the worker's own ticks. */
static void ticks_find_events(void)
{
	int fds[2];
	pid_t stopper = make_stopper(fds);
	stint_thread_t *t[3];
	uint64_t before;
	bool stopped;

	CHECK(!pipe(pipe_fds));
	said = 0;
	start(1, "fair", STINT_MS(1));
	CHECK_INT(stint_thread_create(&t[0], NULL, reads, NULL), ==, 0);
	CHECK_INT(stint_thread_create(&t[1], NULL, hog, NULL), ==, 0);
	CHECK_INT(stint_thread_create(&t[2], NULL, hog, NULL), ==, 0);
	stopped = stop_watch(fds, 3);
	before = from_others();
	for (int i = 0; i < MESSAGES; i++) {
		CHECK_INT(write(pipe_fds[1], "x", 1), ==, 1);
		while (__atomic_load_n(&read_so_far, __ATOMIC_ACQUIRE) <= i)
			sleep_ns(100000);
	}
	CHECK(!stopped || from_others() == before);
	let_watch_go_on(stopper, fds);
	__atomic_store_n(&said, 1, __ATOMIC_RELEASE);
	join_all(t, 3);
	stop();
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static long steps, steps_at_write;      /* of the hog */
static int at_once, may_write;

static void *counts_steps(void *arg)
{
	while (!__atomic_load_n(&said, __ATOMIC_ACQUIRE))
		__atomic_fetch_add(&steps, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *writes(void *arg)
{
	while (!__atomic_load_n(&may_write, __ATOMIC_ACQUIRE))
		stint_thread_sleep(STINT_MS(1));
	for (int i = 0; i < MESSAGES; i++) {
		stint_thread_sleep(STINT_MS(1));
		steps_at_write = __atomic_load_n(&steps, __ATOMIC_RELAXED);
		CHECK_INT(write(pipe_fds[1], "x", 1), ==, 1);
	}
	return arg;
}

static void *reads_at_once(void *arg)
{
	char c;

	for (int i = 0; i < MESSAGES; i++) {
		CHECK_INT(read(pipe_fds[0], &c, 1), ==, 1);
		at_once += __atomic_load_n(&steps, __ATOMIC_RELAXED) == steps_at_write;
	}
	return arg;
}

/*
 * One computes, and is displaced by another that sends something to a third and waits. Who computes finds that before it goes on, and is
 * displaced again.
 */
static void who_goes_on_finds_events(void)
{
	int fds[2];
	pid_t stopper = make_stopper(fds);
	stint_thread_t *t[3];
	bool stopped;

	CHECK(!pipe(pipe_fds));
	said = at_once = may_write = 0;
	start(1, "fair", STINT_S(10));
	CHECK_INT(stint_thread_create(&t[0], NULL, reads_at_once, NULL), ==, 0);
	CHECK_INT(stint_thread_create(&t[1], NULL, writes, NULL), ==, 0);
	CHECK_INT(stint_thread_create(&t[2], NULL, counts_steps, NULL), ==, 0);
	stopped = stop_watch(fds, 3);
	__atomic_store_n(&may_write, 1, __ATOMIC_RELEASE);
	join_all(t, 2);
	CHECK(!stopped || at_once == MESSAGES);
	let_watch_go_on(stopper, fds);
	__atomic_store_n(&said, 1, __ATOMIC_RELEASE);
	join_all(&t[2], 1);
	stop();
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

/* --- one that waits alone ---------------------------------------------------------------------- */

#define TALKS 20000
#define THIRDS 10

static int has_run;

static void *runs(void *arg)
{
	__atomic_store_n(&has_run, 1, __ATOMIC_RELEASE);
	return arg;
}

static void *answers(void *arg)
{
	long word;

	while (!stint_chan_recv(((stint_chan_t **)arg)[0], &word))
		CHECK_INT(stint_chan_send(((stint_chan_t **)arg)[1], &word), ==, 0);
	return arg;
}

/* Two threads of one worker talk, so the other worker was woken for nothing, many times. Then one computes until a third has run. */
static void talks_then_computes(stint_chan_t **chan)
{
	stint_thread_t *third;

	for (long word = 0, back; word < TALKS; word++) {
		CHECK_INT(stint_chan_send(chan[0], &word), ==, 0);
		CHECK_INT(stint_chan_recv(chan[1], &back), ==, 0);
	}
	has_run = 0;
	CHECK_INT(stint_thread_create(&third, NULL, runs, NULL), ==, 0);
	while (!__atomic_load_n(&has_run, __ATOMIC_ACQUIRE))
		;
	CHECK_INT(stint_thread_join(third, NULL), ==, 0);
}

static void *talks(void *arg)
{
	stint_chan_t *chan[2] = { stint_chan_create(sizeof(long), 0), stint_chan_create(sizeof(long), 0) };
	stint_thread_t *other;

	CHECK(chan[0] && chan[1]);
	CHECK_INT(stint_thread_create(&other, NULL, answers, chan), ==, 0);
	for (int i = 0; i < THIRDS; i++)
		talks_then_computes(chan);
	CHECK_INT(stint_chan_close(chan[0]), ==, 0);
	CHECK_INT(stint_thread_join(other, NULL), ==, 0);
	stint_chan_free(chan[0]);
	stint_chan_free(chan[1]);
	return arg;
}

/* nobody's turn ends, so only the other worker can run it, and has to be woken for that */
static void offered_all_the_same(const char *policy)
{
	stint_thread_t *t;

	start(2, policy, STINT_S(10));
	CHECK_INT(stint_thread_create(&t, NULL, talks, NULL), ==, 0);
	join_all(&t, 1);
	stop();
}

int main(void)
{
	test_watchdog();
	yields_in_order("fifo");
	yields_in_order("rr");
	sleepers(1);
	sleepers(3);
	wake_in_order();
	weights();
	equals("fair");
	equals_beside_a_sleeper("rr");
	equals_beside_a_sleeper("edf");
	equals_beside_a_sleeper("fair");
	priorities();
	displaces(false);
	displaces(true);
	among_hogs(1, "rr");
	among_hogs(1, "fair");
	among_hogs(1, "mlfq");
	among_hogs(1, "lifo");
	among_hogs(3, "fair");
	free_workers_help("rr");
	free_workers_help("fifo");
	free_workers_help("lifo");
	ticks_find_events();
	who_goes_on_finds_events();
	offered_all_the_same("fifo");
	offered_all_the_same("rr");
	return 0;
}
