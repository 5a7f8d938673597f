/*
 * thread_offers.c - a worker that runs one thread for long offers the others to one that sleeps: at a tick, at the latest
 *
 * Nobody's turn ends here, and the monitor, which would wake the sleeper a little later, has been stopped. Links the library's
 * objects, to look.
 */
#include "../test.h"

#include <stint.h>

#include "clock.h"
#include "idle.h"
#include "monitor.h"

#define KICKS 200
#define OFFERS 20
#define TALKS 1000

static struct worker *mine, *other;     /* of the director; it goes where it is taken to, and looks anew */
static int has_run;

static void *runs(void *arg)
{
	__atomic_store_n(&has_run, 1, __ATOMIC_RELEASE);
	return arg;
}

static void let_other_sleep(void)
{
	stint_preempt_disable();
	mine = worker_here();
	stint_preempt_enable();
	other = workers[!mine->id];
	while (!__atomic_load_n(&other->asleep, __ATOMIC_ACQUIRE) || __atomic_load_n(&idle_nasleep, __ATOMIC_ACQUIRE) != 1)
		;
}

/* as it was when it had slept @sleeps times */
static bool sleeps_on(uint64_t sleeps)
{
	return __atomic_load_n(&other->asleep, __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(&other->stats.sleeps, __ATOMIC_ACQUIRE) == sleeps;
}

static bool was_offered(uint64_t sleeps)
{
	return !sleeps_on(sleeps) || __atomic_load_n(&has_run, __ATOMIC_ACQUIRE);       /* here: we have stood still for a turn */
}

static void end_of(stint_thread_t *third)
{
	while (!__atomic_load_n(&has_run, __ATOMIC_ACQUIRE))
		;
	CHECK_INT(stint_thread_join(third, NULL), ==, 0);
}

/* It becomes ready while it looks as if nobody slept. Then a tick comes. */
static void at_tick(void)
{
	stint_thread_t *third;
	uint64_t sleeps;

	let_other_sleep();
	sleeps = other->stats.sleeps;
	has_run = 0;
	__atomic_fetch_sub(&idle_nasleep, 1, __ATOMIC_SEQ_CST);
	CHECK_INT(stint_thread_create(&third, NULL, runs, NULL), ==, 0);
	__atomic_fetch_add(&idle_nasleep, 1, __ATOMIC_SEQ_CST);
	worker_kick(mine);
	while (__atomic_load_n(&mine->post.kicked, __ATOMIC_ACQUIRE))
		;
	CHECK(was_offered(sleeps));
	end_of(third);
}

static void *answers(void *arg)
{
	stint_chan_t **chan = arg;
	long word;

	while (!stint_chan_recv(chan[0], &word))
		CHECK_INT(stint_chan_send(chan[1], &word), ==, 0);
	return arg;
}

/*
 * Two threads of one worker talk, so the other worker is woken for nothing, and then not so soon again. True: nor was it for the
 * thread that is made then; a tick was set for that instead, and has it woken.
 */
static bool is_offered_later(stint_chan_t **chan)
{
	stint_thread_t *third;
	uint64_t sleeps, at, due, ticks;
	bool later;

	for (long word = 0, back; word < TALKS; word++) {
		CHECK_INT(stint_chan_send(chan[0], &word), ==, 0);
		CHECK_INT(stint_chan_recv(chan[1], &back), ==, 0);
	}
	let_other_sleep();
	sleeps = other->stats.sleeps;
	ticks = __atomic_load_n(&mine->kt->ticks, __ATOMIC_RELAXED);
	has_run = 0;
	CHECK_INT(stint_thread_create(&third, NULL, runs, NULL), ==, 0);
	at = __atomic_load_n(&mine->offer_at, __ATOMIC_RELAXED);
	due = __atomic_load_n(&mine->kt->turn_end, __ATOMIC_RELAXED);
	later = sleeps_on(sleeps) && __atomic_load_n(&mine->kt->ticks, __ATOMIC_RELAXED) == ticks;
	CHECK(!later || (at != NEVER && due <= at));
	while (later && !__atomic_load_n(&has_run, __ATOMIC_ACQUIRE))
		if (__atomic_load_n(&mine->offer_at, __ATOMIC_RELAXED) != at)
			CHECK(was_offered(sleeps));
	end_of(third);
	return later;
}

static void *directs(void *arg)
{
	stint_chan_t *chan[2] = { stint_chan_create(sizeof(long), 0), stint_chan_create(sizeof(long), 0) };
	stint_thread_t *partner;

	CHECK(chan[0] && chan[1]);
	for (int i = 0; i < KICKS; i++)
		at_tick();
	CHECK_INT(stint_thread_create(&partner, NULL, answers, chan), ==, 0);
	for (int offers = 0; offers < OFFERS;)
		offers += is_offered_later(chan);
	CHECK_INT(stint_chan_close(chan[0]), ==, 0);
	CHECK_INT(stint_thread_join(partner, NULL), ==, 0);
	stint_chan_free(chan[0]);
	stint_chan_free(chan[1]);
	return arg;
}

static void offers(const char *policy)
{
	struct stint_config config = { .size = sizeof(config), .workers = 2, .policy = policy, .quantum = STINT_S(10) };
	stint_thread_t *t;
	int err;

	CHECK_INT(stint_start(&config), ==, 0);
	monitor_stop();
	CHECK_INT(stint_thread_create(&t, NULL, directs, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	while ((err = stint_stop()) == EBUSY)
		sleep_ns(200000);
	CHECK_INT(err, ==, 0);
}

int main(void)
{
	test_watchdog();
	setenv("STINT_TICK", "timer", 1);       /* the other source is the monitor */
	CHECK(!stint_unsupported());
	offers("fifo");
	offers("rr");
	return 0;
}
