/*
 * work.h - what is called and what is measured against; in files of their own, so that no compiler sees
 * through them
 */
#ifndef STINT_BENCH_WORK_H
#define STINT_BENCH_WORK_H

#include <stdint.h>

/* work.c */
void *work_empty(void *arg);                    /* returns its argument */
uint64_t work_spin(uint64_t turns);             /* a chain of dependent instructions */
void *work_spin_call(void *turns);              /* the same, as a stint_fn on a uint64_t */
void *work_pause_forever(void *arg);            /* stint_pause() again and again */
void *work_spin_forever(void *arg);             /* spins; never returns */
uint64_t work_turns_for(double ns);             /* how many turns of work_spin() take about that long */

/*
 * bare.c: a timer of this kernel thread alone (SIGEV_THREAD_ID, CLOCK_MONOTONIC) with its own signal. The
 * default handler counts and does nothing else.
 */
extern volatile unsigned long bare_ticks;
int bare_timer_open(void (*handler)(int));      /* NULL: count; 0 or an errno value */
int bare_timer_every(double period_ns);         /* 0: off */
int bare_timer_at(double when_ns);              /* once, at a moment of now_ns() */
void bare_timer_close(void);                    /* deletes it */
int bare_signal(void);                          /* the signal's number */

/* bare.c, bare-x86_64.S: switching stack and thread pointer, and nothing around it */
struct bare_context {
	void *sp;
	void *tp;
};
extern int bare_user_tp;                        /* wrfsbase works */
void bare_switch(struct bare_context *save, const struct bare_context *to);
void bare_partner(void);                        /* switches back for ever */
int bare_pair_open(void);                       /* 0 or an errno value */
void bare_pair(unsigned long n);                /* there and back, @n times */
void bare_pair_close(void);

/* a side: a word to another CPU and back, @n times: ns each; NAN: there is none. Threads on two CPUs cannot do with less. */
double bare_line(void *arg, unsigned long n);

#endif
