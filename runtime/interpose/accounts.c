/*
 * accounts.c - users and groups into the caller's buffer, shadow files, who is logged in
 *
 * All read files or ask a service, under locks of libc's. lookups.c, walks.c and logins.c have those that answer in
 * static memory.
 */
#define _GNU_SOURCE
#include <fstab.h>
#include <grp.h>
#include <gshadow.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <ttyent.h>
#include <unistd.h>
#include <utmp.h>
#include <utmpx.h>

#include "../ledger.h"
#include "interpose.h"

#define BUFFER char *buf, size_t n

/* --- users and groups -------------------------------------------------------------------------- */

LOCKED(int, getpwnam_r, (const char *name, struct passwd *pw, char *buf, size_t n, struct passwd **out),
       (name, pw, buf, n, out))
LOCKED(int, getpwuid_r, (uid_t uid, struct passwd *pw, char *buf, size_t n, struct passwd **out),
       (uid, pw, buf, n, out))
LOCKED(int, getgrnam_r, (const char *name, struct group *gr, char *buf, size_t n, struct group **out),
       (name, gr, buf, n, out))
LOCKED(int, getgrgid_r, (gid_t gid, struct group *gr, char *buf, size_t n, struct group **out),
       (gid, gr, buf, n, out))
LOCKED(int, getgrouplist, (const char *user, gid_t group, gid_t *groups, int *n), (user, group, groups, n))
LOCKED(int, fgetpwent_r, (FILE *f, struct passwd *out, BUFFER, struct passwd **result), (f, out, buf, n, result))
LOCKED(int, putpwent, (const struct passwd *entry, FILE *f), (entry, f))
LOCKED(int, getpw, (uid_t uid, char *buf), (uid, buf))
LOCKED(int, fgetgrent_r, (FILE *f, struct group *out, BUFFER, struct group **result), (f, out, buf, n, result))
LOCKED(int, putgrent, (const struct group *entry, FILE *f), (entry, f))

/* --- shadow files ------------------------------------------------------------------------------ */

LOCKED(int, getspnam_r, (const char *name, struct spwd *out, BUFFER, struct spwd **result), (name, out, buf, n, result))
LOCKED(int, fgetspent_r, (FILE *f, struct spwd *out, BUFFER, struct spwd **result), (f, out, buf, n, result))
LOCKED(int, sgetspent_r, (const char *line, struct spwd *out, BUFFER, struct spwd **result),
       (line, out, buf, n, result))
LOCKED(int, putspent, (const struct spwd *entry, FILE *f), (entry, f))
LOCKED(int, lckpwdf, (void), ())
LOCKED(int, ulckpwdf, (void), ())
LOCKED(int, getsgnam_r, (const char *name, struct sgrp *out, BUFFER, struct sgrp **result), (name, out, buf, n, result))
LOCKED(int, fgetsgent_r, (FILE *f, struct sgrp *out, BUFFER, struct sgrp **result), (f, out, buf, n, result))
LOCKED(int, sgetsgent_r, (const char *line, struct sgrp *out, BUFFER, struct sgrp **result),
       (line, out, buf, n, result))
LOCKED(int, putsgent, (const struct sgrp *entry, FILE *f), (entry, f))

/* --- who is logged in: on libc's own walk through the file, or none ----------------------------- */

LOCKED_VOID(updwtmp, (const char *file, const struct utmp *entry), (file, entry))
LOCKED_VOID(updwtmpx, (const char *file, const struct utmpx *entry), (file, entry))
LOCKED_VOID(login, (const struct utmp *entry), (entry))
LOCKED(int, logout, (const char *line), (line))
LOCKED_VOID(logwtmp, (const char *line, const char *name, const char *host), (line, name, host))

/* libc closes the number that it had, and 0 to 2 are the process's */
WRAPPER int login_tty(int fd)
{
	struct stint *s = self();
	int r;

	if (s)
		preempt_disable(s);
	r = REAL(login_tty)(fd);
	if (r == 0) {
		ledger_fd_closed_range(0, 2);
		ledger_fd_closed(fd);
	}
	if (s)
		preempt_enable(s, caller_address());
	return r;
}

LOCKED(int, ttyslot, (void), ())
