/*
 * classes.h - a C++ library: objects with constructors, variables that must be unique in the process, exceptions
 */
#ifndef CLASSES_H
#define CLASSES_H

#include <string>

struct trouble {
	explicit trouble(int number) : number(number) {}
	virtual ~trouble();
	int number;
};

struct shape {
	virtual ~shape();
	virtual int corners() const = 0;
};

int classes_add(const std::string &name);       /* to a global std::map; how many there are */
int classes_unique_next();                      /* a template's static member: of the symbol type GNU_UNIQUE */
int classes_local_next();                       /* in an inline function, likewise */
int classes_began();                            /* what a global object's constructor left in an inline variable */
void classes_throw(int number);                 /* a trouble */
void classes_call(void (*fn)(void *), void *arg);       /* what it throws goes through */
shape *classes_square();

#endif
