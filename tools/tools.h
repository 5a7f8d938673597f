/*
 * tools.h - the commands of the stint program that have a file of their own
 *
 * Each gets its own arguments, argv[0] being "stint COMMAND", and returns the exit status.
 */
#ifndef STINT_TOOLS_H
#define STINT_TOOLS_H

int tool_sim(int argc, char **argv);

#endif
