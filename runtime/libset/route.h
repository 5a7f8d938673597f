/*
 * route.h - leading the calls of all objects through thunks
 */
#ifndef STINT_LIBSET_ROUTE_H
#define STINT_LIBSET_ROUTE_H

/*
 * Point every slot that leads to a function of a library at its thunk, in all objects that are loaded now, and note who uses
 * variables of them. Nothing where that is done already. Under libset's lock, outside ld.so's; ENOMEM.
 */
int route_all(void);

/* @n of the objects loaded since are copies, which need not be looked through */
void route_skip(unsigned long long n);

#endif
