/*
 * logins.c - who is logged in: a walk through a file of records
 *
 * libc has one walk for the process, and no way to tell where it is. So a call's walk has a descriptor of its own, and all
 * is done here: opened by the first use, locked against other processes as libc does it, for as long as one record takes. The
 * descriptor is the runtime's, past the ledger, and is closed with the call's other pieces.
 *
 * The lock is one of the open file, since one of the process would be lost with any descriptor of that file that is
 * closed. As in libc, who does not get it within ten seconds goes without result.
 *
 * login(), logout(), logwtmp() and updwtmp() (accounts.c) work on libc's walk, or on none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <utmp.h>
#include <utmpx.h>

#include "../sys.h"
#include "interpose.h"
#include "statics.h"

#define LOCK_TRIES 1000
#define LOCK_PAUSE_NS 10000000

_Static_assert(sizeof(struct utmp) == sizeof(struct utmpx), "one record for both");

struct logins {
	bool open, writable;
	int fd;
	off_t at;                       /* of the next record */
	char *file;                     /* NULL: the usual one */
	struct utmp last;               /* what was read last */
	struct utmp entry;              /* what those without a buffer return */
};

static void close_logins(struct logins *own)
{
	if (own->open)
		sys_raw(SYS_close, own->fd, 0, 0, 0);
	own->open = false;
	own->at = 0;
}

static void free_logins(void *state)
{
	struct logins *own = state;

	close_logins(own);
	sys_free(own->file);
}

static struct logins *logins_of(struct stint *s)
{
	return statics(s, STATIC_LOGINS, sizeof(struct logins), free_logins);
}

static bool failed(int err)
{
	errno = err;
	return false;
}

/* what was open for reading alone is opened anew where it is to be written */
static bool open_logins(struct logins *own, bool writable)
{
	long fd;

	if (own->open && (own->writable || !writable))
		return true;
	fd = sys_raw(SYS_openat, AT_FDCWD, own->file ? own->file : _PATH_UTMP,
	             (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC, 0);
	if (fd < 0)
		return failed((int)-fd);
	if (own->open)
		sys_raw(SYS_close, own->fd, 0, 0, 0);
	own->open = true;
	own->writable = writable;
	own->fd = (int)fd;
	return true;
}

static bool lock(struct logins *own, short type)
{
	const struct timespec pause = { 0, LOCK_PAUSE_NS };
	struct flock range = { .l_type = type, .l_whence = SEEK_SET };
	long r;

	for (int i = 0; i < LOCK_TRIES; i++) {
		r = sys_raw(SYS_fcntl, own->fd, F_OFD_SETLK, &range, 0);
		if (r != -EAGAIN && r != -EACCES)
			return r < 0 ? failed((int)-r) : true;
		sys_raw(SYS_nanosleep, &pause, NULL, 0, 0);
	}
	return failed(EAGAIN);
}

/* --- records ----------------------------------------------------------------------------------- */

static bool is_process(short type)
{
	return type == INIT_PROCESS || type == LOGIN_PROCESS || type == USER_PROCESS || type == DEAD_PROCESS;
}

static bool is_event(short type)
{
	return type == RUN_LVL || type == BOOT_TIME || type == NEW_TIME || type == OLD_TIME;
}

typedef bool is_fn(const struct utmp *entry, const struct utmp *wanted);

static bool is_any(const struct utmp *entry, const struct utmp *wanted)
{
	(void)entry;
	(void)wanted;
	return true;
}

/* the same event, or the record of the same process: by id, or by line if one of them has no id */
static bool is_same(const struct utmp *entry, const struct utmp *wanted)
{
	if (is_event(wanted->ut_type))
		return entry->ut_type == wanted->ut_type;
	if (!is_process(entry->ut_type) || !is_process(wanted->ut_type))
		return false;
	if (entry->ut_id[0] && wanted->ut_id[0])
		return !strncmp(entry->ut_id, wanted->ut_id, sizeof(entry->ut_id));
	return !strncmp(entry->ut_line, wanted->ut_line, sizeof(entry->ut_line));
}

static bool is_on_line(const struct utmp *entry, const struct utmp *wanted)
{
	return (entry->ut_type == USER_PROCESS || entry->ut_type == LOGIN_PROCESS) &&
	       !strncmp(entry->ut_line, wanted->ut_line, sizeof(entry->ut_line));
}

/* the rest with the lock held */
static bool read_record(struct logins *own)
{
	struct utmp entry;

	if (sys_raw(SYS_pread64, own->fd, &entry, sizeof(entry), own->at) != sizeof(entry))
		return false;
	own->at += (off_t)sizeof(entry);
	own->last = entry;
	return true;
}

/* the next one that is what is wanted is read last */
static bool find(struct logins *own, is_fn *is, const struct utmp *wanted)
{
	while (read_record(own))
		if (is(&own->last, wanted))
			return true;
	return false;
}

/* 0, or -1 and errno */
static int next_record(struct stint *s, is_fn *is, const struct utmp *wanted, struct utmp *to)
{
	struct logins *own = logins_of(s);
	bool found;

	if (!own || !open_logins(own, false) || !lock(own, F_RDLCK))
		return -1;
	found = find(own, is, wanted);
	lock(own, F_UNLCK);
	if (!found) {
		if (is != is_any)
			errno = ESRCH;
		return -1;
	}
	*to = own->last;
	return 0;
}

/* whether the one before the place is for the same as @entry: the one that was read last was, and is there still */
static bool replaces_last(struct logins *own, const struct utmp *entry)
{
	if (own->at <= 0 || !is_same(&own->last, entry))
		return false;
	own->at -= (off_t)sizeof(*entry);
	return read_record(own) && is_same(&own->last, entry);
}

/* in place of the one that was read last, of the next that is for the same, or as a new one at the end */
static off_t place_for(struct logins *own, const struct utmp *entry)
{
	struct stat st;

	if (replaces_last(own, entry) || find(own, is_same, entry))
		return own->at - (off_t)sizeof(*entry);
	if (sys_raw(SYS_fstat, own->fd, &st, 0, 0) < 0)
		return -1;
	return st.st_size - st.st_size % (off_t)sizeof(*entry);
}

static bool write_record(struct logins *own, const struct utmp *entry)
{
	off_t at = place_for(own, entry);
	long n;

	if (at < 0)
		return failed(EIO);
	n = sys_raw(SYS_pwrite64, own->fd, entry, sizeof(*entry), at);
	if (n != sizeof(*entry))
		return failed(n < 0 ? (int)-n : ENOSPC);
	own->at = at + (off_t)sizeof(*entry);
	return true;
}

/* --- what the wrappers do ---------------------------------------------------------------------- */

static void begin(struct stint *s)
{
	struct logins *own = logins_of(s);

	if (own && open_logins(own, false))
		own->at = 0;
}

static void end(struct stint *s)
{
	struct logins *own = logins_of(s);

	if (own)
		close_logins(own);
}

static struct utmp *next_own(struct stint *s, is_fn *is, const struct utmp *wanted)
{
	struct logins *own = logins_of(s);

	return own && !next_record(s, is, wanted, &own->entry) ? &own->entry : NULL;
}

static int next_into(struct stint *s, is_fn *is, const struct utmp *wanted, struct utmp *to, struct utmp **result)
{
	int r = next_record(s, is, wanted, to);

	*result = r ? NULL : to;
	return r;
}

static bool is_id(const struct utmp *id)
{
	return is_event(id->ut_type) || is_process(id->ut_type) ? true : failed(EINVAL);
}

static struct utmp *own_by_id(struct stint *s, const struct utmp *id)
{
	return is_id(id) ? next_own(s, is_same, id) : NULL;
}

static int into_by_id(struct stint *s, const struct utmp *id, struct utmp *to, struct utmp **result)
{
	*result = NULL;
	return is_id(id) ? next_into(s, is_same, id, to, result) : -1;
}

static const struct utmp *put(struct stint *s, const struct utmp *entry)
{
	struct logins *own = logins_of(s);
	bool written;

	if (!own || !open_logins(own, true) || !lock(own, F_WRLCK))
		return NULL;
	written = write_record(own, entry);
	lock(own, F_UNLCK);
	return written ? entry : NULL;
}

static int use_file(struct stint *s, const char *file)
{
	struct logins *own = logins_of(s);
	size_t n = strlen(file) + 1;
	char *copy = own ? sys_alloc(n) : NULL;

	if (!copy) {
		errno = ENOMEM;
		return -1;
	}
	close_logins(own);
	sys_free(own->file);
	own->file = memcpy(copy, file, n);
	return 0;
}

OWN_STATE_VOID(setutent, (void), (), begin(s_))
OWN_STATE_VOID(endutent, (void), (), end(s_))
OWN_STATE(struct utmp *, getutent, (void), (), next_own(s_, is_any, NULL))
OWN_STATE(struct utmp *, getutid, (const struct utmp *id), (id), own_by_id(s_, id))
OWN_STATE(struct utmp *, getutline, (const struct utmp *line), (line), next_own(s_, is_on_line, line))
OWN_STATE(int, getutent_r, (struct utmp *to, struct utmp **result), (to, result), next_into(s_, is_any, NULL, to, result))
OWN_STATE(int, getutid_r, (const struct utmp *id, struct utmp *to, struct utmp **result), (id, to, result),
          into_by_id(s_, id, to, result))
OWN_STATE(int, getutline_r, (const struct utmp *line, struct utmp *to, struct utmp **result), (line, to, result),
          next_into(s_, is_on_line, line, to, result))
OWN_STATE(struct utmp *, pututline, (const struct utmp *entry), (entry), (struct utmp *)put(s_, entry))
OWN_STATE(int, utmpname, (const char *file), (file), use_file(s_, file))

/* POSIX's names for the same */
#define RECORD(x) ((const struct utmp *)(x))

OWN_STATE_VOID(setutxent, (void), (), begin(s_))
OWN_STATE_VOID(endutxent, (void), (), end(s_))
OWN_STATE(struct utmpx *, getutxent, (void), (), (struct utmpx *)next_own(s_, is_any, NULL))
OWN_STATE(struct utmpx *, getutxid, (const struct utmpx *id), (id), (struct utmpx *)own_by_id(s_, RECORD(id)))
OWN_STATE(struct utmpx *, getutxline, (const struct utmpx *line), (line),
          (struct utmpx *)next_own(s_, is_on_line, RECORD(line)))
OWN_STATE(struct utmpx *, pututxline, (const struct utmpx *entry), (entry), (struct utmpx *)put(s_, RECORD(entry)))
OWN_STATE(int, utmpxname, (const char *file), (file), use_file(s_, file))
