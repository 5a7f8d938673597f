/*
 * sync.c - locks under everything at once: at most one is inside, what is counted under them adds up, nobody
 * waits for ever, and whoever is cancelled at, in or behind a lock leaves it usable
 *
 * A thread that may be cancelled asks for its locks to be unlocked then, whether it has them or not:
 * unlocking what one does not hold is only an error.
 */
#include "crew.h"

#define ONCES 256
#define ROOM 4

static struct {
	stint_mutex_t lock;
	int inside;
	long count;

	stint_rwlock_t rw;
	int writing, reading;
	long written[2];

	stint_mutex_t queue;
	stint_cond_t not_empty, not_full;
	int items;
	long put, taken;

	stint_sem_t tokens;
	int held;

	stint_once_t once[ONCES];
	int once_inside[ONCES], once_done[ONCES];
} shared;

struct job {
	bool inside, writing, has_token;
	int once, in_once;              /* which it asks for, and is inside of; plus one */
	long count, written, put, taken;
};

static struct job jobs[CREW];

static bool may_be_cancelled(const struct place *p)
{
	return p->kind != KERNEL;
}

static stint_ns some_time(struct place *p)
{
	return below(p, 2) ? STINT_FOREVER : STINT_US(below(p, 200));
}

static void dawdle(struct place *p)
{
	if (below(p, 8) == 0)
		stint_thread_yield();
	else if (below(p, 64) == 0)
		spin_ns((int64_t)below(p, 20000));
}

/* --- a mutex ----------------------------------------------------------------------------------- */

static void enters(struct place *p)
{
	struct job *j = p->job;
	int r = below(p, 3) ? stint_mutex_lock_timed(&shared.lock, some_time(p)) : stint_mutex_lock(&shared.lock);

	CHECK(r == 0 || r == ETIMEDOUT);
	if (r)
		return;
	stint_preempt_disable();
	j->inside = true;
	CHECK_INT(ADD(shared.inside, 1), ==, 1);
	stint_preempt_enable();
	dawdle(p);
	stint_preempt_disable();
	shared.count++;
	j->count++;
	CHECK_INT(ADD(shared.inside, -1), ==, 0);
	j->inside = false;
	crew_did();
	stint_preempt_enable();
	CHECK_INT(stint_mutex_unlock(&shared.lock), ==, 0);
}

/* --- a reader-writer lock; a reader's has no owner, so only those read who are not cancelled ---- */

static void reads_or_writes(struct place *p)
{
	struct job *j = p->job;
	bool reads = !may_be_cancelled(p) && below(p, 4);
	int r = reads ? stint_rwlock_rdlock_timed(&shared.rw, some_time(p)) :
	                stint_rwlock_wrlock_timed(&shared.rw, some_time(p));

	CHECK(r == 0 || r == ETIMEDOUT);
	if (r)
		return;
	if (reads) {
		ADD(shared.reading, 1);
		CHECK_INT(LOAD(shared.writing), ==, 0);
		CHECK_INT(shared.written[0], ==, shared.written[1]);
		ADD(shared.reading, -1);
	} else {
		stint_preempt_disable();
		j->writing = true;
		CHECK_INT(ADD(shared.writing, 1), ==, 1);
		CHECK_INT(LOAD(shared.reading), ==, 0);
		shared.written[0]++;
		stint_preempt_enable();
		dawdle(p);
		stint_preempt_disable();
		shared.written[1]++;
		j->written++;
		CHECK_INT(ADD(shared.writing, -1), ==, 0);
		j->writing = false;
		stint_preempt_enable();
	}
	CHECK_INT(stint_rwlock_unlock(&shared.rw), ==, 0);
}

/* --- a queue with two conditions --------------------------------------------------------------- */

static bool wait_on(struct place *p, stint_cond_t *c)
{
	int r = below(p, 2) ? stint_cond_wait(c, &shared.queue) :
	                      stint_cond_wait_timed(c, &shared.queue, STINT_US(below(p, 200)));

	CHECK(r == 0 || r == ETIMEDOUT);
	return r == 0;
}

static void puts_or_takes(struct place *p)
{
	struct job *j = p->job;
	bool puts = p->index / 4 % 2, goes_on = true;

	CHECK_INT(stint_mutex_lock(&shared.queue), ==, 0);
	while (!LOAD(over) && goes_on && shared.items == (puts ? ROOM : 0))
		goes_on = wait_on(p, puts ? &shared.not_full : &shared.not_empty);
	stint_preempt_disable();
	if (puts && shared.items < ROOM) {
		shared.items++;
		j->put++;
		stint_cond_signal(&shared.not_empty);
	} else if (!puts && shared.items > 0) {
		shared.items--;
		j->taken++;
		stint_cond_signal(&shared.not_full);
	}
	CHECK(shared.items >= 0 && shared.items <= ROOM);
	stint_preempt_enable();
	CHECK_INT(stint_mutex_unlock(&shared.queue), ==, 0);
}

/* --- a semaphore: one that is cancelled right behind the wait takes a token with it ------------- */

static void takes_token(struct place *p)
{
	struct job *j = p->job;
	int r = below(p, 3) ? stint_sem_wait_timed(&shared.tokens, some_time(p)) :
	                      stint_sem_trywait(&shared.tokens);

	CHECK(r == 0 || r == ETIMEDOUT || r == EAGAIN);
	if (r)
		return;
	stint_preempt_disable();
	j->has_token = true;
	CHECK(ADD(shared.held, 1) <= ROOM || LOAD(over));
	stint_preempt_enable();
	dawdle(p);
	stint_preempt_disable();
	ADD(shared.held, -1);
	j->has_token = false;
	CHECK_INT(stint_sem_post(&shared.tokens), ==, 0);
	stint_preempt_enable();
}

/* --- once -------------------------------------------------------------------------------------- */

static __thread struct place *here;     /* each has its own, wherever it goes on */

static void runs_once(void)
{
	struct job *j = here->job;
	int k = j->once - 1;

	stint_preempt_disable();
	j->in_once = k + 1;
	CHECK_INT(ADD(shared.once_inside[k], 1), ==, 1);
	CHECK_INT(LOAD(shared.once_done[k]), ==, 0);
	stint_preempt_enable();
	dawdle(here);
	stint_preempt_disable();
	ADD(shared.once_inside[k], -1);
	j->in_once = 0;
	stint_preempt_enable();
}

static void does_once(struct place *p)
{
	struct job *j = p->job;
	int k = (int)below(p, ONCES), r;

	j->once = k + 1;
	r = stint_once_run_timed(&shared.once[k], runs_once, some_time(p));
	CHECK(r == 0 || r == ETIMEDOUT);
	if (r == 0)
		STORE(shared.once_done[k], 1);
}

/* --- all of them ------------------------------------------------------------------------------- */

/* on cancel, in the member itself, which alone can unlock */
static void lets_go(void *arg)
{
	struct place *p = arg;
	struct job *j = p->job;
	int r;

	if (j->inside)
		ADD(shared.inside, -1);
	if (j->writing) {
		shared.written[1] = shared.written[0];
		j->written++;
		ADD(shared.writing, -1);
	}
	if (j->has_token) {
		ADD(shared.held, -1);
		stint_sem_post(&shared.tokens);
	}
	if (j->in_once)
		ADD(shared.once_inside[j->in_once - 1], -1);
	j->inside = j->writing = j->has_token = false;
	j->in_once = 0;
	stint_mutex_unlock(&shared.lock);
	r = stint_rwlock_rdlock_timed(&shared.rw, 0);   /* a reader's is anybody's, but EDEADLK is the writer's */
	if (r != ETIMEDOUT)
		CHECK_INT(stint_rwlock_unlock(&shared.rw), ==, 0);
	stint_mutex_unlock(&shared.queue);
	stint_cond_broadcast(&shared.not_empty);
	stint_cond_broadcast(&shared.not_full);
}

static void *works(void *arg)
{
	struct place *p = arg;

	here = p;
	if (may_be_cancelled(p))
		CHECK_INT(stint_defer(lets_go, p), ==, 0);
	while (!LOAD(over)) {
		switch (below(p, 5)) {
		case 0: enters(p); break;
		case 1: reads_or_writes(p); break;
		case 2: puts_or_takes(p); break;
		case 3: takes_token(p); break;
		default: does_once(p); break;
		}
	}
	return NULL;
}

static void settle(struct place *p)
{
	struct job *j = p->job;

	CHECK(!j->inside && !j->writing && !j->has_token && !j->in_once);
}

static void begin(void)
{
	memset(&shared, 0, sizeof(shared));
	memset(jobs, 0, sizeof(jobs));
	CHECK_INT(stint_sem_init(&shared.tokens, ROOM), ==, 0);
	for (int i = 0; i < CREW; i++)
		crew[i].job = &jobs[i];
}

static void finish(void)
{
	CHECK_INT(stint_mutex_lock(&shared.queue), ==, 0);
	stint_cond_broadcast(&shared.not_empty);
	stint_cond_broadcast(&shared.not_full);
	CHECK_INT(stint_mutex_unlock(&shared.queue), ==, 0);
	for (int i = 0; i < CREW; i++)          /* for who waits where tokens have been lost */
		CHECK_INT(stint_sem_post(&shared.tokens), ==, 0);
}

static void nothing(void)
{
}

static void check(unsigned workers)
{
	long count = 0, written = 0, items = 0;

	for (int i = 0; i < CREW; i++) {
		count += jobs[i].count;
		written += jobs[i].written;
		items += jobs[i].put - jobs[i].taken;
	}
	printf("%u workers: %ld in the mutex, %ld written, %ld cancels\n", workers, count, written, cancels);
	CHECK_INT(count, >, 0);
	CHECK_INT(shared.count, ==, count);
	CHECK_INT(shared.written[0], ==, written);
	CHECK_INT(shared.written[1], ==, written);
	CHECK_INT(shared.items, ==, items);
	CHECK_INT(stint_mutex_destroy(&shared.lock), ==, 0);
	CHECK_INT(stint_mutex_destroy(&shared.queue), ==, 0);
	CHECK_INT(stint_rwlock_destroy(&shared.rw), ==, 0);
	CHECK_INT(stint_cond_destroy(&shared.not_empty), ==, 0);
	CHECK_INT(stint_cond_destroy(&shared.not_full), ==, 0);
	CHECK_INT(stint_sem_destroy(&shared.tokens), ==, 0);
	CHECK_INT(stint_sem_value(&shared.tokens), <=, ROOM + CREW);
	CHECK_INT(stint_sem_value(&shared.tokens) + cancels, >=, ROOM + CREW);
	for (int i = 0; i < ONCES; i++)
		CHECK_INT(stint_once_run_timed(&shared.once[i], nothing, 0), ==, 0);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	crew_rounds(works, settle, begin, finish, check);
	return 0;
}
