/*
 * fickle.c - see fickle.h
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "fickle.h"
#include "grain.h"

#ifndef FICKLE_TLS
#define FICKLE_TLS "global-dynamic"
#endif

static int counter;
static int initialised = 40;
static int constructed;
static int *end_place;
static char buffer[64];
static char block[FICKLE_BLOCK];
static void *kept;
#ifndef FICKLE_WITHOUT_TLS
static __thread int thread_counter __attribute__((tls_model(FICKLE_TLS)));
#else
static int thread_counter;      /* for namespaces */
#endif
static volatile long waste;

fickle_fn *const fickle_functions[3] = { fickle_next, fickle_get, fickle_constructed };
static fickle_fn *changing[2] = { fickle_next, fickle_get };

static void spin(long rounds)
{
	for (long i = 0; i < rounds; i++)
		waste += i;
}

static void at_end(void)
{
	if (end_place)
		*end_place = *end_place * 10 + 1;
}

__attribute__((constructor)) static void begin(void)
{
	constructed++;
	initialised += 2;
	atexit(at_end);
}

__attribute__((destructor)) static void end(void)
{
	if (end_place)
		*end_place = *end_place * 10 + 2;
}

int fickle_next(void)
{
	return ++counter;
}

int fickle_get(void)
{
	return counter;
}

int fickle_slow_next(long rounds)
{
	int seen = counter;

	spin(rounds);
	counter = seen + 1;
	return counter;
}

const char *fickle_text(int n)
{
	char digits[16];
	int len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while (n /= 10);
	for (int i = 0; i < len; i++) {
		buffer[i] = digits[len - 1 - i];
		buffer[i + 1] = '\0';
		spin(20000);
	}
	return buffer;
}

int *fickle_counter(void)
{
	return &counter;
}

char *fickle_block(void)
{
	return block;
}

int fickle_thread_next(void)
{
	return ++thread_counter;
}

/* 1 where the constructor has run once on fresh data */
int fickle_constructed(void)
{
	return initialised == 42 ? constructed : -initialised;
}

void fickle_at_end(int *place)
{
	end_place = place;
}

void fickle_keep(void *p)
{
	kept = p;
}

void *fickle_kept(void)
{
	return kept;
}

void *fickle_new(size_t n)
{
	return realloc(malloc(n), 2 * n);
}

void fickle_delete(void *p)
{
	free(p);
}

int fickle_grain(void)
{
	return grain_next();
}

int fickle_grain_back(void)
{
	return grain_back();
}

long fickle_ten(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
}

double fickle_doubles(double a, int b, double c, float d, double e, double f, double g, double h, double i, double j)
{
	return a + 2 * b + 3 * c + 4 * (double)d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
}

long double fickle_long_double(long double x)
{
	return x * 3;
}

struct fickle_big fickle_make_big(long first)
{
	struct fickle_big b;

	for (int i = 0; i < 12; i++)
		b.v[i] = first + i;
	return b;
}

long fickle_take_big(int before, struct fickle_big b, int after)
{
	long sum = before - after;

	for (int i = 0; i < 12; i++)
		sum += b.v[i];
	return sum;
}

struct fickle_two fickle_make_two(double d, long n)
{
	struct fickle_two two = { d * 2, n * 2 };

	return two;
}

double fickle_sum(const char *kinds, ...)
{
	double sum = 0;
	va_list ap;

	va_start(ap, kinds);
	for (; *kinds; kinds++)
		sum += *kinds == 'd' ? va_arg(ap, double) : *kinds == 'i' ? va_arg(ap, int) : va_arg(ap, long);
	va_end(ap);
	return sum;
}

long fickle_callback(long (*fn)(long), long n)
{
	return fn(n) + fn(n + 1);
}

__asm__(".globl fickle_registers\n"
        ".type fickle_registers, @function\n"
        "fickle_registers:\n"
        "	imul $1000, %r10, %r10\n"
        "	add %r10, %rax\n"
        "	ret\n"
        ".size fickle_registers, . - fickle_registers\n");

static long chosen(void)
{
	return 4711 + counter;
}

static __attribute__((used)) long (*choose(void))(void)
{
	return chosen;
}

long fickle_chosen(void) __attribute__((ifunc("choose")));

fickle_fn *fickle_address(void)
{
	return fickle_next;
}

bool fickle_is_next(fickle_fn *fn)
{
	return fn == fickle_next;
}

fickle_fn *fickle_from_table(int i)
{
	return changing[i];
}

int fickle_call(fickle_fn *fn)
{
	return fn();
}

int fickle_call_with(int (*fn)(void *), void *arg)
{
	int seen = counter;

	return fn(arg) + counter - seen;
}
