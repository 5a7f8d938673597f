/*
 * args.c - times, sizes and numbers on command lines
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

struct unit {
	const char *name;
	double factor;
};

static const struct unit times[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { NULL, 0 } };
static const struct unit sizes[] = {
	{ "", 1 }, { "k", 1024 }, { "K", 1024 }, { "M", 1048576 }, { NULL, 0 }
};

/* "1.5ms" with the table above is 1500000; 0 when it is no number, has no such unit, or is out of range */
static int64_t parse_amount(const char *text, const struct unit *units)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return 0;
	double value = strtod(text, &end);
	for (; units->name; units++) {
		if (strcmp(end, units->name))
			continue;
		value *= units->factor;
		return value < 9e18 ? (int64_t)value : 0;
	}
	return 0;
}

int64_t args_time(const char *option, const char *text, struct argp_state *state)
{
	int64_t ns = parse_amount(text, times);

	if (ns <= 0)
		argp_error(state, "%s: '%s' is not a time; write 200us, 5ms or 1.5s", option, text);
	return ns;
}

size_t args_size(const char *option, const char *text, struct argp_state *state)
{
	int64_t bytes = parse_amount(text, sizes);

	if (bytes < 4096 || bytes > 1 << 30)
		argp_error(state, "%s: '%s' is not a size from 4K to 1024M", option, text);
	return (size_t)bytes;
}

long args_number(const char *option, const char *text, long least, long most, struct argp_state *state)
{
	char *end;

	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno || end == text || *end || isspace((unsigned char)*text) || n < least || n > most)
		argp_error(state, "%s: '%s' is not a number from %ld to %ld", option, text, least, most);
	return n;
}

error_t args_files(int key, struct argp_state *state, char ***files, int *n)
{
	if (key == ARGP_KEY_NO_ARGS)
		argp_error(state, "which files?");
	if (key != ARGP_KEY_ARGS)
		return ARGP_ERR_UNKNOWN;
	*files = state->argv + state->next;
	*n = state->argc - state->next;
	return 0;
}

void args_parse(const struct argp *command_line, int argc, char **argv, void *options)
{
	argp_err_exit_status = 2;
	argp_parse(command_line, argc, argv, 0, NULL, options);
}
