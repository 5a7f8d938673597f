/*
 * chan.c - every element is received exactly once if its send has succeeded, never if it has not, and at most
 * once if the sender was cancelled before it knew
 */
#include "crew.h"

#define CHANS 3
#define MOST 200000

enum fate { UNTOUCHED, TRIED, SENT, REFUSED };

struct job {
	unsigned seq;                   /* of the next element */
	uint64_t in;                    /* being received into */
	unsigned char fate[MOST];
	unsigned char seen[MOST];
};

static stint_chan_t *chans[CHANS];
static struct job jobs[CREW];

static uint64_t element(const struct place *p, unsigned seq)
{
	return (uint64_t)(p->index + 1) << 32 | seq;
}

static void is_seen(uint64_t v)
{
	unsigned from = (unsigned)(v >> 32) - 1, seq = (uint32_t)v;

	CHECK(from < CREW && seq < MOST);
	CHECK_INT(ADD(jobs[from].seen[seq], 1), ==, 1);
}

static stint_chan_t *any(struct place *p)
{
	return chans[below(p, CHANS)];
}

static int send_one(struct place *p, uint64_t *v)
{
	struct stint_select_case cases[2] = { { any(p), STINT_SELECT_SEND, v, 0 }, { any(p), STINT_SELECT_SEND, v, 0 } };
	size_t chosen;
	int r;

	switch (below(p, 4)) {
	case 0:
		return stint_chan_send(any(p), v);
	case 1:
		return stint_chan_send_timed(any(p), v, STINT_US(below(p, 100)));
	default:
		r = stint_select(cases, 2, below(p, 2) ? STINT_FOREVER : STINT_US(below(p, 100)), &chosen);
		return r ? r : cases[chosen].result;
	}
}

static void sends(struct place *p)
{
	struct job *j = p->job;
	int r;

	while (!LOAD(over) && j->seq < MOST) {
		uint64_t v = element(p, j->seq);

		j->fate[j->seq] = TRIED;
		r = send_one(p, &v);
		CHECK(r == 0 || r == ETIMEDOUT);
		stint_preempt_disable();
		j->fate[j->seq++] = r ? REFUSED : SENT;
		if (!r)
			crew_did();
		stint_preempt_enable();
	}
}

static int receive_one(struct place *p, uint64_t *v)
{
	struct stint_select_case cases[CHANS];
	size_t chosen;
	int r;

	switch (below(p, 4)) {
	case 0:
		return stint_chan_recv(any(p), v);
	case 1:
		return stint_chan_recv_timed(any(p), v, STINT_US(below(p, 100)));
	default:
		for (int i = 0; i < CHANS; i++)
			cases[i] = (struct stint_select_case){ any(p), STINT_SELECT_RECV, v, 0 };
		r = stint_select(cases, CHANS, below(p, 2) ? STINT_FOREVER : STINT_US(below(p, 100)), &chosen);
		return r ? r : cases[chosen].result;
	}
}

static void received(struct job *j)
{
	if (j->in)
		is_seen(j->in);
	j->in = 0;
}

static void answered(struct job *j, int r)
{
	CHECK(r == 0 || r == ETIMEDOUT || r == EPIPE);
	CHECK((r == 0) == (j->in != 0));
	stint_preempt_disable();
	received(j);
	stint_preempt_enable();
}

/* One channel is closed, so all will be; what is in them still is received before that is known. */
static void receives(struct place *p)
{
	struct job *j = p->job;
	int r;

	do {
		r = receive_one(p, &j->in);
		answered(j, r);
	} while (r != EPIPE);
	for (int i = 0; i < CHANS; i++)
		do {
			r = stint_chan_recv(chans[i], &j->in);
			answered(j, r);
		} while (r != EPIPE);
}

/* every other of each kind */
static bool is_sender(const struct place *p)
{
	return p->index / 4 % 2;
}

static void *works(void *arg)
{
	struct place *p = arg;

	if (is_sender(p))
		sends(p);
	else
		receives(p);
	return NULL;
}

/* cancelled: what it was trying to send stays in doubt; what it has received, it has */
static void settle(struct place *p)
{
	struct job *j = p->job;

	received(j);
	if (is_sender(p) && j->seq < MOST && j->fate[j->seq] == TRIED)
		j->seq++;
}

static void begin(void)
{
	for (int i = 0; i < CHANS; i++) {
		static const size_t capacities[CHANS] = { 0, 1, 7 };

		chans[i] = stint_chan_create(sizeof(uint64_t), capacities[i]);
		CHECK(chans[i]);
	}
	memset(jobs, 0, sizeof(jobs));
	for (int i = 0; i < CREW; i++)
		crew[i].job = &jobs[i];
}

/* receivers are there until everything has been sent */
static void finish(void)
{
	for (int i = 0; i < CREW; i++)
		if (is_sender(&crew[i]))
			crew_leave(&crew[i]);
	for (int i = 0; i < CHANS; i++)
		CHECK_INT(stint_chan_close(chans[i]), ==, 0);
}

static void check(unsigned workers)
{
	long sent = 0, doubtful = 0, refused = 0;

	for (int i = 0; i < CREW; i++) {
		for (unsigned seq = 0; seq < MOST; seq++) {
			unsigned seen = jobs[i].seen[seq];

			switch (jobs[i].fate[seq]) {
			case SENT:
				CHECK_INT(seen, ==, 1);
				sent++;
				break;
			case TRIED:
				CHECK_INT(seen, <=, 1);
				doubtful++;
				break;
			default:
				CHECK_INT(seen, ==, 0);
				refused += jobs[i].fate[seq] == REFUSED;
			}
		}
	}
	printf("%u workers: %ld sent, %ld refused in time, %ld in doubt, %ld cancels\n", workers, sent, refused, doubtful, cancels);
	CHECK_INT(sent, >, 0);
	for (int i = 0; i < CHANS; i++) {
		CHECK_INT(stint_chan_length(chans[i]), ==, 0);
		stint_chan_free(chans[i]);
	}
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	crew_rounds(works, settle, begin, finish, check);
	return 0;
}
