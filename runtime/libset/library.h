/*
 * library.h - the libraries that sets have copies of
 *
 * A library that was named once stays: its functions are called through thunks from then on, and the file that copies are
 * loaded from is kept.
 */
#ifndef STINT_LIBSET_LIBRARY_H
#define STINT_LIBSET_LIBRARY_H

#include <sys/types.h>

#include "../complaint.h"
#include "elf-file.h"
#include "image.h"
#include "table.h"

#define NO_LIBRARY UINT8_MAX

/* what a symbolic relocation of the library leads to, as ld.so resolved it */
struct link {
	uint32_t offset;                /* of the slot */
	bool call;                      /* a copy calls the copies of its set directly */
	uint8_t library;                /* whose target is; NO_LIBRARY: none of ours */
	uintptr_t target;               /* in the process's library */
	uintptr_t thunk;                /* the address of a function, which may be compared with others': the same in all copies */
	const ElfW(Sym) *symbol;
};

/* somebody outside uses a variable of the library, and will go on using the process's */
struct exposure {
	const char *symbol;
	char *user;                     /* path; "" for the program */
	unsigned library;               /* which the user is, or NO_LIBRARY */
	bool copied;                    /* by a copy relocation: it lies in the program */
};

struct function_list {
	const uintptr_t *at;
	size_t n;
};

struct library {
	unsigned index;
	void *handle;                   /* keeps it loaded */
	char *path;
	struct image image;
	struct elf_file file;           /* what copies are loaded from, mapped */
	int fd;
	dev_t dev;
	ino_t ino;
	const char *soname;             /* or NULL */
	bool has_tls;

	/* offsets; what ld.so will not run for a copy */
	uintptr_t init, fini;           /* 0: none */
	struct function_list init_array, fini_array;    /* offset of the first; 0: none */

	struct link *links;
	size_t nlinks;
	struct exposure *exposures;
	size_t nexposures;
};

extern PRIVATE struct library *libraries[TABLE_LIBRARIES];
extern PRIVATE unsigned nlibraries;             /* release/acquire */

/*
 * library_open - a handle of the library that ld.so finds by @name, loaded by @open for @caller if it is not
 *
 * Without libset's lock: constructors may run.
 *
 * Return: it; NULL with @err ENOENT, ENOEXEC, EINVAL (shared always), ENOMEM.
 */
typedef void *library_open_fn(const char *name, const void *caller);
void *library_open(const char *name, library_open_fn *open, const void *caller, struct complaint *why, int *err);

/* The rest under libset's lock, outside ld.so's. */

/* library_of - the library that @handle, which it takes over, is of; NULL with @err EINVAL, ENOMEM, ENOSPC, ENOTSUP... */
struct library *library_of(void *handle, struct complaint *why, int *err);

struct library *library_at(uintptr_t at);       /* whose process copy contains @at, or NULL */
bool library_is_shared_always(const char *path);

/* Once all libraries wanted are there: what each refers to. 0 or ENOMEM. */
int library_link_all(void);

int library_expose(struct library *l, const struct exposure *e);        /* if not known yet; 0 or ENOMEM */

/* Make sure that l->fd is still the file. 0 or an errno value. */
int library_file(struct library *l);

/* what ld.so binds @slot of @im to; @handle: of the object. 0: nothing. Only where it was not bound yet. */
uintptr_t library_bind(void *handle, const struct image *im, const struct image_slot *slot);

/* whether what is called @symbol, @target in @l, is a function */
bool library_is_function(const struct library *l, const ElfW(Sym) *symbol, uintptr_t target);

#endif
