/*
 * init.h - starting the library
 */
#ifndef STINT_INIT_H
#define STINT_INIT_H

int init_start(void);           /* 0, or the errno value with which every constructor fails */
int init_start_with(int signo); /* the same; 0, or the signal to use in place of what the environment says */
const char *init_why_not(void); /* the sentence for it; NULL when all is well */

/* the interposition layer tells at load time which functions of libc may be stopped anywhere */
void init_exempt(const char *const *names, unsigned n);

/* in a forked child, on the kernel thread's own identity, before anything else runs */
void init_after_fork(void);

#endif
