/* stats.c - the counters of workers, for whoever asks. The lock of starting and stopping keeps the workers there meanwhile. */
#include <errno.h>
#include <string.h>

#include <stint/stats.h>

#include "config.h"
#include "park.h"
#include "worker.h"

#define READ(field) __atomic_load_n(&w->field, __ATOMIC_RELAXED)

static void read_worker(const struct worker *w, struct stint_worker_stats *out)
{
	memset(out, 0, sizeof(*out));
	out->switches = READ(turns);
	out->preemptions = READ(stats.preemptions);
	out->displacements = READ(stats.displaced);
	out->wakeups = READ(stats.wakeups);
	out->remote_wakeups = READ(stats.remote_wakeups);
	out->steals = READ(stats.steals);
	out->stolen = READ(stats.stolen);
	out->ticks = READ(post.ticks);
	out->kicks = READ(stats.kicks);
	out->sleeps = READ(stats.sleeps);
	out->reliefs = READ(stats.reliefs);
	out->ready = READ(ready);
}

int stint_worker_stats(unsigned index, struct stint_worker_stats *out)
{
	struct stint *s = self();
	int err = EINVAL;

	if (!out)
		return EINVAL;
	park_begin(s);
	config_fork_prepare();
	if (index < __atomic_load_n(&nworkers, __ATOMIC_ACQUIRE)) {
		read_worker(workers[index], out);
		err = 0;
	}
	config_fork_done();
	park_end(s, caller_address());
	return err;
}
