/*
 * stint.c - the command: what stint is, and whether it works here; and who finds the other commands
 *
 * What follows the name of a command is that command's. Written over the public interface only. What that does not tell, the preemption signal in use, is read
 * from the kernel's account of the signals that this process catches, before and after the first call.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <stint.h>

#include "tools.h"

static void print_version(FILE *out, struct argp_state *state)
{
	(void)state;
	fprintf(out, "stint %s\n", stint_version());
}

void (*argp_program_version_hook)(FILE *, struct argp_state *) = print_version;

/* the first line of @path without its newline, or "unknown" */
static const char *first_line(const char *path, char *buf, int size)
{
	FILE *f = fopen(path, "re");
	char *line;

	line = f ? fgets(buf, size, f) : NULL;
	if (f)
		fclose(f);
	if (!line)
		return "unknown";
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

/* bit n - 1: signal n has a handler */
static unsigned long long caught_signals(void)
{
	unsigned long long caught = 0;
	char line[256];
	FILE *f;

	f = fopen("/proc/self/status", "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "SigCgt: %llx", &caught) == 1)
			break;
	fclose(f);
	return caught;
}

/* the signals in @set but for those of the overflow guard and glibc's own, below SIGRTMIN */
static void print_signals(unsigned long long set)
{
	const char *separator = "";

	for (int n = 1; n <= 64; n++) {
		if (!(set >> (n - 1) & 1) || n == SIGSEGV || n == SIGBUS || (n >= 32 && n < SIGRTMIN))
			continue;
		if (n < 32 && sigabbrev_np(n))
			printf("%sSIG%s", separator, sigabbrev_np(n));
		else
			printf("%s%d", separator, n);
		separator = ", ";
	}
	puts(*separator ? "" : "unknown");
}

static void *nothing(void *arg)
{
	return arg;
}

/* The stack size and the signal, as a call of ours finds them. */
static int print_call(unsigned long long caught_before)
{
	struct stint_usage usage = { 0 };
	stint_t *s;
	int ret = 0;

	s = stint_launch(nothing, NULL, STINT_S(60));
	if (!s || !stint_is_complete(s)) {
		fprintf(stderr, "stint: an empty call did not complete: %s\n",
		        s ? "stopped before its time" : strerror(errno));
		ret = 1;
		goto free_call;
	}
	if (stint_usage(s, &usage) == 0)
		printf("default stack      %llu bytes\n", (unsigned long long)usage.stack_bytes);
	printf("preemption signal  ");
	print_signals(caught_signals() & ~caught_before);
free_call:
	stint_free(s);
	return ret;
}

/* What threads get: the runtime is started as the first thread of a program would start it. */
static int print_threads(void)
{
	const char *tick = secure_getenv("STINT_TICK");
	struct stint_config c = { .size = sizeof(c) };
	int err = stint_start(NULL);

	if (err) {
		printf("threads            do not work: %s\n", stint_why());
		return 1;
	}
	err = stint_config_get(&c);
	if (err) {
		fprintf(stderr, "stint: stint_config_get: %s\n", strerror(err));
		return 1;
	}
	printf("threads            work\n");
	printf("workers            %u\n", c.workers);
	printf("quantum            %.3f ms\n", (double)c.quantum / 1e6);
	printf("policy             %s\n", c.policy);
	printf("ticks from         %s\n", tick ? tick : "timer");
	err = stint_stop();
	if (err)
		fprintf(stderr, "stint: stint_stop: %s\n", strerror(err));
	return err ? 1 : 0;
}

static void print_policies(void)
{
	const struct stint_policy *p;

	printf("policies          ");
	for (size_t i = 0; (p = stint_policy_builtin(i)); i++)
		printf(" %s", p->name);
	printf("\n");
}

static int info(int argc, char **argv)
{
	unsigned long long caught_before = caught_signals();
	const char *why = stint_unsupported();
	struct utsname kernel;
	char clock[64];

	if (argc > 1) {
		fprintf(stderr, "stint: %s: nothing more is expected after info\n", argv[1]);
		return 2;
	}
	printf("stint              %s\n", stint_version());
	printf("C library          glibc %s\n", gnu_get_libc_version());
	if (uname(&kernel) == 0)
		printf("kernel             %s %s, %s\n", kernel.sysname, kernel.release, kernel.machine);
	printf("clock source       %s\n",
	       first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", clock,
	                  sizeof(clock)));
	print_policies();
	printf("calls              %s%s\n", why ? "do not work: " : "work", why ? why : "");
	return why ? 1 : print_call(caught_before) | print_threads();
}

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "info", info },
	{ "sim", tool_sim },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

struct chosen {
	const struct command *command;
	int at;                         /* its place in argv */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct chosen *chosen = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		chosen->command = find_command(arg);
		if (!chosen->command)
			argp_error(state, "%s: no such command; there are: info, sim", arg);
		chosen->at = state->next - 1;
		state->next = state->argc;      /* the rest is not for us */
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a command is missing; there are: info, sim");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Tell about stint, preemptible calls and threads, and try scheduling policies.\v"
	       "Commands:\n"
	       "  info    versions, whether calls and threads work in this environment, and with what settings; if they "
	       "do not, it says why and the exit status is 1\n"
	       "  sim     run a scheduling policy over a workload in virtual time; stint sim --help says more",
};

/* argv from the command on, with a name for messages in front */
static int run(const struct chosen *chosen, int argc, char **argv)
{
	char name[32];

	snprintf(name, sizeof(name), "stint %s", chosen->command->name);
	argv[chosen->at] = name;
	return chosen->command->run(argc - chosen->at, argv + chosen->at);
}

int main(int argc, char **argv)
{
	struct chosen chosen = { 0 };
	error_t err;
	int ret;

	argp_err_exit_status = 2;
	err = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &chosen);
	if (err) {
		fprintf(stderr, "stint: %s\n", strerror(err));
		return 2;
	}
	ret = run(&chosen, argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "stint: cannot write: %s\n", strerror(errno));
		return 2;
	}
	return ret;
}
