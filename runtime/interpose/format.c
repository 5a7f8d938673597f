/*
 * format.c - formatting and scanning strings, and what printf() can be taught
 *
 * They take no lock but run long inside libc, where a tick is refused; wrapped, they take the deadline exactly where they
 * return. Some allocate. What is registered with printf() is the whole process's. strfmon() is not here: libc exports no
 * twin of it that takes a va_list, so it is BRIEF.
 */
#define _GNU_SOURCE
/* the header would turn these into their C99 variants; both are wrapped */
#define sscanf header_sscanf
#define vsscanf header_vsscanf
#define swscanf header_swscanf
#define vswscanf header_vswscanf
#include <obstack.h>
#include <printf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "interpose.h"

#undef sscanf
#undef vsscanf
#undef swscanf
#undef vswscanf
int sscanf(const char *text, const char *format, ...);
int vsscanf(const char *text, const char *format, va_list ap);
int __isoc99_sscanf(const char *text, const char *format, ...);
int __vsnprintf_chk(char *buf, size_t n, int flag, size_t size, const char *format, va_list ap);
int __vsprintf_chk(char *buf, int flag, size_t size, const char *format, va_list ap);
int __isoc99_vsscanf(const char *text, const char *format, va_list ap);
int __snprintf_chk(char *buf, size_t n, int flag, size_t size, const char *format, ...);
int __sprintf_chk(char *buf, int flag, size_t size, const char *format, ...);
int swscanf(const wchar_t *text, const wchar_t *format, ...);
int vswscanf(const wchar_t *text, const wchar_t *format, va_list ap);
int __isoc99_swscanf(const wchar_t *text, const wchar_t *format, ...);
int __isoc99_vswscanf(const wchar_t *text, const wchar_t *format, va_list ap);
int __swprintf_chk(wchar_t *buf, size_t n, int flag, size_t size, const wchar_t *format, ...);
int __vswprintf_chk(wchar_t *buf, size_t n, int flag, size_t size, const wchar_t *format, va_list ap);
int __obstack_printf_chk(struct obstack *obstack, int flag, const char *format, ...);
int __obstack_vprintf_chk(struct obstack *obstack, int flag, const char *format, va_list ap);
int strfromf128(char *buf, size_t n, const char *format, __float128 x);

LOCKED(int, vsnprintf, (char *buf, size_t n, const char *format, va_list ap), (buf, n, format, ap))
LOCKED(int, vsprintf, (char *buf, const char *format, va_list ap), (buf, format, ap))
LOCKED(int, __vsnprintf_chk, (char *buf, size_t n, int flag, size_t size, const char *format, va_list ap),
       (buf, n, flag, size, format, ap))
LOCKED(int, __vsprintf_chk, (char *buf, int flag, size_t size, const char *format, va_list ap),
       (buf, flag, size, format, ap))
LOCKED(int, vsscanf, (const char *text, const char *format, va_list ap), (text, format, ap))
LOCKED(int, __isoc99_vsscanf, (const char *text, const char *format, va_list ap), (text, format, ap))
LOCKED(int, vswprintf, (wchar_t *buf, size_t n, const wchar_t *format, va_list ap), (buf, n, format, ap))
LOCKED(int, vswscanf, (const wchar_t *text, const wchar_t *format, va_list ap), (text, format, ap))
LOCKED(int, __isoc99_vswscanf, (const wchar_t *text, const wchar_t *format, va_list ap), (text, format, ap))
LOCKED(int, __vswprintf_chk, (wchar_t *buf, size_t n, int flag, size_t size, const wchar_t *format, va_list ap),
       (buf, n, flag, size, format, ap))
LOCKED(int, obstack_vprintf, (struct obstack *obstack, const char *format, va_list ap), (obstack, format, ap))
LOCKED(int, __obstack_vprintf_chk, (struct obstack *obstack, int flag, const char *format, va_list ap),
       (obstack, flag, format, ap))

FORMATS(snprintf, vsnprintf, (char *buf, size_t n, const char *format, ...), (buf, n, format, ap))
FORMATS(__snprintf_chk, __vsnprintf_chk, (char *buf, size_t n, int flag, size_t size, const char *format, ...),
        (buf, n, flag, size, format, ap))
FORMATS(sprintf, vsprintf, (char *buf, const char *format, ...), (buf, format, ap))
FORMATS(__sprintf_chk, __vsprintf_chk, (char *buf, int flag, size_t size, const char *format, ...),
        (buf, flag, size, format, ap))
FORMATS(sscanf, vsscanf, (const char *text, const char *format, ...), (text, format, ap))
FORMATS(__isoc99_sscanf, __isoc99_vsscanf, (const char *text, const char *format, ...), (text, format, ap))
FORMATS(swprintf, vswprintf, (wchar_t *buf, size_t n, const wchar_t *format, ...), (buf, n, format, ap))
FORMATS(swscanf, vswscanf, (const wchar_t *text, const wchar_t *format, ...), (text, format, ap))
FORMATS(__isoc99_swscanf, __isoc99_vswscanf, (const wchar_t *text, const wchar_t *format, ...), (text, format, ap))
FORMATS(__swprintf_chk, __vswprintf_chk, (wchar_t *buf, size_t n, int flag, size_t size, const wchar_t *format, ...),
        (buf, n, flag, size, format, ap))
FORMATS(obstack_printf, obstack_vprintf, (struct obstack *obstack, const char *format, ...), (obstack, format, ap))
FORMATS(__obstack_printf_chk, __obstack_vprintf_chk, (struct obstack *obstack, int flag, const char *format, ...),
        (obstack, flag, format, ap))

/* --- numbers ----------------------------------------------------------------------------------- */

LOCKED(int, strfromd, (char *buf, size_t n, const char *format, double x), (buf, n, format, x))
LOCKED(int, strfromf, (char *buf, size_t n, const char *format, float x), (buf, n, format, x))
LOCKED(int, strfroml, (char *buf, size_t n, const char *format, long double x), (buf, n, format, x))
LOCKED(int, strfromf32, (char *buf, size_t n, const char *format, _Float32 x), (buf, n, format, x))
LOCKED(int, strfromf64, (char *buf, size_t n, const char *format, _Float64 x), (buf, n, format, x))
LOCKED(int, strfromf32x, (char *buf, size_t n, const char *format, _Float32x x), (buf, n, format, x))
LOCKED(int, strfromf64x, (char *buf, size_t n, const char *format, _Float64x x), (buf, n, format, x))
/* __float128: clang 14 does not know the other name */
LOCKED(int, strfromf128, (char *buf, size_t n, const char *format, __float128 x), (buf, n, format, x))
LOCKED(int, ecvt_r, (double x, int digits, int *point, int *sign, char *buf, size_t n), (x, digits, point, sign, buf, n))
LOCKED(int, fcvt_r, (double x, int digits, int *point, int *sign, char *buf, size_t n), (x, digits, point, sign, buf, n))
LOCKED(int, qecvt_r, (long double x, int digits, int *point, int *sign, char *buf, size_t n),
       (x, digits, point, sign, buf, n))
LOCKED(int, qfcvt_r, (long double x, int digits, int *point, int *sign, char *buf, size_t n),
       (x, digits, point, sign, buf, n))
LOCKED(char *, gcvt, (double x, int digits, char *buf), (x, digits, buf))
LOCKED(char *, qgcvt, (long double x, int digits, char *buf), (x, digits, buf))

/* --- what printf() can be taught --------------------------------------------------------------- */

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

LOCKED(int, register_printf_function, (int c, printf_function *fn, printf_arginfo_function *info), (c, fn, info))
LOCKED(int, register_printf_specifier, (int c, printf_function *fn, printf_arginfo_size_function *info), (c, fn, info))
LOCKED(int, register_printf_modifier, (const wchar_t *str), (str))
LOCKED(int, register_printf_type, (printf_va_arg_function *fn), (fn))
LOCKED(size_t, parse_printf_format, (const char *format, size_t n, int *types), (format, n, types))
LOCKED(int, printf_size, (FILE *f, const struct printf_info *info, const void *const *args), (f, info, args))
