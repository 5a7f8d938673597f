/*
 * call.h - what the rest of the library needs of calls beyond <stint/call.h>
 */
#ifndef STINT_CALL_INTERNAL_H
#define STINT_CALL_INTERNAL_H

struct stint;

/* For a wrapper whose function of libc has returned because of a cancel (struct callout): the cancel goes on. */
void call_wind_up(struct stint *s) __attribute__((noreturn));

void call_fork_prepare(void);
void call_fork_done(void);

#endif
