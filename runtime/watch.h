/*
 * watch.h - the kernel thread that looks after the workers while they compute
 */
#ifndef STINT_WATCH_H
#define STINT_WATCH_H

int watch_start(void);          /* 0 or an errno value; after the workers and the poller */
void watch_stop(void);
void watch_forget(void);        /* in a forked child, which does not have it */

#endif
