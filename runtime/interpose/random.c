/*
 * random.c - the generators of random numbers that have hidden state
 *
 * In a call they work on a state of the call's own, with libc's reentrant functions, so that a sequence is that of libc's:
 * without a seed, that after srandom(1). The caller's table of initstate() may be used in and out of calls.
 *
 * These functions cannot say that there is no memory. A call that finds none for its state draws from the process's;
 * seeding does nothing then, so that it does not disturb others, and sets errno to ENOMEM.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "interpose.h"
#include "statics.h"

/* --- random and rand: one generator under two names -------------------------------------------- */

struct generator {
	struct random_data data;
	int32_t table[32];              /* as libc's own: 128 bytes */
};

static struct generator *generator_of(struct stint *s)
{
	struct generator *g = statics(s, STATIC_RANDOM, sizeof(*g), NULL);

	if (g && unlikely(!g->data.state))
		initstate_r(1, (char *)g->table, sizeof(g->table), &g->data);
	return g;
}

static long next_number(struct stint *s)
{
	int saved = errno;
	struct generator *g = generator_of(s);
	int32_t number;

	if (unlikely(!g)) {
		errno = saved;
		return REAL(random)();
	}
	random_r(&g->data, &number);
	return number;
}

static void seed_numbers(struct stint *s, unsigned seed)
{
	struct generator *g = generator_of(s);

	if (g)
		srandom_r(seed, &g->data);
}

/* the table in use, as initstate() and setstate() return it: its first word, which random_data counts from behind */
static char *table_in_use(const struct generator *g)
{
	return (char *)(g->data.state - 1);
}

static char *new_table(struct stint *s, unsigned seed, char *table, size_t n)
{
	struct generator *g = generator_of(s);
	char *old = g ? table_in_use(g) : NULL;

	return g && !initstate_r(seed, table, n, &g->data) ? old : NULL;
}

static char *other_table(struct stint *s, char *table)
{
	struct generator *g = generator_of(s);
	char *old = g ? table_in_use(g) : NULL;

	return g && !setstate_r(table, &g->data) ? old : NULL;
}

OWN_STATE(long, random, (void), (), next_number(s_))
OWN_STATE(int, rand, (void), (), (int)next_number(s_))
OWN_STATE_VOID(srandom, (unsigned seed), (seed), seed_numbers(s_, seed))
OWN_STATE_VOID(srand, (unsigned seed), (seed), seed_numbers(s_, seed))
OWN_STATE(char *, initstate, (unsigned seed, char *table, size_t n), (seed, table, n), new_table(s_, seed, table, n))
OWN_STATE(char *, setstate, (char *table), (table), other_table(s_, table))

/* --- drand48 and its kin; to the reentrant functions zeroed memory is a fresh state ------------- */

static struct drand48_data *state48_of(struct stint *s)
{
	return statics(s, STATIC_RAND48, sizeof(struct drand48_data), NULL);
}

/* for the functions that draw, which keep errno */
static struct drand48_data *drawn48_from(struct stint *s)
{
	int saved = errno;
	struct drand48_data *d = state48_of(s);

	if (unlikely(!d))
		errno = saved;
	return d;
}

static double draw_double(struct stint *s, unsigned short x[3])
{
	struct drand48_data *d = drawn48_from(s);
	double number;

	if (unlikely(!d))
		return x ? REAL(erand48)(x) : REAL(drand48)();
	if (x)
		erand48_r(x, d, &number);
	else
		drand48_r(d, &number);
	return number;
}

static long draw_positive(struct stint *s, unsigned short x[3])
{
	struct drand48_data *d = drawn48_from(s);
	long number;

	if (unlikely(!d))
		return x ? REAL(nrand48)(x) : REAL(lrand48)();
	if (x)
		nrand48_r(x, d, &number);
	else
		lrand48_r(d, &number);
	return number;
}

static long draw_signed(struct stint *s, unsigned short x[3])
{
	struct drand48_data *d = drawn48_from(s);
	long number;

	if (unlikely(!d))
		return x ? REAL(jrand48)(x) : REAL(mrand48)();
	if (x)
		jrand48_r(x, d, &number);
	else
		mrand48_r(d, &number);
	return number;
}

static void seed48_by_number(struct stint *s, long seed)
{
	struct drand48_data *d = state48_of(s);

	if (d)
		srand48_r(seed, d);
}

static void seed48_by_parameters(struct stint *s, unsigned short parameters[7])
{
	struct drand48_data *d = state48_of(s);

	if (d)
		lcong48_r(parameters, d);
}

/* returns where the old seed is kept */
static unsigned short *seed48_by_state(struct stint *s, unsigned short seed[3])
{
	struct drand48_data *d = state48_of(s);

	if (!d)
		return NULL;
	seed48_r(seed, d);
	return d->__old_x;
}

OWN_STATE(double, drand48, (void), (), draw_double(s_, NULL))
OWN_STATE(double, erand48, (unsigned short x[3]), (x), draw_double(s_, x))
OWN_STATE(long, lrand48, (void), (), draw_positive(s_, NULL))
OWN_STATE(long, nrand48, (unsigned short x[3]), (x), draw_positive(s_, x))
OWN_STATE(long, mrand48, (void), (), draw_signed(s_, NULL))
OWN_STATE(long, jrand48, (unsigned short x[3]), (x), draw_signed(s_, x))
OWN_STATE_VOID(srand48, (long seed), (seed), seed48_by_number(s_, seed))
OWN_STATE_VOID(lcong48, (unsigned short parameters[7]), (parameters), seed48_by_parameters(s_, parameters))
OWN_STATE(unsigned short *, seed48, (unsigned short seed[3]), (seed), seed48_by_state(s_, seed))
