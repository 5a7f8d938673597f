/*
 * private.h - PRIVATE: for the declaration of a variable that several files of the library share
 *
 * -fvisibility=hidden is about definitions; where only a declaration is seen, the compiler would look each one up in the GOT, on
 * every switch.
 */
#ifndef STINT_PRIVATE_H
#define STINT_PRIVATE_H

#define PRIVATE __attribute__((visibility("hidden")))

#endif
