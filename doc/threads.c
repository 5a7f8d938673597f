#include <stdio.h>
#include <string.h>
#include <stint.h>

static void *hog(void *arg)
{
	volatile long *n = arg;

	for (;;)
		++*n;
	return NULL;
}

static void *ask(void *arg)
{
	stint_thread_sleep(STINT_MS(20));       /* or recv(), or stint_chan_recv(): it costs no CPU */
	return arg;
}

int main(void)
{
	static volatile long counts[10];
	stint_thread_t *hogs[10], *asker;
	void *answer;
	int err = 0, n;

	for (n = 0; n < 10 && !err; n++)
		err = stint_thread_create(&hogs[n], NULL, hog, (void *)&counts[n]);
	if (!err)
		err = stint_thread_create(&asker, NULL, ask, "42");
	if (err) {
		fprintf(stderr, "%s. %s\n", strerror(err), stint_why());
		return 1;
	}
	stint_thread_join(asker, &answer);      /* done on time, although ten others never give way */
	printf("answer: %s\n", (char *)answer);
	for (int i = 0; i < 10; i++) {
		stint_thread_cancel(hogs[i]);
		stint_thread_join(hogs[i], NULL);
	}
	printf("hogs ended: %d\n", n);
	return 0;
}
