/*
 * ledger-fd.c - the descriptors that calls hold
 *
 * One table has a word for each descriptor: the call that opened it, or 0. Each call has a list of the descriptors
 * it opened. The list is only where to look; the word decides. Whoever closes a descriptor clears its word first,
 * so a number that is closed elsewhere and used again never looks like the call's; and releasing is
 * one compare-and-swap from "mine" to "nobody's", which exactly one of two rivals wins.
 *
 * Invariants:
 *  - a word names a call only while the descriptor is on that call's list (more than once at times);
 *  - released and passed calls have no words left that are on their list, so the next call in the same slot is never
 *    taken for them: it acts on listed descriptors only, and a descriptor is listed by opening it, which
 *    sets the word anew;
 *  - fds.held goes up with each word set and down with each word cleared, by whoever does it. It is never
 *    reset: someone else's decrement may come a moment after the call has ended.
 *
 * A word may also say that the descriptor is the runtime's own (OWN): ledger-own.c.
 *
 * In a child of vfork() nothing is struck: its descriptors are not ours (sys.h).
 *
 * Signal context: all of it, and that is why there is no lock. A handler of the program may open and close in the
 * middle of an append on the same call. A slot is claimed by one atomic add, and holds a harmless old number
 * until it is written; lists are rearranged only where no append is in progress, with signals blocked.
 *
 * Rejected: a lock with signals blocked for each open, 0.4 us of system calls; a bit set in each call, 128 KiB
 * to scan. The table is for 2^20 descriptors, the kernel's own default limit (fs.nr_open); larger numbers are
 * not tracked. It is zeroed memory of which only the touched pages exist.
 */
#include "context.h"
#include "ledger-private.h"
#include "ledger.h"

#define TRACKED (1 << 20)
#define MARK 1UL                /* in a word, while its owner counts its list */
#define OWN 2UL                 /* a word in whose place no call has one */
#define BLOCK_FDS ((LEDGER_BLOCK_SIZE - sizeof(void *) - sizeof(unsigned)) / sizeof(int))

struct fd_block {
	struct fd_block *next;
	unsigned n;
	int at[BLOCK_FDS];
};
_Static_assert(sizeof(struct fd_block) <= LEDGER_BLOCK_SIZE, "one page");

static uintptr_t owner[TRACKED];        /* struct stint *, maybe with MARK; atomic */
void (*ledger_fd_was_closed)(int fd);
static int highest = -1;                /* no larger number was ever entered; atomic */
static int own;                         /* words that are OWN; atomic */

static bool tracked(int fd)
{
	return fd >= 0 && fd < TRACKED;
}

static void count(uintptr_t word, long change)
{
	struct stint *s = (struct stint *)(word & ~MARK);

	if (word == OWN)
		__atomic_fetch_add(&own, (int)change, __ATOMIC_RELAXED);
	else if (s)
		__atomic_fetch_add(&s->ledger.fds.held, change, __ATOMIC_RELAXED);
}

static bool swap_word(int fd, uintptr_t from, uintptr_t to)
{
	return __atomic_compare_exchange_n(&owner[fd], &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void set_word(int fd, uintptr_t to)
{
	count(__atomic_exchange_n(&owner[fd], to, __ATOMIC_ACQ_REL), -1);
	count(to, 1);
}

/* The list in two halves: the array in the call, and blocks. @b NULL means the former. */
static int *entries(struct fd_ledger *l, struct fd_block *b)
{
	return b ? b->at : l->at;
}

static unsigned *fill(struct fd_ledger *l, struct fd_block *b)
{
	return b ? &b->n : &l->n;
}

static unsigned room(struct fd_block *b)
{
	return b ? BLOCK_FDS : LEDGER_FDS_INLINE;
}

static unsigned filled(struct fd_ledger *l, struct fd_block *b)
{
	unsigned n = *fill(l, b);

	return n < room(b) ? n : room(b);
}

static struct fd_block *after(struct fd_ledger *l, struct fd_block *b)
{
	return b ? b->next : l->more;
}

/* Claim a slot in one half. A handler may come in between any two steps and claim others. */
static int *claim_in(struct fd_ledger *l, struct fd_block *b)
{
	unsigned i;

	if (*fill(l, b) >= room(b))
		return NULL;
	i = __atomic_fetch_add(fill(l, b), 1, __ATOMIC_RELAXED);
	return i < room(b) ? entries(l, b) + i : NULL;
}

static int *claim(struct fd_ledger *l)
{
	int *slot = claim_in(l, NULL);

	if (!slot && l->more)
		slot = claim_in(l, l->more);
	return slot;
}

/* Take the words off their marks again, on the whole list. */
static void unmark(struct stint *s)
{
	struct fd_ledger *l = &s->ledger.fds;
	struct fd_block *b = NULL;

	do {
		for (unsigned i = 0; i < filled(l, b); i++)
			swap_word(entries(l, b)[i], (uintptr_t)s | MARK, (uintptr_t)s);
		b = after(l, b);
	} while (b);
}

/*
 * Close up the list: keep each descriptor once, and only if it still is the call's. Returns how many are kept.
 * Reads and writes run through the halves in the same order, so writing never overtakes reading.
 */
static size_t close_up(struct stint *s)
{
	struct fd_ledger *l = &s->ledger.fds;
	struct fd_block *from = NULL, *to = NULL;
	unsigned kept = 0;
	size_t total = 0;

	do {
		unsigned n = filled(l, from);

		for (unsigned i = 0; i < n; i++) {
			int fd = entries(l, from)[i];

			if (!swap_word(fd, (uintptr_t)s, (uintptr_t)s | MARK))
				continue;
			if (kept == room(to)) {
				*fill(l, to) = kept;
				to = after(l, to);
				kept = 0;
			}
			entries(l, to)[kept++] = fd;
			total++;
		}
		from = after(l, from);
	} while (from);
	*fill(l, to) = kept;
	while ((to = after(l, to)))
		to->n = 0;
	unmark(s);
	return total;
}

/* Unmap the blocks that are empty, and bring one that has room to the front. */
static size_t tidy_blocks(struct fd_ledger *l)
{
	struct fd_block **p = &l->more, *b, *roomy = NULL;
	size_t capacity = LEDGER_FDS_INLINE;

	while ((b = *p)) {
		if (b->n < BLOCK_FDS) {
			*p = b->next;
			if (b->n == 0) {
				sys_munmap(b, LEDGER_BLOCK_SIZE);
				continue;
			}
			roomy = b;      /* at most one: close_up() fills the others */
		} else {
			p = &b->next;
		}
		capacity += BLOCK_FDS;
	}
	if (roomy) {
		roomy->next = l->more;
		l->more = roomy;
	}
	return capacity;
}

static void add_block(struct fd_ledger *l)
{
	struct fd_block *b = sys_mmap(LEDGER_BLOCK_SIZE, 0);

	if (b) {
		b->next = l->more;
		l->more = b;
	}
}

/*
 * The list is full. Only the outermost of nested appends may rearrange it: the others have claimed slots that they
 * have not written yet. It makes room for a quarter more, so that the work is spread over many opens.
 */
static int *claim_slow(struct stint *s)
{
	struct fd_ledger *l = &s->ledger.fds;
	uint64_t mask = signals_block();
	int *slot;

	if (l->busy > 1) {
		add_block(l);
	} else {
		size_t kept = close_up(s), capacity = tidy_blocks(l);

		if (kept * 4 > capacity * 3)
			add_block(l);
	}
	slot = claim(l);
	signals_restore(mask);
	return slot;
}

static void raise_highest(int fd)
{
	int now = __atomic_load_n(&highest, __ATOMIC_RELAXED);

	while (now < fd && !__atomic_compare_exchange_n(&highest, &now, fd, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Put @fd on the list of @s. False: no memory; then it stays unentered, and a cancel leaves it open. */
static bool append(struct stint *s, int fd)
{
	struct fd_ledger *l = &s->ledger.fds;
	int *slot;

	l->busy++;
	barrier();
	slot = claim(l);
	if (unlikely(!slot))
		slot = claim_slow(s);
	if (slot)
		*slot = fd;
	barrier();
	l->busy--;
	return slot;
}

void ledger_fd_opened(struct stint *s, int fd)
{
	if (!tracked(fd))
		return;
	if (!s) {
		ledger_fd_closed(fd);
		return;
	}
	if (!append(s, fd)) {
		set_word(fd, 0);
		return;
	}
	raise_highest(fd);
	set_word(fd, (uintptr_t)s);
}

void ledger_fd_closed(int fd)
{
	ledger_fd_take(fd);
}

void ledger_fd_closed_range(unsigned lo, unsigned hi)
{
	int last = __atomic_load_n(&highest, __ATOMIC_RELAXED);

	for (unsigned fd = lo; last >= 0 && fd <= hi && fd <= (unsigned)last; fd++)
		ledger_fd_closed((int)fd);
}

bool ledger_fd_owned(const struct stint *s, int fd)
{
	return tracked(fd) && (__atomic_load_n(&owner[fd], __ATOMIC_RELAXED) & ~MARK) == (uintptr_t)s;
}

uintptr_t ledger_fd_take(int fd)
{
	uintptr_t word;

	/* most are nobody's: a load does */
	if (!tracked(fd) || !(word = __atomic_load_n(&owner[fd], __ATOMIC_RELAXED)))
		return 0;
	if (sys_in_vforked() || (word == OWN && !sys_in_process()))
		return 0;
	word = __atomic_exchange_n(&owner[fd], 0, __ATOMIC_ACQ_REL) & ~MARK;
	count(word, -1);
	return word == OWN ? 0 : word;
}

/* --- the runtime's own --- */

bool ledger_fd_is_own(int fd)
{
	return tracked(fd) && unlikely(__atomic_load_n(&owner[fd], __ATOMIC_RELAXED) == OWN) && sys_in_process();
}

void ledger_fd_set_own(int fd, bool is)
{
	if (!tracked(fd))
		return;
	if (is) {
		raise_highest(fd);
		set_word(fd, OWN);
	} else if (swap_word(fd, OWN, 0)) {
		count(OWN, -1);
	}
}

bool ledger_fd_next_own(unsigned *fd, unsigned hi)
{
	int last = __atomic_load_n(&own, __ATOMIC_RELAXED) > 0 ? __atomic_load_n(&highest, __ATOMIC_RELAXED) : -1;

	for (unsigned i = *fd; last >= 0 && i <= hi && i <= (unsigned)last; i++)
		if (__atomic_load_n(&owner[i], __ATOMIC_RELAXED) == OWN) {
			*fd = i;
			return true;
		}
	return false;
}

void ledger_fd_restore(int fd, uintptr_t word)
{
	if (word && swap_word(fd, 0, word))
		count(word, 1);
}

static void drop_blocks(struct fd_ledger *l)
{
	struct fd_block *b;

	while ((b = l->more)) {
		l->more = b->next;
		sys_munmap(b, LEDGER_BLOCK_SIZE);
	}
}

static void close_it(int fd)
{
	sys.close(fd);
	if (ledger_fd_was_closed)
		ledger_fd_was_closed(fd);
}

/* For each descriptor that still is @s's: hand it to @to, or with @to NULL take its word away and maybe close it. */
static void settle(struct stint *s, struct stint *to, bool close)
{
	struct fd_ledger *l = &s->ledger.fds;
	struct fd_block *b = NULL;

	do {
		/* newest first */
		for (unsigned i = filled(l, b); i-- > 0;) {
			int fd = entries(l, b)[i];
			bool entered = to && ledger_fd_owned(s, fd) && append(to, fd);

			if (!swap_word(fd, (uintptr_t)s, entered ? (uintptr_t)to : 0))
				continue;
			count((uintptr_t)s, -1);
			if (entered)
				count((uintptr_t)to, 1);
			if (close)
				close_it(fd);
		}
		b = after(l, b);
	} while (b);
	l->n = 0;
	drop_blocks(l);
}

void ledger_fd_release(struct stint *s)
{
	if (s->ledger.fds.n)
		settle(s, NULL, true);
	s->ledger.fds.busy = 0;
}

void ledger_fd_pass(struct stint *s, struct stint *to)
{
	if (s->ledger.fds.n)
		settle(s, to, false);
	s->ledger.fds.busy = 0;
}
