/*
 * 02-resume.c - run a long computation slice by slice, on two kernel threads in turn
 *
 * A call that is out of time stays exactly where it was. Its owner resumes it when it likes, on any
 * kernel thread: here every second slice runs on a thread made for it. The computation notices nothing, and
 * its result is there when stint_is_complete() says so.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <stint.h>

#define LIMIT 1000000
#define PRIMES_BELOW_LIMIT 78498

static volatile long tested;            /* progress, for whoever looks in between */

static int is_prime(long n)
{
	for (long d = 2; d * d <= n; d++)
		if (n % d == 0)
			return 0;
	return n > 1;
}

static void *count_primes(void *arg)
{
	long *count = arg;

	for (tested = 0; tested < LIMIT; tested++)
		*count += is_prime(tested);
	return count;
}

static void *resume_elsewhere(void *call)
{
	stint_resume(call, STINT_MS(20));
	return NULL;
}

static int resume_on_new_thread(stint_t *call)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, resume_elsewhere, call);

	return err ? err : pthread_join(thread, NULL);
}

int main(void)
{
	long count = 0;
	int slices = 1, err = 0;

	stint_t *call = stint_launch(count_primes, &count, STINT_MS(20));
	if (!call) {
		const char *why = stint_unsupported();
		fprintf(stderr, "cannot launch: %s\n", why ? why : strerror(errno));
		return 1;
	}
	for (; !stint_is_complete(call); slices++) {
		printf("slice %2d on %s thread: %3ld %% done\n", slices, slices % 2 ? "the main" : "another",
		       tested * 100 / LIMIT);
		if (slices % 2)
			err = resume_on_new_thread(call);
		else
			err = stint_resume(call, STINT_MS(20));
		if (err && err != ETIMEDOUT) {
			fprintf(stderr, "cannot resume: %s\n", strerror(err));
			return 1;
		}
	}
	long *result = stint_result(call);
	printf("complete after %d slices: %ld primes below %d\n", slices, *result, LIMIT);
	stint_free(call);
	return *result == PRIMES_BELOW_LIMIT ? 0 : 1;
}
