/*
 * args.h - what the examples' command lines have in common: times, sizes, numbers, files
 *
 * Each returns the value of @text, or ends the program with status 2 and a message that names @option.
 */
#ifndef EXAMPLES_ARGS_H
#define EXAMPLES_ARGS_H

#include <argp.h>
#include <stddef.h>
#include <stdint.h>

int64_t args_time(const char *option, const char *text, struct argp_state *state);     /* "5ms", in nanoseconds */
size_t args_size(const char *option, const char *text, struct argp_state *state);      /* "64K" */
long args_number(const char *option, const char *text, long least, long most, struct argp_state *state);

/* the rest of a parser whose arguments are files, at least one */
error_t args_files(int key, struct argp_state *state, char ***files, int *n);

/* argp_parse(), for mistakes with status 2 */
void args_parse(const struct argp *command_line, int argc, char **argv, void *options);

#endif
