/*
 * grain.h - what fickle depends on; it calls fickle in turn
 */
#ifndef GRAIN_H
#define GRAIN_H

#ifdef __cplusplus
extern "C" {
#endif

int grain_next(void);           /* in a static variable */
int grain_back(void);           /* fickle_next(), from here */

#ifdef __cplusplus
}
#endif

#endif
