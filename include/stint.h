/* stint.h - everything of stint: calls and threads that get the CPU for a bounded stint of time */
#ifndef STINT_H
#define STINT_H

#include <stint/version.h>
#include <stint/stats.h>
#include <stint/call.h>
#include <stint/libset.h>
#include <stint/sched.h>
#include <stint/thread.h>
#include <stint/sync.h>
#include <stint/chan.h>

#endif
