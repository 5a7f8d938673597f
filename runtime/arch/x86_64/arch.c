/*
 * arch.c - what this CPU and kernel allow
 */
#define _GNU_SOURCE
#include <errno.h>

#include "arch.h"

#define HWCAP2_FSGSBASE_BIT 2
#define ARCH_SHSTK_STATUS 0x5005
#define ARCH_SET_FS 0x1002

int arch_user_tp;

/* valgrind runs the program but does not know wrfsbase; it announces itself by preloading its own core */
static int under_valgrind(void)
{
	extern char **environ;

	for (char **e = environ; e && *e; e++)
		if (!__builtin_strncmp(*e, "LD_PRELOAD=", 11) && __builtin_strstr(*e, "vgpreload_"))
			return 1;
	return 0;
}

int arch_init(void)
{
	arch_user_tp = (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT) && !under_valgrind();
	return 0;
}

int arch_shadow_stack(void)
{
	unsigned long status = 0;

	if (arch_syscall(SYS_arch_prctl, ARCH_SHSTK_STATUS, (long)&status, 0, 0, 0, 0) < 0)
		return 0;       /* the kernel has none */
	return status & 1;
}
