#include <stdio.h>
#include <stint.h>

static void *count(void *arg)
{
	volatile long *n = arg;

	for (;;)
		++*n;
	return NULL;
}

int main(void)
{
	volatile long n = 0;
	stint_t *call = stint_launch(count, (void *)&n, STINT_MS(10));

	if (!call) {
		perror("stint_launch");
		return 1;
	}
	printf("after 10 ms: %ld\n", n);        /* we are back, although count() never returns */
	stint_resume(call, STINT_MS(10));       /* it goes on from where it was stopped */
	printf("after 20 ms: %ld\n", n);
	stint_free(call);                       /* ends it, and gives back what it holds */
	return 0;
}
