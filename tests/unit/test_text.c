/*
 * test_text.c - where a call may be stopped: in the program, in pure functions and system calls of libc, nowhere else in it
 */
#include "unit.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

#include "arch/x86_64/unwind.h"
#include "init.h"
#include "text.h"

static uintptr_t libc_function(const char *name)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD), *p;

	ck_assert_ptr_nonnull(libc);
	p = dlsym(libc, name);
	ck_assert_msg(p != NULL, "libc has no %s", name);
	dlclose(libc);
	return (uintptr_t)p;
}

static void start(void)
{
	ck_assert_int_eq(init_start(), 0);
}

static int ours(int n)
{
	return n + 1;
}

/* at the first instruction of a function that @caller has called */
static bool may_stop(uintptr_t pc, uintptr_t caller)
{
	uintptr_t stack[16] = { caller };
	struct frame f = { .pc = pc, .sp = (uintptr_t)stack, .stack_lo = (uintptr_t)stack,
		           .stack_hi = (uintptr_t)(stack + 16) };

	return text_may_stop_insig(&f);
}

START_TEST(program)
{
	start();
	ck_assert_int_eq(ours(1), 2);
	ck_assert(may_stop((uintptr_t)ours, (uintptr_t)ours + 1));
	ck_assert(may_stop((uintptr_t)ours, libc_function("qsort") + 20));      /* a comparison of the program's */
	ck_assert(!text_is_runtime((void *)ours));
	ck_assert(may_stop(0, 0));
	ck_assert(may_stop(UINTPTR_MAX, 0));
}
END_TEST

START_TEST(locking_functions)
{
	static const char *const names[] = {
		"malloc", "free", "calloc", "realloc", "fputs", "fprintf", "fopen", "fclose", "setlocale", "setenv",
		"localtime_r", "printf", "exit", "dlopen", "pthread_create",
	};

	start();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uintptr_t pc = libc_function(names[i]);

		ck_assert_msg(!may_stop(pc, (uintptr_t)ours + 1), "%s", names[i]);
		ck_assert_msg(!may_stop(pc + 5, (uintptr_t)ours + 1), "%s + 5", names[i]);
		ck_assert(text_is_runtime((void *)pc));
	}
}
END_TEST

START_TEST(loader)
{
	struct link_map *m;
	ElfW(Addr) base = 0;

	start();
	for (m = _r_debug.r_map; m; m = m->l_next)
		if (strstr(m->l_name, "ld-linux"))
			base = m->l_addr;
	ck_assert(base != 0);
	ck_assert(!may_stop((uintptr_t)dlsym(RTLD_DEFAULT, "_dl_allocate_tls"), (uintptr_t)ours + 1));
	ck_assert(text_is_runtime(dlsym(RTLD_DEFAULT, "_dl_allocate_tls")));
}
END_TEST

/* under AddressSanitizer the program's memcpy is not libc's */
START_TEST(pure_functions)
{
	static const char *const names[] = { "memcpy", "memset", "memmove", "memchr", "strlen" };

	if (getenv("STINT_ASAN")) {
		puts("pure_functions: skipped");
		return;
	}
	start();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uintptr_t pc = libc_function(names[i]);

		ck_assert_msg(may_stop(pc, (uintptr_t)ours + 1), "%s", names[i]);
		/* libc may have called it with a lock held */
		ck_assert_msg(!may_stop(pc, libc_function("fputs") + 20), "%s from fputs", names[i]);
		ck_assert_msg(!may_stop(pc, libc_function("setlocale") + 20), "%s from setlocale", names[i]);
	}
}
END_TEST

/* the extent of a function lies around it and contains no other */
START_TEST(extents)
{
	static const char *const names[] = { "malloc", "free", "read", "write", "memcpy", "qsort", "fputs" };

	start();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uintptr_t pc = libc_function(names[i]), begin, end, again_begin, again_end;

		ck_assert_msg(text_function(pc, &begin, &end), "%s", names[i]);
		ck_assert(begin <= pc && pc < end);
		ck_assert_uint_lt(end - begin, 1 << 16);
		ck_assert(text_function(end - 1, &again_begin, &again_end));
		ck_assert(again_begin == begin && again_end == end);
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
			ck_assert(i == j || libc_function(names[j]) < begin || libc_function(names[j]) >= end);
	}
	ck_assert(!text_function((uintptr_t)ours, &(uintptr_t){ 0 }, &(uintptr_t){ 0 }));
}
END_TEST

UNIT_MAIN("text", program, locking_functions, loader, pure_functions, extents)
