/*
 * decode-options.c - the command line of decode
 */
#include <argp.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "decode-options.h"

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

static int64_t time_option(const char *option, const char *text, struct argp_state *state)
{
	int64_t ns = parse_amount(text, times);

	if (ns <= 0)
		argp_error(state, "%s: '%s' is not a time; write 200us, 5ms or 1.5s", option, text);
	return ns;
}

static size_t size_option(const char *option, const char *text, struct argp_state *state)
{
	int64_t bytes = parse_amount(text, sizes);

	if (bytes < 4096 || bytes > 1 << 30)
		argp_error(state, "%s: '%s' is not a size from 4K to 1024M", option, text);
	return (size_t)bytes;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 's':
		o->slice = time_option("--slice", arg, state);
		return 0;
	case 'b':
		o->budget = time_option("--budget", arg, state);
		return 0;
	case 'S':
		o->stack = size_option("--stack", arg, state);
		return 0;
	case 'c':
		o->checksum = true;
		return 0;
	case 'p':
		o->private = true;
		return 0;
	case ARGP_KEY_ARGS:
		o->files = state->argv + state->next;
		o->n_files = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which files?");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option accepted[] = {
	{ "slice", 's', "TIME", 0, "Take control back every TIME (1ms)", 0 },
	{ "budget", 'b', "TIME", 0, "Give up on a file after TIME in total (50ms)", 0 },
	{ "stack", 'S', "SIZE", 0, "Stack of the call that decodes (64K)", 0 },
	{ "checksum", 'c', NULL, 0, "Print a checksum of the decoded pixels", 0 },
	{ "private", 'p', NULL, 0, "Decode all files at once, slice by slice in turn, each with copies of libpng and zlib of its own", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static const struct argp command_line = {
	accepted, parse_one, "FILE...",
	"Decode PNG files, each within a budget of time.\v"
	"A TIME is a number with one of the units ns, us, ms, s; a SIZE may end in K or M.\n\n"
	"Exit status: 0 when every file was decoded or cancelled at its budget; 1 when one is damaged or "
	"missing, or when something leaked; 2 when the command line is wrong.",
	NULL, NULL, NULL
};

void options_parse(struct options *o, int argc, char **argv)
{
	argp_err_exit_status = 2;
	argp_parse(&command_line, argc, argv, 0, NULL, o);
}
