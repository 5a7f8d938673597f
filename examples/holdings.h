/*
 * holdings.h - what the process holds, so that examples can show that nothing leaks
 */
#ifndef EXAMPLES_HOLDINGS_H
#define EXAMPLES_HOLDINGS_H

struct holdings {
	long long bytes;                /* of the heap */
	int fds;
};

struct holdings holdings_count(void);

/*
 * glibc keeps small freed blocks in a cache of each thread, and counts those as in use. For counts to be exact the program runs
 * without that cache, which can only be asked for before it starts: this starts it anew where need be.
 */
void holdings_exact(char **argv);

/* Have as many calls at once as there will be: the library keeps their stacks and thread identities for the next ones. */
void holdings_warm_up(int calls);

#endif
