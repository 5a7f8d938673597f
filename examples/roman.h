/*
 * roman.h - Roman numerals: a library that is not reentrant, as many were
 */
#ifndef ROMAN_H
#define ROMAN_H

void roman_begin(int lower_case);       /* how to write, from now on */
const char *roman_numeral(int n);       /* in a static buffer */
int roman_value(const char *numeral);
int roman_converted(void);              /* numbers, since then */

/* @each is called for each symbol of @n, the largest first; roman_position() tells it which one it is at */
void roman_symbols(int n, void (*each)(char symbol, void *arg), void *arg);
int roman_position(void);

#endif
