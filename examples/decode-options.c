/*
 * decode-options.c - the command line of decode
 */
#include "args.h"
#include "decode-options.h"

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 's':
		o->slice = args_time("--slice", arg, state);
		return 0;
	case 'b':
		o->budget = args_time("--budget", arg, state);
		return 0;
	case 'S':
		o->stack = args_size("--stack", arg, state);
		return 0;
	case 'c':
		o->checksum = true;
		return 0;
	case 'p':
		o->private = true;
		return 0;
	}
	return args_files(key, state, &o->files, &o->n_files);
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
	args_parse(&command_line, argc, argv, o);
}
