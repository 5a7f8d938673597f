/*
 * roman.c - see roman.h
 *
 * Everything that a library should not do if it is to be used by several at a time: results in a static buffer, a position
 * in a static variable while it calls back, and one global object with the settings.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "roman.h"

/* the one object that there is, for everybody */
static struct style {
	int lower_case;
	int converted;
} *the_style;

static char buffer[32];
static int length, position;

static const struct {
	int value;
	const char *symbols;
} steps[] = {
	{ 1000, "M" }, { 900, "CM" }, { 500, "D" }, { 400, "CD" }, { 100, "C" }, { 90, "XC" }, { 50, "L" }, { 40, "XL" },
	{ 10, "X" }, { 9, "IX" }, { 5, "V" }, { 4, "IV" }, { 1, "I" }
};

__attribute__((constructor)) static void make_style(void)
{
	the_style = calloc(1, sizeof *the_style);
}

__attribute__((destructor)) static void free_style(void)
{
	free(the_style);
}

void roman_begin(int lower_case)
{
	the_style->lower_case = lower_case;
	the_style->converted = 0;
}

static void append(const char *symbols)
{
	for (; *symbols; symbols++) {
		buffer[length++] = the_style->lower_case ? (char)tolower((unsigned char)*symbols) : *symbols;
		buffer[length] = '\0';
	}
}

const char *roman_numeral(int n)
{
	length = 0;
	buffer[0] = '\0';
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		for (; n >= steps[i].value; n -= steps[i].value)
			append(steps[i].symbols);
	the_style->converted++;
	return buffer;
}

int roman_converted(void)
{
	return the_style->converted;
}

static int starts(const char *numeral, const char *symbols)
{
	while (*symbols && toupper((unsigned char)*numeral) == *symbols) {
		numeral++;
		symbols++;
	}
	return !*symbols;
}

int roman_value(const char *numeral)
{
	int n = 0;

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		for (; starts(numeral, steps[i].symbols); numeral += strlen(steps[i].symbols))
			n += steps[i].value;
	}
	return *numeral ? -1 : n;
}

void roman_symbols(int n, void (*each)(char symbol, void *arg), void *arg)
{
	const char *numeral = roman_numeral(n);

	for (position = 0; numeral[position]; position++)
		each(numeral[position], arg);
}

int roman_position(void)
{
	return position;
}
