/*
 * decode-options.h - the command line of decode
 */
#ifndef DECODE_OPTIONS_H
#define DECODE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
	int64_t slice, budget;          /* nanoseconds */
	size_t stack;                   /* bytes; 0: the library's default */
	bool checksum;
	bool private;                   /* all files at once, each with libraries of its own */
	char **files;
	int n_files;
};

void options_parse(struct options *o, int argc, char **argv);   /* exits with 2 when they are wrong */

#endif
