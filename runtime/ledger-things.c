/*
 * ledger-things.c - the streams, directories, libraries, mappings and handles that calls hold
 *
 * Entries are nodes of two treaps: mappings by address, which never overlap, and all the rest by address, kind and
 * node, so that equal ones can stand side by side (a library opened twice has one handle). Each entry is also
 * on one of its owner's lists. Striking and releasing both begin by taking the entry out under the lock; so it
 * is given back once.
 *
 * things_lock protects both treaps, the owners' lists, `mapped` and `thing_fds` of all ledgers, and the pool
 * of nodes. It nests in nothing, and nothing is called under it but the move of ledger_map_move(), one system
 * call. Its holder has all signals blocked: a handler of the program may well call munmap(), and the tick
 * would stop a call with the lock held. So it is a plain futex word, without an owner, usable on whatever
 * thread identity.
 *
 * Nodes come from mapped chunks of their own and stay for later use: mmap() in a signal handler must not enter
 * the heap that it may have interrupted.
 *
 * Rejected: tsearch(), which calls malloc and cannot find overlaps.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio_ext.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "context.h"
#include "ledger-private.h"
#include "ledger.h"

#define CHUNK_SIZE 16384

struct thing {
	struct thing *left, *right;     /* in its treap; left: next in the pool */
	struct thing *next, **pprev;    /* in its owner's list */
	struct stint *owner;
	uintptr_t at;                   /* the key */
	size_t len;                     /* of a mapping, else 1 */
	char **buffer;                  /* of a stream into memory */
	uint32_t priority;
	short fds;                      /* descriptors it holds; -1: has one that is not the call's */
	unsigned char kind;
};

unsigned long ledger_things_live;

static struct thing *maps, *others, *pool;
static uint32_t random_state = 0x9e3779b9;

static int lock_word;           /* 0 free, 1 taken, 2 taken and somebody may wait */
static uint64_t fork_mask;

/* returns the signal mask to give back in unlock() */
static uint64_t lock(void)
{
	uint64_t mask = signals_block();
	int seen = 0;

	if (!__atomic_compare_exchange_n(&lock_word, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_ACQUIRE))
			sys_raw(SYS_futex, &lock_word, FUTEX_WAIT_PRIVATE, 2, NULL);
	return mask;
}

static void unlock(uint64_t mask)
{
	if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_RELEASE) == 2)
		sys_raw(SYS_futex, &lock_word, FUTEX_WAKE_PRIVATE, 1, NULL);
	signals_restore(mask);
}

void ledger_fork_prepare(void)
{
	fork_mask = lock();
}

void ledger_fork_done(void)
{
	unlock(fork_mask);
}

/* The pool of nodes. */

static bool refill_locked(void)
{
	struct thing *chunk = sys_mmap(CHUNK_SIZE, 0);

	if (!chunk)
		return false;
	for (size_t i = 0; i < CHUNK_SIZE / sizeof(*chunk); i++) {
		chunk[i].left = pool;
		pool = &chunk[i];
	}
	return true;
}

static struct thing *node_locked(struct stint *owner, int kind, uintptr_t at, size_t len)
{
	struct thing *t = pool;

	if (!t && (!refill_locked() || !(t = pool)))
		return NULL;
	pool = t->left;
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	*t = (struct thing){ .owner = owner, .kind = (unsigned char)kind, .at = at, .len = len,
	                     .priority = random_state };
	return t;
}

/* The treaps. The depth is logarithmic, so recursion fits a small stack. */

static bool before(const struct thing *a, const struct thing *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	if (a->kind != b->kind)
		return a->kind < b->kind;
	return (uintptr_t)a < (uintptr_t)b;
}

/* all before @key to @low, the rest to @high */
static void split(struct thing *t, const struct thing *key, struct thing **low, struct thing **high)
{
	if (!t) {
		*low = *high = NULL;
	} else if (before(t, key)) {
		*low = t;
		split(t->right, key, &t->right, high);
	} else {
		*high = t;
		split(t->left, key, low, &t->left);
	}
}

static struct thing *merge(struct thing *low, struct thing *high)
{
	if (!low || !high)
		return low ? low : high;
	if (low->priority > high->priority) {
		low->right = merge(low->right, high);
		return low;
	}
	high->left = merge(low, high->left);
	return high;
}

static struct thing **root(const struct thing *t)
{
	return t->kind == THING_MAPPING ? &maps : &others;
}

static void tree_insert(struct thing *t)
{
	struct thing **p = root(t);

	while (*p && (*p)->priority > t->priority)
		p = before(t, *p) ? &(*p)->left : &(*p)->right;
	split(*p, t, &t->left, &t->right);
	*p = t;
}

static void tree_remove(struct thing *t)
{
	struct thing **p = root(t);

	while (*p != t)
		p = before(t, *p) ? &(*p)->left : &(*p)->right;
	*p = merge(t->left, t->right);
}

/* the first entry at @at, and the one after @t if it has the same address */
static struct thing *first_at(struct thing *t, uintptr_t at)
{
	struct thing *best = NULL;

	while (t) {
		if (t->at >= at) {
			best = t;
			t = t->left;
		} else {
			t = t->right;
		}
	}
	return best && best->at == at ? best : NULL;
}

static struct thing *next_at(const struct thing *after)
{
	struct thing *t = *root(after), *best = NULL;

	while (t) {
		if (before(after, t)) {
			best = t;
			t = t->left;
		} else {
			t = t->right;
		}
	}
	return best && best->at == after->at ? best : NULL;
}

/* the lowest mapping that has a byte in [@at, @end) */
static struct thing *overlapping(uintptr_t at, uintptr_t end)
{
	struct thing *t = maps, *best = NULL;

	while (t) {
		if (t->at + t->len > at) {
			best = t;
			t = t->left;
		} else {
			t = t->right;
		}
	}
	return best && best->at < end ? best : NULL;
}

/* Owners' lists and accounts. */

static unsigned list_of(int kind)
{
	if (kind > THING_MAPPING)
		return 4;
	return kind == THING_MAPPING ? 3 : kind == THING_LIBRARY ? 2 : kind == THING_DIR ? 1 : 0;
}

static void account(struct thing *t, bool held)
{
	struct ledger *l = &t->owner->ledger;
	size_t bytes = t->kind == THING_MAPPING ? t->len : 0, fds = t->fds > 0 ? (size_t)t->fds : 0;

	/* read by stint_usage() without the lock */
	__atomic_store_n(&l->mapped, held ? l->mapped + bytes : l->mapped - bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&l->thing_fds, held ? l->thing_fds + fds : l->thing_fds - fds, __ATOMIC_RELAXED);
}

static void link_to(struct thing *t, struct stint *owner)
{
	struct thing **head = &owner->ledger.things[list_of(t->kind)];

	t->owner = owner;
	t->next = *head;
	t->pprev = head;
	if (t->next)
		t->next->pprev = &t->next;
	__atomic_store_n(head, t, __ATOMIC_RELAXED);
	account(t, true);
}

static void unlink_thing(struct thing *t)
{
	account(t, false);
	if (t->next)
		t->next->pprev = t->pprev;
	__atomic_store_n(t->pprev, t->next, __ATOMIC_RELAXED);
}

static void enter_locked(struct thing *t)
{
	tree_insert(t);
	link_to(t, t->owner);
	__atomic_store_n(&ledger_things_live, ledger_things_live + 1, __ATOMIC_RELAXED);
}

static void strike_locked(struct thing *t)
{
	tree_remove(t);
	unlink_thing(t);
	__atomic_store_n(&ledger_things_live, ledger_things_live - 1, __ATOMIC_RELAXED);
	t->left = pool;
	pool = t;
}

static bool nothing_live(void)
{
	return !__atomic_load_n(&ledger_things_live, __ATOMIC_RELAXED);
}

/* Streams, directories, libraries, handles. */

static bool same_class(int a, int b)
{
	return a == b || (list_of(a) == list_of(b) && list_of(a) == list_of(THING_STREAM));
}

/* of equal ones prefer what the caller itself entered */
static struct thing *find_locked(enum thing_kind kind, void *p)
{
	struct thing *found = NULL;

	for (struct thing *t = first_at(others, (uintptr_t)p); t; t = next_at(t)) {
		if (!same_class(t->kind, kind))
			continue;
		if (t->owner == self())
			return t;
		if (!found)
			found = t;
	}
	return found;
}

static int add(struct stint *s, enum thing_kind kind, void *p, int fds, char **buffer)
{
	uint64_t mask = lock();
	struct thing *t = node_locked(s, kind, (uintptr_t)p, 1);

	if (t) {
		t->fds = (short)fds;
		t->buffer = buffer;
		enter_locked(t);
	}
	unlock(mask);
	return t ? 0 : ENOMEM;
}

int ledger_thing_add(struct stint *s, enum thing_kind kind, void *p)
{
	return add(s, kind, p, kind == THING_DIR, NULL);
}

int ledger_stream_add(struct stint *s, enum thing_kind kind, FILE *f, int fds, char **buffer)
{
	return add(s, kind, f, fds, buffer);
}

static bool drop(enum thing_kind kind, void *p, struct thing *copy)
{
	struct thing *t;
	uint64_t mask;

	if (nothing_live())
		return false;
	mask = lock();
	t = find_locked(kind, p);
	if (t) {
		*copy = *t;
		strike_locked(t);
	}
	unlock(mask);
	return t;
}

bool ledger_thing_drop(enum thing_kind kind, void *p)
{
	struct thing t;

	return drop(kind, p, &t);
}

struct stint *ledger_thing_take(enum thing_kind kind, void *p)
{
	struct thing t;

	return drop(kind, p, &t) ? t.owner : NULL;
}

bool ledger_stream_drop(FILE *f, char ***buffer)
{
	struct thing t = { .buffer = NULL };
	bool known = drop(THING_STREAM, f, &t);

	*buffer = t.buffer;
	return known;
}

/* Mappings. */

static uintptr_t page_up(uintptr_t n)
{
	return (n + ARCH_PAGE_SIZE - 1) & ~(uintptr_t)(ARCH_PAGE_SIZE - 1);
}

/* Cut [@at, @end) out of what is entered. Where there is no node for the upper part of an entry cut in two,
 * that part is forgotten: it stays mapped. */
static void carve_locked(uintptr_t at, uintptr_t end)
{
	struct thing *t;

	while ((t = overlapping(at, end))) {
		struct stint *owner = t->owner;
		uintptr_t lo = t->at, hi = t->at + t->len;

		strike_locked(t);
		if (hi > end && (t = node_locked(owner, THING_MAPPING, end, hi - end)))
			enter_locked(t);
		if (lo < at && (t = node_locked(owner, THING_MAPPING, lo, at - lo)))
			enter_locked(t);
	}
}

static int map_locked(struct stint *s, uintptr_t at, size_t len)
{
	struct thing *t;

	carve_locked(at, at + len);
	t = node_locked(s, THING_MAPPING, at, len);
	if (!t)
		return ENOMEM;
	enter_locked(t);
	return 0;
}

int ledger_map_add(struct stint *s, void *p, size_t len)
{
	uint64_t mask = lock();
	int err = map_locked(s, (uintptr_t)p, page_up(len));

	unlock(mask);
	return err;
}

void ledger_map_drop(void *p, size_t len)
{
	uint64_t mask;

	if (nothing_live() || !len)
		return;
	mask = lock();
	carve_locked((uintptr_t)p, page_up((uintptr_t)p + len));
	unlock(mask);
}

void ledger_map_drop_at(void *p)
{
	struct thing *t;
	uint64_t mask;

	if (nothing_live())
		return;
	mask = lock();
	t = first_at(maps, (uintptr_t)p);
	if (t)
		strike_locked(t);
	unlock(mask);
}

void *ledger_map_move(void *p, size_t len, size_t new_len, bool keep, void *(*move)(void *), void *arg)
{
	uintptr_t at = (uintptr_t)p, to;
	uint64_t mask = lock();
	struct thing *t = overlapping(at, at + 1);
	struct stint *owner = t ? t->owner : NULL;
	void *moved = move(arg);

	if (moved != MAP_FAILED) {
		to = (uintptr_t)moved;
		if (!keep)
			carve_locked(at, at + page_up(len));
		carve_locked(to, to + page_up(new_len));
		if (owner)
			map_locked(owner, to, page_up(new_len));
	}
	unlock(mask);
	return moved;
}

/* Giving back. */

/* Whether closing would write, and that could wait for somebody. */
static bool flush_may_block(FILE *f, int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	struct stat st;

	if (fd < 0 || !__fpending(f) || (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))))
		return false;
	return sys_raw(SYS_poll, &p, 1, 0, 0) != 1 || !(p.revents & POLLOUT);
}

static void told_closed(int fd)
{
	if (fd >= 0 && ledger_fd_was_closed)
		ledger_fd_was_closed(fd);
}

/*
 * What the call had written goes out, as at exit(); but what would have to wait for a reader is thrown away: a
 * cancel must end. A stream made by popen() is closed the same way, and its command awaited, as by
 * hand; it finds its pipe closed. A stream over somebody else's descriptor leaves that open.
 */
static void close_stream(struct thing *t)
{
	FILE *f = (FILE *)t->at;
	int fd = fileno_unlocked(f);

	if (flush_may_block(f, fd))
		sys.__fpurge(f);
	if (t->kind == THING_PIPE_STREAM) {
		sys.pclose(f);
		told_closed(fd);
		return;
	}
	if (t->fds < 0) {
		sys.fflush_unlocked(f);
		f->_fileno = -1;
		fd = -1;
	}
	sys.fclose(f);
	told_closed(fd);
	if (t->buffer)
		sys_free(*t->buffer);
}

static void give_back_handle(int kind, void *p)
{
	switch (kind) {
	case THING_LOCALE:
		sys.freelocale(p);
		break;
	case THING_CONVERSION:
		sys.iconv_close(p);
		break;
	case THING_CATALOGUE:
		sys.catclose(p);
		break;
	case THING_ADDRESSES:
		sys.freeaddrinfo(p);
		break;
	case THING_INTERFACES:
		sys.freeifaddrs(p);
		break;
	case THING_INTERFACE_NAMES:
		sys.if_freenameindex(p);
		break;
	case THING_WALK:
		sys.fts_close(p);
		break;
	case THING_SEMAPHORE:
		sys.sem_close(p);
		break;
	case THING_TIMER:
		sys.timer_delete(p);
	}
}

static void give_back(struct thing *t)
{
	void *p = (void *)t->at;

	switch (t->kind) {
	case THING_STREAM:
	case THING_PIPE_STREAM:
		close_stream(t);
		break;
	case THING_DIR:
		sys.closedir(p);
		break;
	case THING_LIBRARY:
		sys.dlclose(p);
		break;
	case THING_MAPPING:
		sys_munmap(p, t->len);
		break;
	default:
		give_back_handle(t->kind, p);
	}
}

static bool take_first(struct stint *s, enum thing_kind kind, struct thing *copy)
{
	struct thing **head = &s->ledger.things[list_of(kind)], *t;
	uint64_t mask;

	if (!__atomic_load_n(head, __ATOMIC_RELAXED))
		return false;
	mask = lock();
	t = *head;
	if (t) {
		*copy = *t;
		strike_locked(t);
	}
	unlock(mask);
	return t;
}

void ledger_things_release(struct stint *s, enum thing_kind kind)
{
	struct thing t = { .buffer = NULL };

	while (take_first(s, kind, &t))
		give_back(&t);
}

static void pass_list(struct stint *to, struct thing **head)
{
	uint64_t mask;
	struct thing *t;

	if (!__atomic_load_n(head, __ATOMIC_RELAXED))
		return;
	mask = lock();
	while ((t = *head)) {
		if (to) {
			unlink_thing(t);
			link_to(t, to);
		} else {
			strike_locked(t);
		}
	}
	unlock(mask);
}

void ledger_things_pass(struct stint *s, struct stint *to)
{
	for (unsigned i = 0; i < LEDGER_THING_LISTS; i++)
		pass_list(to, &s->ledger.things[i]);
}
