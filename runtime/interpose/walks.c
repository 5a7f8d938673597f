/*
 * walks.c - one entry of a table after the other: setpwent(), getpwent(), endpwent(), and the same for other tables
 *
 * libc has one walk through each table for the whole process. Here each call has its own, and all code outside calls
 * shares one, as always: libc's walk is lent to whoever asks next. Each knows how many entries it has taken; when the walk was with
 * another in between it is begun anew and goes past as many. So interleaved walks cost, but each gets every entry
 * once; only if the table changes meanwhile may an entry be missed or come twice.
 *
 * What was rejected: reading a table to its end at once and keeping copies (tables of directory services are
 * large); reading the files ourselves (tables need not be files).
 *
 * Outside calls the functions without a reentrant name return libc's own static memory. Terminals, file systems and shells have
 * no functions but these: a call that goes on overwrites or frees what they gave, so there the outside gets a copy, too.
 *
 * Lock: that of each walk, held while libc is at work on it; nests in nothing. Preemption is disabled in calls. A child made
 * by fork() while another thread held it finds it free, and the walk nobody's.
 */
#define _GNU_SOURCE
#include <aliases.h>
#include <errno.h>
#include <fstab.h>
#include <grp.h>
#include <gshadow.h>
#include <netdb.h>
#include <pwd.h>
#include <rpc/netdb.h>
#include <shadow.h>
#include <string.h>
#include <ttyent.h>

#include "../sys.h"
#include "answer.h"
#include "interpose.h"

struct place {
	unsigned long taken;            /* entries, since it was begun */
	int stay;                       /* what it was begun with */
	char *group;                    /* the netgroup it goes through */
};

/* @next: the next entry and what it points to; 0, ERANGE (the entry comes again), or another errno value at the end */
typedef int next_fn(void *entry, char *buf, size_t n, int *host_err);

struct walk {
	struct sys_lock lock;
	struct place *at;               /* whose libc's walk is; NULL: nobody's, and it is ended */
	enum static_kind kind;
	int (*begin)(const struct place *place);        /* these two return what libc's functions do */
	int (*end)(void);
	next_fn *next;
	struct place outside;           /* where code outside calls is */
	struct answer *copy;            /* what it was given last, if libc has no reentrant function; else NULL */
};

/* a call's walk; first what libc's answers lie in */
struct walker {
	struct answer answer;
	struct place place;
	struct walk *walk;
};

/* --- lending ----------------------------------------------------------------------------------- */

/* past one entry, whatever its size; 0 or an errno value, ENOMEM if there is no memory to have it written to */
static int skip(struct walk *w, struct buffer *scratch)
{
	_Alignas(16) char entry[ENTRY_SIZE];
	int host_err, err;

	do
		err = scratch->size ? w->next(entry, scratch->at, scratch->size, &host_err) : ERANGE;
	while (err == ERANGE && buffer_grow(scratch));
	return err == ERANGE ? ENOMEM : err;
}

/* with the lock held: libc's walk is where @place is; 0 or ENOMEM, and then it is nobody's */
static int go_to(struct walk *w, struct place *place)
{
	struct buffer scratch = { NULL, 0 };
	int err = 0;

	if (likely(w->at == place))
		return 0;
	if (w->at || place->taken) {
		w->begin(place);
		for (unsigned long i = 0; i < place->taken && !err; i++)
			err = skip(w, &scratch);
		buffer_free(&scratch);
	}
	if (err != ENOMEM) {            /* at the end, all of it may have been taken */
		w->at = place;
		return 0;
	}
	w->end();
	w->at = NULL;
	errno = ENOMEM;
	return ENOMEM;
}

static int begin_anew(struct walk *w, struct place *place)
{
	int r;

	sys_lock(&w->lock);
	place->taken = 0;
	r = w->begin(place);
	w->at = place;
	sys_unlock(&w->lock);
	return r;
}

/* another's walk goes on */
static int end_walk(struct walk *w, struct place *place)
{
	int r = 1;

	sys_lock(&w->lock);
	place->taken = 0;
	if (w->at == place || !w->at) {
		r = w->end();
		w->at = NULL;
	}
	sys_unlock(&w->lock);
	return r;
}

/* the handle of the call is freed */
static void free_walker(void *state)
{
	struct walker *own = state;

	if (own->walk && own->walk->at == &own->place)
		end_walk(own->walk, &own->place);
	piece_free(own->place.group);
	buffer_free(own);
}

static struct walker *walker_of(struct stint *s, struct walk *w)
{
	struct walker *own = statics(s, w->kind, sizeof(*own), free_walker);

	if (!own || (!own->answer.buffer.size && !buffer_grow(&own->answer.buffer)))
		return NULL;
	own->walk = w;
	return own;
}

static struct place *place_of(struct stint *s, struct walk *w)
{
	struct walker *own;

	if (!s)
		return &w->outside;
	own = walker_of(s, w);
	return own ? &own->place : NULL;
}

/* the next entry of @place to where the caller wants it; 0 or an errno value */
static int take(struct walk *w, struct place *place, void *entry, char *buf, size_t n, int *host_err)
{
	int err;

	sys_lock(&w->lock);
	err = go_to(w, place);
	if (!err)
		err = w->next(entry, buf, n, host_err);
	if (!err)
		place->taken++;
	sys_unlock(&w->lock);
	return err;
}

/* --- what the wrappers do ---------------------------------------------------------------------- */

static int set_walk(struct walk *w, int stay, const void *caller)
{
	struct stint *s = self();
	struct place *place;
	int r = 0;

	if (s)
		preempt_disable(s);
	place = place_of(s, w);
	if (place) {
		place->stay = stay;
		r = begin_anew(w, place);
	}
	if (s)
		preempt_enable(s, caller);
	return r;
}

static int leave_walk(struct walk *w, const void *caller)
{
	struct stint *s = self();
	struct place *place;
	int r = 0;

	if (s)
		preempt_disable(s);
	place = place_of(s, w);
	if (place)
		r = end_walk(w, place);
	if (s)
		preempt_enable(s, caller);
	return r;
}

static int next_into(struct walk *w, void *entry, char *buf, size_t n, int *host_err, const void *caller)
{
	struct stint *s = self();
	struct place *place;
	int err;

	if (s)
		preempt_disable(s);
	place = place_of(s, w);
	*host_err = NETDB_INTERNAL;
	err = place ? take(w, place, entry, buf, n, host_err) : ENOMEM;
	if (s)
		preempt_enable(s, caller);
	return err;
}

/* the next entry of @place in @a */
static void *next_answer(struct walk *w, struct place *place, struct answer *a)
{
	int err = ENOMEM, host_err = 0;

	if (a->buffer.size || buffer_grow(&a->buffer))
		do
			err = take(w, place, a->entry, a->buffer.at, a->buffer.size, &host_err);
		while (err == ERANGE && buffer_grow(&a->buffer));
	if (host_err)
		h_errno = host_err;
	return err ? NULL : a->entry;
}

/* the next entry in the call's own memory */
static void *next_own(struct stint *s, struct walk *w, const void *caller)
{
	struct walker *own;
	void *entry;

	preempt_disable(s);
	own = walker_of(s, w);
	entry = own ? next_answer(w, &own->place, &own->answer) : NULL;
	preempt_enable(s, caller);
	return entry;
}

/* outside calls: libc's own function, at the place of all; or, where calls use that as well, a copy of what it gives */
static void *next_outside(struct walk *w, void *(*real)(void))
{
	void *entry;

	if (w->copy)
		return next_answer(w, &w->outside, w->copy);
	sys_lock(&w->lock);
	entry = go_to(w, &w->outside) ? NULL : real();
	if (entry)
		w->outside.taken++;
	sys_unlock(&w->lock);
	return entry;
}

typedef void *real_fn(void);

static void *next_entry(struct walk *w, real_fn *real, const void *caller)
{
	struct stint *s = self();

	return s ? next_own(s, w, caller) : next_outside(w, real);
}

/* from the beginning */
static void *first_that(bool (*is)(const void *entry, const char *name), const char *name, struct walk *w, real_fn *real,
                        const void *caller)
{
	void *entry;

	set_walk(w, 0, caller);
	do
		entry = next_entry(w, real, caller);
	while (entry && !is(entry, name));
	return entry;
}

/* --- tables with reentrant functions ----------------------------------------------------------- */

#define WALK(ent)                                                             \
	static struct walk walk_##ent = {                                     \
		{ 0 }, NULL, STATIC_##ent, begin_##ent, end_##ent, next_##ent, { 0, 0, NULL }, NULL \
	};

#define ENDS(ent)                                                             \
	static int end_##ent(void)                                            \
	{                                                                     \
		REAL(end##ent)();                                             \
		return 1;                                                     \
	}                                                                     \
	WALK(ent)                                                             \
	WRAPPER void end##ent(void)                                           \
	{                                                                     \
		leave_walk(&walk_##ent, caller_address());                    \
	}

#define BEGINS(ent)                                                           \
	static int begin_##ent(const struct place *place)                     \
	{                                                                     \
		(void)place;                                                  \
		REAL(set##ent)();                                             \
		return 1;                                                     \
	}                                                                     \
	ENDS(ent)                                                             \
	WRAPPER void set##ent(void)                                           \
	{                                                                     \
		set_walk(&walk_##ent, 0, caller_address());                   \
	}

#define BEGINS_AND_STAYS(ent)                                                 \
	static int begin_##ent(const struct place *place)                     \
	{                                                                     \
		REAL(set##ent)(place->stay);                                  \
		return 1;                                                     \
	}                                                                     \
	ENDS(ent)                                                             \
	WRAPPER void set##ent(int stay)                                       \
	{                                                                     \
		set_walk(&walk_##ent, stay, caller_address());                \
	}

#define GIVES(type, ent)                                                      \
	WRAPPER type *get##ent(void)                                          \
	{                                                                     \
		return next_entry(&walk_##ent, (real_fn *)REAL(get##ent), caller_address()); \
	}                                                                     \
	WRAPPER int get##ent##_r(type *entry, char *buf, size_t n, type **result) \
	{                                                                     \
		int host_err, err = next_into(&walk_##ent, entry, buf, n, &host_err, caller_address()); \
                                                                              \
		*result = err ? NULL : entry;                                 \
		return err;                                                   \
	}

#define NEXT(type, ent)                                                       \
	_Static_assert(sizeof(type) <= ENTRY_SIZE, "room for an answer");     \
	static int next_##ent(void *entry, char *buf, size_t n, int *host_err) \
	{                                                                     \
		type *result;                                                 \
                                                                              \
		(void)host_err;                                               \
		return REAL(get##ent##_r)(entry, buf, n, &result);            \
	}

#define NEXT_HOST(type, ent)                                                  \
	_Static_assert(sizeof(type) <= ENTRY_SIZE, "room for an answer");     \
	static int next_##ent(void *entry, char *buf, size_t n, int *host_err) \
	{                                                                     \
		type *result;                                                 \
                                                                              \
		return REAL(get##ent##_r)(entry, buf, n, &result, host_err);  \
	}

#define GIVES_HOST(type, ent)                                                 \
	WRAPPER type *get##ent(void)                                          \
	{                                                                     \
		return next_entry(&walk_##ent, (real_fn *)REAL(get##ent), caller_address()); \
	}                                                                     \
	WRAPPER int get##ent##_r(type *entry, char *buf, size_t n, type **result, int *host_err) \
	{                                                                     \
		int err = next_into(&walk_##ent, entry, buf, n, host_err, caller_address()); \
                                                                              \
		*result = err ? NULL : entry;                                 \
		return err;                                                   \
	}

NEXT(struct passwd, pwent)
BEGINS(pwent)
GIVES(struct passwd, pwent)

NEXT(struct group, grent)
BEGINS(grent)
GIVES(struct group, grent)

NEXT(struct spwd, spent)
BEGINS(spent)
GIVES(struct spwd, spent)

NEXT(struct sgrp, sgent)
BEGINS(sgent)
GIVES(struct sgrp, sgent)

NEXT(struct aliasent, aliasent)
BEGINS(aliasent)
GIVES(struct aliasent, aliasent)

NEXT_HOST(struct hostent, hostent)
BEGINS_AND_STAYS(hostent)
GIVES_HOST(struct hostent, hostent)

NEXT_HOST(struct netent, netent)
BEGINS_AND_STAYS(netent)
GIVES_HOST(struct netent, netent)

NEXT(struct servent, servent)
BEGINS_AND_STAYS(servent)
GIVES(struct servent, servent)

NEXT(struct protoent, protoent)
BEGINS_AND_STAYS(protoent)
GIVES(struct protoent, protoent)

NEXT(struct rpcent, rpcent)
BEGINS_AND_STAYS(rpcent)
GIVES(struct rpcent, rpcent)

/* --- netgroups: three strings, of one group ---------------------------------------------------- */

struct triple {
	char *host, *user, *domain;
};

/* libc does not say whether it lacked room or entries: this is as much as it has for itself */
#define TRIPLE_SIZE 1024

static int end_netgrent(void)
{
	REAL(endnetgrent)();
	return 1;
}

static int begin_netgrent(const struct place *place)
{
	return place->group ? REAL(setnetgrent)(place->group) : end_netgrent();
}

static int next_netgrent(void *entry, char *buf, size_t n, int *host_err)
{
	struct triple *t = entry;

	(void)host_err;
	return REAL(getnetgrent_r)(&t->host, &t->user, &t->domain, buf, n) == 1 ? 0 : ENOENT;
}

WALK(netgrent)

static bool set_group(struct place *place, const char *group)
{
	size_t n = strlen(group) + 1;
	char *copy = piece_alloc(n);

	if (!copy)
		return false;
	piece_free(place->group);
	place->group = memcpy(copy, group, n);
	return true;
}

static int begin_group(struct walk *w, struct place *place, const char *group)
{
	bool set;

	sys_lock(&w->lock);
	set = set_group(place, group);
	sys_unlock(&w->lock);
	if (!set)
		errno = ENOMEM;
	return set ? begin_anew(w, place) : 0;
}

WRAPPER int setnetgrent(const char *group)
{
	struct stint *s = self();
	struct place *place;
	int r;

	if (s)
		preempt_disable(s);
	place = place_of(s, &walk_netgrent);
	r = place ? begin_group(&walk_netgrent, place, group) : 0;
	if (s)
		preempt_enable(s, caller_address());
	return r;
}

WRAPPER void endnetgrent(void)
{
	leave_walk(&walk_netgrent, caller_address());
}

WRAPPER int getnetgrent_r(char **host, char **user, char **domain, char *buf, size_t n)
{
	struct triple t;
	int host_err;

	if (next_into(&walk_netgrent, &t, buf, n, &host_err, caller_address()))
		return 0;
	*host = t.host;
	*user = t.user;
	*domain = t.domain;
	return 1;
}

WRAPPER int getnetgrent(char **host, char **user, char **domain)
{
	static char outside[TRIPLE_SIZE];
	struct stint *s = self();
	struct triple *t;

	if (!s)
		return getnetgrent_r(host, user, domain, outside, sizeof(outside));
	t = next_own(s, &walk_netgrent, caller_address());
	if (!t)
		return 0;
	*host = t->host;
	*user = t->user;
	*domain = t->domain;
	return 1;
}

/* --- tables without reentrant functions: what libc returned is copied -------------------------- */

/*
 * The strings @from[0..n) to @buf, and where they are there to @to[]. ERANGE if it is too small; then libc is not asked
 * again, but gives what it gave: it has gone past that.
 */
static int copy_strings(char **to, char *const *from, int n, char *buf, size_t size)
{
	for (int i = 0; i < n; i++) {
		size_t len = from[i] ? strlen(from[i]) + 1 : 0;

		if (len > size)
			return ERANGE;
		to[i] = from[i] ? memcpy(buf, from[i], len) : NULL;
		buf += len;
		size -= len;
	}
	return 0;
}

/* what did not fit into the buffer, to be given once more, under the walk's lock */
static void *held_ttyent, *held_fsent, *held_usershell;

static void *held_or_next(void **held, real_fn *real)
{
	void *entry = *held ? *held : real();

	*held = NULL;
	return entry;
}

static int next_ttyent(void *to, char *buf, size_t n, int *host_err)
{
	const struct ttyent *e = held_or_next(&held_ttyent, (real_fn *)REAL(getttyent));
	struct ttyent *copy = to;
	char *texts[5];

	(void)host_err;
	if (!e)
		return ENOENT;
	if (copy_strings(texts, (char *[]){ e->ty_name, e->ty_getty, e->ty_type, e->ty_window, e->ty_comment }, 5, buf, n)) {
		held_ttyent = (void *)e;
		return ERANGE;
	}
	*copy = (struct ttyent){ texts[0], texts[1], texts[2], e->ty_status, texts[3], texts[4] };
	return 0;
}

static int next_fsent(void *to, char *buf, size_t n, int *host_err)
{
	const struct fstab *e = held_or_next(&held_fsent, (real_fn *)REAL(getfsent));
	struct fstab *copy = to;
	char *texts[4];

	(void)host_err;
	if (!e)
		return ENOENT;
	if (copy_strings(texts, (char *[]){ e->fs_spec, e->fs_file, e->fs_vfstype, e->fs_mntops }, 4, buf, n)) {
		held_fsent = (void *)e;
		return ERANGE;
	}
	*copy = *e;             /* fs_type is a constant of libc's */
	copy->fs_spec = texts[0];
	copy->fs_file = texts[1];
	copy->fs_vfstype = texts[2];
	copy->fs_mntops = texts[3];
	return 0;
}

static int next_usershell(void *to, char *buf, size_t n, int *host_err)
{
	char *shell = held_or_next(&held_usershell, (real_fn *)REAL(getusershell));

	(void)host_err;
	if (!shell)
		return ENOENT;
	if (copy_strings(to, &shell, 1, buf, n)) {
		held_usershell = shell;
		return ERANGE;
	}
	return 0;
}

static int begin_ttyent(const struct place *place)
{
	(void)place;
	held_ttyent = NULL;
	return REAL(setttyent)();
}

static int begin_fsent(const struct place *place)
{
	(void)place;
	held_fsent = NULL;
	return REAL(setfsent)();
}

static int begin_usershell(const struct place *place)
{
	(void)place;
	held_usershell = NULL;
	REAL(setusershell)();
	return 1;
}

static int end_ttyent(void)
{
	held_ttyent = NULL;
	return REAL(endttyent)();
}

static int end_fsent(void)
{
	held_fsent = NULL;
	REAL(endfsent)();
	return 1;
}

static int end_usershell(void)
{
	held_usershell = NULL;
	REAL(endusershell)();
	return 1;
}

#define WALK_COPIED(ent)                                                      \
	static struct answer copy_##ent;                                      \
	static struct walk walk_##ent = {                                     \
		{ 0 }, NULL, STATIC_##ent, begin_##ent, end_##ent, next_##ent, { 0, 0, NULL }, &copy_##ent \
	};

WALK_COPIED(ttyent)
WALK_COPIED(fsent)
WALK_COPIED(usershell)

WRAPPER int setttyent(void)
{
	return set_walk(&walk_ttyent, 0, caller_address());
}

WRAPPER int endttyent(void)
{
	return leave_walk(&walk_ttyent, caller_address());
}

WRAPPER struct ttyent *getttyent(void)
{
	return next_entry(&walk_ttyent, NULL, caller_address());
}

static bool is_terminal(const void *entry, const char *name)
{
	return !strcmp(((const struct ttyent *)entry)->ty_name, name);
}

WRAPPER struct ttyent *getttynam(const char *name)
{
	struct ttyent *entry = first_that(is_terminal, name, &walk_ttyent, NULL, caller_address());

	leave_walk(&walk_ttyent, caller_address());
	return entry;
}

WRAPPER int setfsent(void)
{
	return set_walk(&walk_fsent, 0, caller_address());
}

WRAPPER void endfsent(void)
{
	leave_walk(&walk_fsent, caller_address());
}

WRAPPER struct fstab *getfsent(void)
{
	return next_entry(&walk_fsent, NULL, caller_address());
}

static bool is_device(const void *entry, const char *name)
{
	return !strcmp(((const struct fstab *)entry)->fs_spec, name);
}

static bool is_mount_point(const void *entry, const char *name)
{
	return !strcmp(((const struct fstab *)entry)->fs_file, name);
}

WRAPPER struct fstab *getfsspec(const char *name)
{
	return first_that(is_device, name, &walk_fsent, NULL, caller_address());
}

WRAPPER struct fstab *getfsfile(const char *name)
{
	return first_that(is_mount_point, name, &walk_fsent, NULL, caller_address());
}

WRAPPER void setusershell(void)
{
	set_walk(&walk_usershell, 0, caller_address());
}

WRAPPER void endusershell(void)
{
	leave_walk(&walk_usershell, caller_address());
}

WRAPPER char *getusershell(void)
{
	char **shell;

	shell = next_entry(&walk_usershell, NULL, caller_address());
	return shell ? *shell : NULL;
}

/* --- fork -------------------------------------------------------------------------------------- */

static struct walk *const walks[] = {
	&walk_pwent, &walk_grent, &walk_spent, &walk_sgent, &walk_aliasent, &walk_hostent, &walk_netent, &walk_servent,
	&walk_protoent, &walk_rpcent, &walk_netgrent, &walk_ttyent, &walk_fsent, &walk_usershell,
};

void walks_after_fork(void)
{
	for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
		if (walks[i]->lock.state)
			walks[i]->at = NULL;
		walks[i]->lock.state = 0;
	}
}
