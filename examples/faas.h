/*
 * faas.h - what a function for faas is: a shared object that defines faas_main()
 *
 * It is compiled with nothing but this header, and may do what it likes: whatever it has not given back when it returns, or
 * when it is stopped, is given back for it. The result is a string; it is copied.
 */
#ifndef EXAMPLES_FAAS_H
#define EXAMPLES_FAAS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef const char *faas_fn(const char *request);

__attribute__((visibility("default"))) const char *faas_main(const char *request);

#ifdef __cplusplus
}
#endif

#endif
