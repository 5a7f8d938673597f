/*
 * fickle.h - a library with every kind of state and of function that a library set has to keep apart
 */
#ifndef FICKLE_H
#define FICKLE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* state */
int fickle_next(void);                          /* 1, 2, 3, ... in a static variable */
int fickle_get(void);                           /* where it is */
int fickle_slow_next(long rounds);              /* the same, with a long way between reading and writing */
const char *fickle_text(int n);                 /* in a static buffer, written letter by letter, slowly */
int *fickle_counter(void);                      /* the variable */
char *fickle_block(void);                       /* a large array in .bss */
#define FICKLE_BLOCK (256 * 1024)
int fickle_thread_next(void);                   /* in a __thread variable */
int fickle_constructed(void);                   /* times that the constructor has run on this memory */
void fickle_at_end(int *place);                 /* the destructor, and an exit handler before it, write there */
void fickle_keep(void *p);
void *fickle_kept(void);
void *fickle_new(size_t n);                     /* malloc(), realloc() and free(), which nobody else calls by this library */
void fickle_delete(void *p);

/* through the library that it depends on */
int fickle_grain(void);                         /* grain_next() */
int fickle_grain_back(void);                    /* grain_back(), which calls fickle_next(): a circle */

/* every way to pass something */
struct fickle_big {
	long v[12];
};
struct fickle_two {
	double d;
	long n;
};
long fickle_ten(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j);
double fickle_doubles(double a, int b, double c, float d, double e, double f, double g, double h, double i, double j);
long double fickle_long_double(long double x);
struct fickle_big fickle_make_big(long first);
long fickle_take_big(int before, struct fickle_big b, int after);
struct fickle_two fickle_make_two(double d, long n);
double fickle_sum(const char *kinds, ...);      /* "id" an int and a double */
long fickle_callback(long (*fn)(long), long n);
long fickle_chosen(void);                       /* an IFUNC */
/* fickle_registers: called with numbers in r10 and rax, returns 1000 * r10 + rax */

/* addresses */
typedef int fickle_fn(void);
fickle_fn *fickle_address(void);                /* of fickle_next */
bool fickle_is_next(fickle_fn *fn);
extern fickle_fn *const fickle_functions[3];    /* initialised with addresses of exported functions */
fickle_fn *fickle_from_table(int i);
int fickle_call(fickle_fn *fn);
int fickle_call_with(int (*fn)(void *), void *arg);

#ifdef __cplusplus
}
#endif

#endif
