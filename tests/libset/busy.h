/*
 * busy.h - a library that has threads, keys, and handlers of fork(), and whose waits can be cancelled
 */
int busy_start(void);                   /* a thread; 0 or an errno value */
int busy_count(void);                   /* how often it has gone round, by its own copy's variable */
int busy_stop(int cancel);              /* end it, by pthread_cancel() or by asking, and wait for that */
int busy_key(int *destroyed);           /* this thread's value of a key, whose destructor counts there */
int busy_c11_key(int *destroyed);
int busy_watch_forks(int *forks);       /* count there */
int busy_own_address(void);             /* whether its thread found its own functions by their addresses in this copy */
