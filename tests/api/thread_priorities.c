/*
 * thread_priorities.c - with the policy prio no thread waits for long while one of a lower priority runs, at whatever worker; with edf,
 * none with a deadline while one without runs
 */
#include "../test.h"

#include <stint.h>

#define HOGS 6
#define LOOKS 20                /* so often in a row, a few milliseconds apart, those who should not get on have not */
#define MOST_LOOKS 2000
#define LOW 1
#define MIDDLE 2
#define HIGH 3

static struct hog {
	stint_thread_t *thread;
	unsigned long n;        /* atomic; it gets on */
	unsigned long before;   /* n, at the last look */
	int over;
} hogs[HOGS];

static void *computes(void *arg)
{
	struct hog *h = arg;

	while (!__atomic_load_n(&h->over, __ATOMIC_RELAXED))
		__atomic_fetch_add(&h->n, 1, __ATOMIC_RELAXED);
	return arg;
}

/* LOW is without a deadline, too */
static struct stint_thread_attr attr_of(int priority)
{
	return (struct stint_thread_attr){ .size = sizeof(struct stint_thread_attr), .priority = priority,
		                           .deadline = priority == LOW ? 0 : STINT_MS(30) / priority };
}

static void begin(int i, int priority)
{
	struct stint_thread_attr attr = attr_of(priority);

	hogs[i] = (struct hog){ 0 };
	CHECK_INT(stint_thread_create(&hogs[i].thread, &attr, computes, &hogs[i]), ==, 0);
}

static void end(int i)
{
	__atomic_store_n(&hogs[i].over, 1, __ATOMIC_RELAXED);
	CHECK_INT(stint_thread_join(hogs[i].thread, NULL), ==, 0);
	hogs[i].thread = NULL;
}

/* bits: who has got on since the last look */
static unsigned look(void)
{
	unsigned on = 0;

	for (int i = 0; i < HOGS; i++) {
		unsigned long n = __atomic_load_n(&hogs[i].n, __ATOMIC_RELAXED);

		if (hogs[i].thread && n != hogs[i].before)
			on |= 1u << i;
		hogs[i].before = n;
	}
	return on;
}

/* Soon it is those of @who that get on, perhaps with some of @others, and nobody else. */
static void get_on(unsigned who, unsigned others)
{
	unsigned row = 0, on = 0;

	look();
	for (unsigned n = 0; row < LOOKS || (on & who) != who; n++) {
		unsigned now;

		CHECK_INT(n, <, MOST_LOOKS);
		sleep_ns(3000000);
		now = look();
		row = now & ~who & ~others ? 0 : row + 1;
		on = row ? on | now : 0;
	}
}

static void *makes_two(void *arg)
{
	const int *priority = arg;

	begin(2, *priority);
	begin(3, *priority);
	return arg;
}

/* both at one worker */
static void begin_two_at_one(int priority)
{
	struct stint_thread_attr attr = attr_of(HIGH + 1);
	stint_thread_t *maker;

	CHECK_INT(stint_thread_create(&maker, &attr, makes_two, &priority), ==, 0);
	CHECK_INT(stint_thread_join(maker, NULL), ==, 0);
}

/* They come while both workers have low ones. */
static void high_ones_displace_all(bool at_one)
{
	int high = HIGH;

	begin(0, LOW);
	begin(1, LOW);
	get_on(1u << 0 | 1u << 1, 0);
	if (at_one)
		begin_two_at_one(HIGH);
	else
		makes_two(&high);
	get_on(1u << 2 | 1u << 3, 0);
	end(2);
	end(3);
	get_on(1u << 0 | 1u << 1, 0);
	end(0);
	end(1);
}

/*
 * They wait at one worker, when the high one of the other ends, where low ones wait. Which one that is the test does not know: if not the first that
 * ends, then the second.
 */
static void middle_ones_come_before_low_ones(void)
{
	begin(4, LOW);
	begin(5, LOW);
	get_on(1u << 4 | 1u << 5, 0);
	begin(0, HIGH);
	begin(1, HIGH);
	begin_two_at_one(MIDDLE);
	get_on(1u << 0 | 1u << 1, 0);
	end(0);
	get_on(1u << 1, 1u << 2 | 1u << 3);
	begin(0, HIGH);
	get_on(1u << 0 | 1u << 1, 0);
	end(1);
	get_on(1u << 0, 1u << 2 | 1u << 3);
	end(0);
	get_on(1u << 2 | 1u << 3, 0);
	end(2);
	get_on(1u << 3, 1u << 4 | 1u << 5);
	for (int i = 3; i < HOGS; i++)
		end(i);
}

#define NAPS 200

static void *naps(void *arg)
{
	for (int i = 0; i < NAPS; i++)
		stint_thread_sleep(STINT_MS(1));
	return arg;
}

static uint64_t steals(void)
{
	struct stint_worker_stats s;
	uint64_t n = 0;

	for (unsigned i = 0; !stint_worker_stats(i, &s); i++)
		n += s.steals;
	return n;
}

/* One that wakes up where it can displace the running one is not sent to and fro. */
static void napper_stays(void)
{
	struct stint_thread_attr attr = attr_of(HIGH);
	uint64_t before;
	stint_thread_t *t;

	begin(0, LOW);
	begin(1, LOW);
	get_on(1u << 0 | 1u << 1, 0);
	before = steals();
	CHECK_INT(stint_thread_create(&t, &attr, naps, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(steals() - before, <, 2 * NAPS);
	end(0);
	end(1);
}

static void with(const char *policy, bool middle)
{
	struct stint_config config = { .size = sizeof(config), .workers = 2, .policy = policy, .quantum = STINT_MS(1) };
	int err;

	CHECK_INT(stint_start(&config), ==, 0);
	for (int round = 0; round < 3; round++) {
		high_ones_displace_all(false);
		high_ones_displace_all(true);
		if (middle)
			middle_ones_come_before_low_ones();
		napper_stays();
	}
	while ((err = stint_stop()) == EBUSY)
		sleep_ns(200000);
	CHECK_INT(err, ==, 0);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	with("prio", true);
	with("edf", false);     /* there also those come before that have been late for longer */
	return 0;
}
