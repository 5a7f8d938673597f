/*
 * stdio-variants.c - streams by their other names: unlocked, of an older ABI, and tables of file systems
 *
 * The unlocked functions take no lock, but fill and empty buffers, allocate them, and may call a cookie's functions
 * in the middle of that; half done, the stream is broken for whoever has it next. They are treated as those that lock.
 *
 * Names that begin with _IO_ are in programs that were compiled with the headers of older C libraries.
 * libc calls _IO_funlockfile itself where a scan is cancelled; that unlocks what libc locked and is not the program's.
 *
 * Not entered in the ledger: what scanf's %m allocates.
 */
#define _GNU_SOURCE
/* the headers must not define any of these inline, nor turn the scanf family into its C99 variants: both are wrapped */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1
#endif
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <wchar.h>

#include "../ledger.h"
#include "../sys.h"
#include "stream.h"
#include "statics.h"

#undef getc_unlocked
#undef putc_unlocked
#undef getchar_unlocked
#undef putchar_unlocked
#undef fgetc_unlocked
#undef fputc_unlocked
#undef fread_unlocked
#undef fwrite_unlocked
char *__fgets_unlocked_chk(char *buf, size_t size, int n, FILE *f);
size_t __fread_unlocked_chk(void *buf, size_t len, size_t size, size_t n, FILE *f);
wchar_t *__fgetws_unlocked_chk(wchar_t *buf, size_t size, int n, FILE *f);

/* --- unlocked ---------------------------------------------------------------------------------- */

READS_STREAM(int, getc_unlocked, (FILE *f), (f), f, EOF)
READS_STREAM(int, fgetc_unlocked, (FILE *f), (f), f, EOF)
READS_STREAM(int, getchar_unlocked, (void), (), stdin, EOF)
ON_STREAM(int, putc_unlocked, (int c, FILE *f), (c, f), f)
ON_STREAM(int, fputc_unlocked, (int c, FILE *f), (c, f), f)
ON_STREAM(int, putchar_unlocked, (int c), (c), stdout)
READS_STREAM(char *, fgets_unlocked, (char *buf, int n, FILE *f), (buf, n, f), n > 1 ? f : NULL, NULL)
READS_STREAM(char *, __fgets_unlocked_chk, (char *buf, size_t size, int n, FILE *f),
             (buf, size, n, f), n > 1 ? f : NULL, NULL)
ON_STREAM(int, fputs_unlocked, (const char *str, FILE *f), (str, f), f)
READS_STREAM(size_t, fread_unlocked, (void *buf, size_t size, size_t n, FILE *f), (buf, size, n, f), size && n ? f : NULL, 0)
READS_STREAM(size_t, __fread_unlocked_chk, (void *buf, size_t len, size_t size, size_t n, FILE *f),
             (buf, len, size, n, f), size && n ? f : NULL, 0)
ON_STREAM(size_t, fwrite_unlocked, (const void *buf, size_t size, size_t n, FILE *f), (buf, size, n, f), f)
ON_STREAM(int, fflush_unlocked, (FILE *f), (f), f)
READS_STREAM(wint_t, getwc_unlocked, (FILE *f), (f), f, WEOF)
READS_STREAM(wint_t, fgetwc_unlocked, (FILE *f), (f), f, WEOF)
READS_STREAM(wint_t, getwchar_unlocked, (void), (), stdin, WEOF)
ON_STREAM(wint_t, putwc_unlocked, (wchar_t c, FILE *f), (c, f), f)
ON_STREAM(wint_t, fputwc_unlocked, (wchar_t c, FILE *f), (c, f), f)
ON_STREAM(wint_t, putwchar_unlocked, (wchar_t c), (c), stdout)
READS_STREAM(wchar_t *, fgetws_unlocked, (wchar_t *buf, int n, FILE *f), (buf, n, f), n > 1 ? f : NULL, NULL)
READS_STREAM(wchar_t *, __fgetws_unlocked_chk, (wchar_t *buf, size_t size, int n, FILE *f),
             (buf, size, n, f), n > 1 ? f : NULL, NULL)
ON_STREAM(int, fputws_unlocked, (const wchar_t *str, FILE *f), (str, f), f)
LOCKED_VOID(_flushlbf, (void), ())
ON_STREAM_VOID(__fpurge, (FILE *f), (f), f)

/* --- of an older ABI --------------------------------------------------------------------------- */

int _IO_feof(FILE *f);
int _IO_ferror(FILE *f);
int _IO_fflush(FILE *f);
int _IO_fgetpos(FILE *f, fpos_t *at);
int _IO_fgetpos64(FILE *f, fpos64_t *at);
int _IO_fsetpos(FILE *f, const fpos_t *at);
int _IO_fsetpos64(FILE *f, const fpos64_t *at);
char *_IO_fgets(char *buf, int n, FILE *f);
int _IO_fputs(const char *str, FILE *f);
size_t _IO_fread(void *buf, size_t size, size_t n, FILE *f);
size_t _IO_fwrite(const void *buf, size_t size, size_t n, FILE *f);
long _IO_ftell(FILE *f);
char *_IO_gets(char *buf);
int _IO_puts(const char *str);
void _IO_setbuffer(FILE *f, char *buf, size_t size);
int _IO_setvbuf(FILE *f, char *buf, int mode, size_t size);
int _IO_ungetc(int c, FILE *f);
int _IO_peekc_locked(FILE *f);
int _IO_vfprintf(FILE *f, const char *format, va_list ap);
int _IO_vsprintf(char *buf, const char *format, va_list ap);
int _IO_printf(const char *format, ...);
int _IO_fprintf(FILE *f, const char *format, ...);
int _IO_sprintf(char *buf, const char *format, ...);
int _IO_sscanf(const char *text, const char *format, ...);
int __vfscanf(FILE *f, const char *format, va_list ap);
int __vsnprintf(char *buf, size_t n, const char *format, va_list ap);
int __vsscanf(const char *text, const char *format, va_list ap);
void _IO_flockfile(FILE *f);
int _IO_ftrylockfile(FILE *f);
void _IO_funlockfile(FILE *f);

ON_STREAM(int, _IO_feof, (FILE *f), (f), f)
ON_STREAM(int, _IO_ferror, (FILE *f), (f), f)
ON_STREAM(int, _IO_fflush, (FILE *f), (f), f)
ON_STREAM(int, _IO_fgetpos, (FILE *f, fpos_t *at), (f, at), f)
ON_STREAM(int, _IO_fgetpos64, (FILE *f, fpos64_t *at), (f, at), f)
ON_STREAM(int, _IO_fsetpos, (FILE *f, const fpos_t *at), (f, at), f)
ON_STREAM(int, _IO_fsetpos64, (FILE *f, const fpos64_t *at), (f, at), f)
READS_STREAM(char *, _IO_fgets, (char *buf, int n, FILE *f), (buf, n, f), n > 1 ? f : NULL, NULL)
ON_STREAM(int, _IO_fputs, (const char *str, FILE *f), (str, f), f)
READS_STREAM(size_t, _IO_fread, (void *buf, size_t size, size_t n, FILE *f), (buf, size, n, f), size && n ? f : NULL, 0)
ON_STREAM(size_t, _IO_fwrite, (const void *buf, size_t size, size_t n, FILE *f), (buf, size, n, f), f)
ON_STREAM(long, _IO_ftell, (FILE *f), (f), f)
READS_STREAM(char *, _IO_gets, (char *buf), (buf), stdin, NULL)
ON_STREAM(int, _IO_puts, (const char *str), (str), stdout)
ON_STREAM_VOID(_IO_setbuffer, (FILE *f, char *buf, size_t size), (f, buf, size), f)
ON_STREAM(int, _IO_setvbuf, (FILE *f, char *buf, int mode, size_t size), (f, buf, mode, size), f)
ON_STREAM(int, _IO_ungetc, (int c, FILE *f), (c, f), f)
READS_STREAM(int, _IO_peekc_locked, (FILE *f), (f), f, EOF)
ON_STREAM(int, _IO_vfprintf, (FILE *f, const char *format, va_list ap), (f, format, ap), f)
LOCKED(int, _IO_vsprintf, (char *buf, const char *format, va_list ap), (buf, format, ap))
READS_STREAM(int, __vfscanf, (FILE *f, const char *format, va_list ap), (f, format, ap), f, EOF)
LOCKED(int, __vsnprintf, (char *buf, size_t n, const char *format, va_list ap), (buf, n, format, ap))
LOCKED(int, __vsscanf, (const char *text, const char *format, va_list ap), (text, format, ap))

FORMATS(_IO_printf, _IO_vfprintf, (const char *format, ...), (stdout, format, ap))
FORMATS(_IO_fprintf, _IO_vfprintf, (FILE *f, const char *format, ...), (f, format, ap))
FORMATS(_IO_sprintf, _IO_vsprintf, (char *buf, const char *format, ...), (buf, format, ap))
FORMATS(_IO_sscanf, __vsscanf, (const char *text, const char *format, ...), (text, format, ap))

WRAPPER void _IO_flockfile(FILE *f)
{
	flockfile(f);
}

WRAPPER int _IO_ftrylockfile(FILE *f)
{
	return ftrylockfile(f);
}

WRAPPER void _IO_funlockfile(FILE *f)
{
	if (text_is_runtime(caller_address()))
		REAL(_IO_funlockfile)(f);
	else
		funlockfile(f);
}

/* --- tables of file systems -------------------------------------------------------------------- */

FILE *__setmntent(const char *path, const char *mode);
struct mntent *__getmntent_r(FILE *f, struct mntent *entry, char *buf, int size);
int __endmntent(FILE *f);

/* setmntent() is fopen() and endmntent() fclose(), bar the result */
#define OPENS_TABLE(name)                                                     \
	WRAPPER FILE *name(const char *path, const char *mode)                \
	{                                                                     \
		struct stint *s = self();                                     \
		FILE *f;                                                      \
                                                                              \
		if (likely(!s))                                               \
			return REAL(name)(path, mode);                        \
		preempt_disable(s);                                           \
		f = REAL(name)(path, mode);                                   \
		if (f && ledger_stream_add(s, THING_STREAM, f, 1, NULL)) {    \
			sys.fclose(f);                                        \
			f = NULL;                                             \
		}                                                             \
		preempt_enable(s, caller_address());                          \
		return f;                                                     \
	}

OPENS_TABLE(setmntent)
OPENS_TABLE(__setmntent)

/* NULL is allowed, whatever the header promises the compiler; hence a function of its own */
static __attribute__((noinline)) void close_table(FILE *f)
{
	if (f)
		fclose(f);
}

WRAPPER int endmntent(FILE *f)
{
	close_table(f);
	return 1;
}

WRAPPER int __endmntent(FILE *f)
{
	close_table(f);
	return 1;
}

LOCKED(struct mntent *, getmntent_r, (FILE *f, struct mntent *entry, char *buf, int size), (f, entry, buf, size))
LOCKED(struct mntent *, __getmntent_r, (FILE *f, struct mntent *entry, char *buf, int size), (f, entry, buf, size))

/* as many bytes as libc keeps for a line; a longer one is cut off */
struct mount {
	struct mntent entry;
	char line[4096];
};

static struct mntent *next_mount(struct stint *s, FILE *f)
{
	struct mount *own = statics(s, STATIC_MNTENT, sizeof(*own), NULL);

	return own ? REAL(getmntent_r)(f, &own->entry, own->line, sizeof(own->line)) : NULL;
}

OWN_STATE(struct mntent *, getmntent, (FILE *f), (f), next_mount(s_, f))
LOCKED(int, addmntent, (FILE *f, const struct mntent *entry), (f, entry))
