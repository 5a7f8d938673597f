/*
 * call.h - what the rest of the library needs of calls beyond <stint/call.h>
 */
#ifndef STINT_CALL_INTERNAL_H
#define STINT_CALL_INTERNAL_H

void call_fork_prepare(void);
void call_fork_done(void);

#endif
