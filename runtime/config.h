/*
 * config.h - starting and stopping the runtime of threads
 */
#ifndef STINT_CONFIG_INTERNAL_H
#define STINT_CONFIG_INTERNAL_H

#include <stddef.h>

#include <stint/call.h>

struct worker;

/* start the runtime, if it does not run; 0 or why not. Until config_leave() it is not stopped. Preemption disabled or outside calls. */
int config_enter(void);
void config_leave(void);
size_t config_stack_size(void);
struct worker *config_next_worker(void);        /* for a thread that no worker makes: all in turn */
void config_fork_prepare(void);
void config_fork_done(void);
void config_after_fork(void);           /* in the child, before anything else */
void config_in_child(void);             /* and once it can make kernel threads */

/* parsers of the environment; 0 or EINVAL */
int config_parse_span(const char *text, stint_ns *span);        /* "200us", "5ms", "1s", "auto": STINT_QUANTUM_AUTO */
int config_parse_workers(const char *text, unsigned *n);

#endif
