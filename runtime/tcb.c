/*
 * tcb.c - a glibc thread control block for each stint
 *
 * To glibc each stint simply is a thread: it has its own errno, __thread variables, locale, malloc cache and
 * key values, so nothing thread-safe in glibc can tell where it was stopped and where it goes on. glibc has no
 * public way to make such a block, so we use what it has for its own threads and for debuggers:
 *
 *   _dl_allocate_tls       makes the vector of TLS blocks and copies the initial images (ld.so)
 *   __ctype_init           gives it the tables of isalpha() and the like (libc)
 *   __call_tls_dtors       runs thread_local destructors (libc)
 *   __pthread_keys         the destructors of pthread keys (libc, for debuggers)
 *   __libc_dlerror_result  what dlerror() will say (libc)
 *   __resp                 points to the thread's state of the resolver, which pthread_create() sets (libc)
 *   _thread_db_...         offsets of fields (libc, for debuggers)
 *
 * Nothing is believed that a real thread does not confirm: the anchor. It is a kernel thread made by
 * pthread_create() on a stack of ours, that checks every offset on itself, measures what cannot be looked up,
 * and then sleeps for as long as the process lives. It must stay: glibc elides locks while it thinks that it has
 * one thread, and a call stopped inside an elided lock leaves a heap that its caller would corrupt.
 *
 * A block is kept with its slot. Between two uses it is made to look fresh: images of all modules are copied
 * again, except libc's own, whose malloc cache and ctype pointers are worth keeping and whose visible state
 * (errno, h_errno, locale, dlerror(), the resolver's) is reset by name. A block given up leaves its malloc cache to the next one made,
 * since there is no call to flush another thread's cache.
 *
 * Locks: template_lock protects the list of modules; stack.c's lock nests in it (all blocks are visited). cache_lock protects the
 * left caches; nests in nothing, and nothing in it. None is held around calls that take the loader's big lock, because a
 * constructor that runs under that may launch calls. Nothing here runs in signal context.
 * Tried and rejected: putting our blocks on glibc's own list of threads (dlopen would initialise them for us, but
 * fork and setxid would then signal and recycle threads that do not exist).
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <locale.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>

#include "stack.h"
#include "sys.h"
#include "fiber.h"
#include "tcb.h"

#undef p_type                   /* <resolv.h> brings names from before C had namespaces for members */

/* glibc's fixed part of the block (tcbhead_t); the anchor confirms those it can */
#define TCB_SELF 0
#define TCB_DTV 8
#define TCB_SELF2 16
#define TCB_MULTIPLE_THREADS 24
#define TCB_STACK_GUARD 0x28
#define TCB_POINTER_GUARD 0x30

#define KEYS_INLINE 32
#define KEY_DATA_SIZE 16
#define RSEQ_UNINITIALISED ((uint32_t)-1)
#define FIRST_FAKE_TID 0x20000000       /* above any real one, below the flag bits of a futex word */
#define LAST_FAKE_TID 0x3fffffff
#define CACHE_WORDS 8
#ifdef STINT_TSAN
#define ANCHOR_STACK (4 << 20)         /* it lays its thread variables, a megabyte of them, at its end */
#else
#define ANCHOR_STACK (64 * 1024)        /* beside the thread variables of the program and its libraries, which libc lays at its end */
#endif
#define MAIN_STACK_GAP ((uintptr_t)128 << 20)

struct key {
	uintptr_t seq;                  /* odd while the key is in use */
	void (*destroy)(void *);
};

/* what the loader and libc give us */
static void *(*dl_allocate_tls)(void *);
static void (*dl_deallocate_tls)(void *, bool);
static void (*libc_ctype_init)(void);
static void (*libc_call_tls_dtors)(void);
static struct key *libc_keys;

#define CTYPE_TABLES 3

/* offsets from the thread pointer */
static struct {
	size_t size;                    /* of struct pthread */
	size_t below;                   /* static TLS */
	size_t align;
	ptrdiff_t tid, specific, robust_head, stack_block;
	ptrdiff_t errno_at, h_errno_at, current;
	ptrdiff_t ctype[CTYPE_TABLES];
	ptrdiff_t dl_error, resolver_at, resolver;      /* variables of libc's, and what the second points to */
	size_t map_tls_offset;          /* in struct link_map */
	ptrdiff_t libc_tls;
	size_t libc_tls_size;
	ptrdiff_t cache[CACHE_WORDS];   /* words of libc's block that hold the malloc cache */
	unsigned ncache;
} layout;

/* a module's static TLS block */
struct module {
	ptrdiff_t at;                   /* of the block, from the thread pointer */
	const void *image;
	size_t image_size, size;
	size_t id;
};

/* Modules whose blocks are made on first use are not listed, so a template is good for long. */
struct template {
	unsigned n;
	unsigned long long changes;     /* loads and unloads of the process that it knows of */
	struct template *older;         /* readers take no lock, so old ones stay, and are used again if they fit */
	struct module module[];
};

struct left_cache {
	struct left_cache *next;
	uint64_t word[CACHE_WORDS];
};

static struct sys_lock template_lock, cache_lock;
static struct template *template;       /* published with release, read with acquire */
static bool any_dynamic;                /* a module was seen whose blocks are made on first use */
static struct left_cache *left_caches;
static int next_tid = FIRST_FAKE_TID;

__thread struct stint *stint_current;

#define AT(tp, offset, type) (*(type *)((char *)(tp) + (offset)))

size_t tcb_below(void)
{
	return layout.below;
}

size_t tcb_above(void)
{
	return layout.size;
}

size_t tcb_align(void)
{
	return layout.align;
}

void *tcb_robust_head(void *tp)
{
	return (char *)tp + layout.robust_head;
}

int *tcb_errno(const struct stint *s)
{
	return &AT(s->tp, layout.errno_at, int);
}

/* --- modules and their TLS --------------------------------------------------------------------- */

struct walk {
	struct template *t;
	unsigned room;
	struct link_map *maps;          /* those not told of yet */
};

static struct link_map *find_map(struct link_map *m, const struct dl_phdr_info *info)
{
	while (m && (m->l_addr != info->dlpi_addr || (m->l_name != info->dlpi_name && *info->dlpi_name)))
		m = m->l_next;
	return m;
}

/* objects are told of in the order of the list, as a rule */
static size_t map_tls_offset(struct walk *w, const struct dl_phdr_info *info)
{
	struct link_map *m = find_map(w->maps, info);

	if (!m)
		m = find_map(_r_debug.r_map, info);
	if (!m)
		return 0;
	w->maps = m->l_next;
	return AT(m, layout.map_tls_offset, size_t);
}

static const ElfW(Phdr) *tls_header(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS)
			return &info->dlpi_phdr[i];
	return NULL;
}

static int add_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	const ElfW(Phdr) *ph = tls_header(info);
	struct walk *w = arg;
	struct module m;
	size_t offset;

	(void)size;
	w->t->changes = info->dlpi_adds + info->dlpi_subs;
	if (!ph || !ph->p_memsz)
		return 0;
	offset = map_tls_offset(w, info);
	m = (struct module){
		.at = -(ptrdiff_t)offset,
		.image = (const void *)(info->dlpi_addr + ph->p_vaddr),
		.image_size = ph->p_filesz,
		.size = ph->p_memsz,
		.id = info->dlpi_tls_modid,
	};
	if (offset == 0 || offset == SIZE_MAX) {
		__atomic_store_n(&any_dynamic, true, __ATOMIC_RELAXED);
		return 0;
	}
	if (m.at == layout.libc_tls)
		return 0;               /* kept, see the head of this file */
	if (w->t->n < w->room)
		w->t->module[w->t->n] = m;
	w->t->n++;
	return 0;
}

/* the modules as they are now; NULL when there is no memory */
static struct template *read_modules(void)
{
	unsigned room = 16;
	struct walk w = { .t = NULL };

	for (;;) {
		w.t = sys_alloc(sizeof(*w.t) + room * sizeof(struct module));
		if (!w.t)
			return NULL;
		w.room = room;
		w.maps = _r_debug.r_map;
		sys.dl_iterate_phdr(add_module, &w);
		if (w.t->n <= room)
			return w.t;
		room = w.t->n + 8;
		sys_free(w.t);
	}
}

static void init_block(void *tp, const struct module *m)
{
	char *block = (char *)tp + m->at;

	memcpy(block, m->image, m->image_size);
	memset(block + m->image_size, 0, m->size - m->image_size);
}

static bool has_module(const struct template *t, const struct module *m)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->module[i].id == m->id && t->module[i].image == m->image && t->module[i].at == m->at)
			return true;
	return false;
}

static bool is_equal(const struct template *a, const struct template *b)
{
	return a->n == b->n && !memcmp(a->module, b->module, a->n * sizeof(a->module[0]));
}

/* the one in use, or an older one that is not linked any more, with the modules of @new; NULL if there is none */
static struct template *take_equal(const struct template *new)
{
	if (is_equal(template, new))
		return template;
	for (struct template **p = &template->older, *t; (t = *p); p = &t->older) {
		if (!is_equal(t, new))
			continue;
		*p = t->older;
		return t;
	}
	return NULL;
}

static void init_in(struct stint *s, void *arg)
{
	init_block(s->tp, arg);
}

/*
 * glibc initialises the static TLS of a library loaded later in the threads that it knows. Do the same
 * in ours, stopped ones included: none of them can have used it, since dlopen has not returned yet.
 */
void tcb_modules_changed(void)
{
	struct template *new, *equal, *old = __atomic_load_n(&template, __ATOMIC_ACQUIRE);

	if (!old)
		return;
	new = read_modules();
	if (!new)
		return;         /* the next dlopen or dlclose tries again */
	sys_lock(&template_lock);
	old = template;
	if (new->changes <= old->changes) {     /* another thread has seen as much or more */
		sys_unlock(&template_lock);
		sys_free(new);
		return;
	}
	equal = take_equal(new);
	if (equal) {
		equal->changes = new->changes;
		sys_free(new);
		new = equal;
	}
	if (new != old) {
		new->older = old;
		__atomic_store_n(&template, new, __ATOMIC_RELEASE);
	}
	/* published before: one that is being made is found here, or finds them in tcb_fresh() */
	for (unsigned i = 0; i < new->n; i++)
		if (!has_module(old, &new->module[i]))
			stack_each(init_in, &new->module[i]);
	sys_unlock(&template_lock);
}

/* --- the anchor -------------------------------------------------------------------------------- */

static struct {
	int measured;                   /* 0 until it is; release/acquire */
	char *stack;
	size_t size;                    /* of that */
	void *tp;
	uintptr_t frame;
	const char *wrong;              /* what does not fit; NULL: all does */
	bool unknown;                   /* to the sanitizer */
} anchor;

static int find_libc_tls(struct dl_phdr_info *info, size_t size, void *arg)
{
	const ElfW(Phdr) *ph = tls_header(info);
	char *block = info->dlpi_tls_data, *err = (char *)&errno;

	(void)size;
	(void)arg;
	if (!ph || !block || err < block || err >= block + ph->p_memsz)
		return 0;
	layout.libc_tls = block - (char *)arch_tp();
	layout.libc_tls_size = ph->p_memsz;
	return 1;
}

/* the words of libc's block that the thread's first malloc fills */
static void find_malloc_cache(void)
{
	uint64_t before[64];
	char *block = (char *)arch_tp() + layout.libc_tls;
	size_t n = layout.libc_tls_size / 8;

	if (n > 64)
		return;
	memcpy(before, block, n * 8);
	sys.free(sys.malloc(24));
	for (size_t i = 0; i < n && layout.ncache < CACHE_WORDS; i++)
		if (AT(block, i * 8, uint64_t) != before[i])
			layout.cache[layout.ncache++] = layout.libc_tls + (ptrdiff_t)(i * 8);
}

/* pthread_setspecific() must show where the descriptors say, and set the flag behind the table */
static const char *check_keys(char *tp)
{
	char *first = tp + layout.specific - KEYS_INLINE * KEY_DATA_SIZE;
	char *used = tp + layout.specific + KEYS_INLINE * sizeof(void *);
	pthread_key_t key;
	const char *wrong = NULL;

	if (AT(tp, layout.specific, char *) != first)
		return "where thread-specific data lies";
	if (sys.pthread_key_create(&key, NULL))
		return NULL;            /* none left: nothing to compare */
	/* a sanitizer may have set a key of its own already */
	if (key < KEYS_INLINE && ((unsigned char)*used > 1 || sys.pthread_setspecific(key, tp) || *used != 1 ||
	                          AT(first, key * KEY_DATA_SIZE + 8, char *) != tp ||
	                          AT(first, key * KEY_DATA_SIZE, uintptr_t) != libc_keys[key].seq))
		wrong = "how thread-specific data is kept";
	sys.pthread_key_delete(key);
	return wrong;
}

/* libc points each thread that it starts to a state in its block */
static bool find_resolver(char *tp)
{
	char *state = AT(tp, layout.resolver_at, char *);

	layout.resolver = state - tp;
	return state >= tp && state + sizeof(struct __res_state) <= tp + layout.size;
}

static const char *check_layout(void)
{
	char *tp = arch_tp();
	void *head;
	size_t len;

	if (AT(tp, TCB_SELF, char *) != tp || AT(tp, TCB_SELF2, char *) != tp || (char *)pthread_self() != tp)
		return "what the thread pointer points to";
	if (AT(tp, TCB_MULTIPLE_THREADS, int) != 1)
		return "the flag that tells that there are several threads";
	if (AT(tp, layout.tid, int) != sys_gettid())
		return "where a thread keeps its id";
	if (sys_raw(SYS_get_robust_list, 0, &head, &len, 0) || (char *)head < tp ||
	    (char *)head >= tp + layout.size || AT(head, 0, void *) != head || AT(head, -8, void *) != head)
		return "where the list of robust mutexes lies";
	layout.robust_head = (char *)head - tp;
	if (!sys.dl_iterate_phdr(find_libc_tls, NULL))
		return "where libc keeps its thread variables";
	layout.errno_at = (char *)&errno - tp;
	layout.h_errno_at = (char *)&h_errno - tp;
	layout.ctype[0] = (char *)__ctype_b_loc() - tp;
	layout.ctype[1] = (char *)__ctype_tolower_loc() - tp;
	layout.ctype[2] = (char *)__ctype_toupper_loc() - tp;
	layout.current = (char *)&stint_current - tp;
	for (size_t at = 0; at + 16 <= layout.size; at += 8)
		if (AT(tp, at, char *) == anchor.stack && AT(tp, at + 8, size_t) == anchor.size)
			layout.stack_block = (ptrdiff_t)at;
	find_malloc_cache();
	if (!find_resolver(tp))
		return "where a thread keeps the state of its resolver";
	return check_keys(tp);
}

/*
 * ThreadSanitizer crashes in threads that it does not know. One that comes before us, as in programs that do not have us preloaded, or
 * into which clang has put it, does not see those that we start.
 */
#ifdef STINT_TSAN
#define SANITIZER_HOW "it has to come after libstint.so: compile the program with gcc, and put libstint.so into LD_PRELOAD"

static bool sanitizer_misses_it(void)
{
	return __tsan_get_current_fiber && !__tsan_get_current_fiber();
}

static bool sanitizer_is_told(void)
{
	return true;
}
#else
#define SANITIZER_HOW "this build tells it nothing of calls and threads; use one that was configured with --enable-tsan"

static bool sanitizer_misses_it(void)
{
	return false;
}

static bool sanitizer_is_told(void)
{
	return !dlsym(RTLD_DEFAULT, "__tsan_init");
}
#endif

static int refuse_sanitizer(char *why, size_t size)
{
	snprintf(why, size, "ThreadSanitizer is in the program, and " SANITIZER_HOW);
	return ENOTSUP;
}

/* Frames of a thread begin under its static TLS; the little that libc's own first frames take only adds room. */
static void *anchor_main(void *arg)
{
	anchor.frame = (uintptr_t)__builtin_frame_address(0);
	anchor.tp = arch_tp();
	anchor.unknown = sanitizer_misses_it();
	if (arg)
		anchor.wrong = check_layout();
	sys_raw(SYS_prctl, 15 /* PR_SET_NAME */, "stint-anchor", 0, 0);
	__atomic_store_n(&anchor.measured, 1, __ATOMIC_RELEASE);
	sys_wake(&anchor.measured);
	for (;;)
		sys_raw(SYS_pause, 0, 0, 0, 0);
	return NULL;
}

static int add_variables(struct dl_phdr_info *info, size_t size, void *arg)
{
	const ElfW(Phdr) *ph = tls_header(info);

	(void)size;
	if (ph)
		*(size_t *)arg += ph->p_memsz + ph->p_align;
	return 0;
}

static int start_anchor(bool measure)
{
	pthread_attr_t attr;
	pthread_t t;
	int err;

	if (!anchor.size) {
		anchor.size = ANCHOR_STACK;
		sys.dl_iterate_phdr(add_variables, &anchor.size);
		anchor.size = (anchor.size + ARCH_PAGE_SIZE - 1) & ~(size_t)(ARCH_PAGE_SIZE - 1);
	}
	anchor.stack = sys_mmap(anchor.size, MAP_STACK | MAP_NORESERVE);
	if (!anchor.stack)
		return ENOMEM;
	anchor.measured = 0;
	sys.pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstack(&attr, anchor.stack, anchor.size);
	err = sys_thread_create(&t, &attr, anchor_main, measure ? &anchor : NULL);
	sys.pthread_attr_destroy(&attr);
	if (err) {
		sys_munmap(anchor.stack, anchor.size);
		return err;
	}
	sys_wait(&anchor.measured, 0);
	return 0;
}

int tcb_anchor_start(void)
{
	return start_anchor(false);
}

/* --- the sanitizer's pointer (fiber.h) --- */

#ifdef STINT_TSAN
ptrdiff_t fiber_at;

static void find_fiber(void)
{
	void *me, *other;
	char *tp = arch_tp();

	if (!__tsan_create_fiber)
		return;
	me = __tsan_get_current_fiber();
	other = __tsan_create_fiber(0);
	__tsan_switch_to_fiber(other, FIBER_NO_SYNC);
	for (ptrdiff_t at = -8; !fiber_at && at > -(ptrdiff_t)layout.below; at -= 8)
		if (AT(tp, at, void *) == other)
			fiber_at = at;
	__tsan_switch_to_fiber(me, FIBER_NO_SYNC);
	__tsan_destroy_fiber(other);
}

static void set_fiber(void *tp, void *fiber)
{
	if (fiber_at)
		AT(tp, fiber_at, void *) = fiber;
}

static void *fiber_of(void *tp)
{
	return fiber_at ? AT(tp, fiber_at, void *) : NULL;
}

/* the sanitizer's own thread variables: a megabyte, and its business */
static bool is_sanitizer(const struct module *m)
{
	return fiber_at && fiber_at >= m->at && fiber_at < m->at + (ptrdiff_t)m->size;
}

static void *new_fiber(void)
{
	return fiber_at ? __tsan_create_fiber(0) : NULL;
}

static void drop_fiber(void *tp)
{
	if (fiber_at)
		__tsan_destroy_fiber(AT(tp, fiber_at, void *));
}
#else
#define find_fiber() ((void)0)
#define set_fiber(tp, fiber) ((void)(fiber))
#define new_fiber() NULL
#define fiber_of(tp) NULL
#define is_sanitizer(m) false
#define drop_fiber(tp) ((void)0)
#endif

/* --- discovery --------------------------------------------------------------------------------- */

static int find_function(void *slot, const char *name, const char **missing)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	if (!p || sys_fault(SYS_LAYOUT)) {
		*missing = name;
		return ENOTSUP;
	}
	memcpy(slot, &p, sizeof(p));
	return 0;
}

/* a thread variable in libc's block, which lies in each thread where it does in this one */
static int find_variable(ptrdiff_t *offset, const char *name, const char **missing)
{
	char *p = dlsym(RTLD_DEFAULT, name);

	if (!p || sys_fault(SYS_LAYOUT)) {
		*missing = name;
		return ENOTSUP;
	}
	*offset = p - (char *)arch_tp();
	return 0;
}

/* a debugger's descriptor of a field: {size in bits, elements, offset} */
static int find_field(size_t *offset, const char *name, uint32_t bits, const char **missing)
{
	const uint32_t *d = dlsym(RTLD_DEFAULT, name);

	if (!d || (bits && d[0] != bits) || sys_fault(SYS_LAYOUT)) {
		*missing = name;
		return ENOTSUP;
	}
	*offset = d[2];
	return 0;
}

static int find_names(const char **missing)
{
	const uint32_t *size = dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread");
	size_t tid = 0, specific = 0;

	if (find_function(&dl_allocate_tls, "_dl_allocate_tls", missing) ||
	    find_function(&dl_deallocate_tls, "_dl_deallocate_tls", missing) ||
	    find_function(&libc_ctype_init, "__ctype_init", missing) ||
	    find_function(&libc_call_tls_dtors, "__call_tls_dtors", missing) ||
	    find_function(&libc_keys, "__pthread_keys", missing) ||
	    find_variable(&layout.dl_error, "__libc_dlerror_result", missing) ||
	    find_variable(&layout.resolver_at, "__resp", missing) ||
	    find_field(&tid, "_thread_db_pthread_tid", 32, missing) ||
	    find_field(&specific, "_thread_db_pthread_specific", 0, missing) ||
	    find_field(&layout.map_tls_offset, "_thread_db_link_map_l_tls_offset", 64, missing))
		return ENOTSUP;
	if (!size || *size < 1024 || *size > 16384) {
		*missing = "_thread_db_sizeof_pthread";
		return ENOTSUP;
	}
	layout.size = *size;
	layout.tid = (ptrdiff_t)tid;
	layout.specific = (ptrdiff_t)specific;
	return 0;
}

static int widest_alignment(struct dl_phdr_info *info, size_t size, void *arg)
{
	const ElfW(Phdr) *ph = tls_header(info);
	size_t *align = arg;

	(void)size;
	if (ph && ph->p_align > *align)
		*align = ph->p_align;
	return 0;
}

/* libc's block lies where its link map says: then the field is what we think it is */
static bool link_map_confirmed(void)
{
	for (struct link_map *m = _r_debug.r_map; m; m = m->l_next)
		if (AT(m, layout.map_tls_offset, size_t) == (size_t)-layout.libc_tls)
			return true;
	return false;
}

int tcb_init(char *why, size_t size)
{
	const char *missing = "";
	int err;

	if (arch_shadow_stack()) {
		snprintf(why, size, "user shadow stacks are on for this process; "
		         "start it with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off");
		return ENOTSUP;
	}
	if (find_names(&missing)) {
		snprintf(why, size, "this C library lacks %s, or it is of an unknown shape; "
		         "stint needs glibc 2.36 or later, not stripped of its debugger symbols", missing);
		return ENOTSUP;
	}
	if (!sanitizer_is_told())
		return refuse_sanitizer(why, size);
	layout.align = 64;
	sys.dl_iterate_phdr(widest_alignment, &layout.align);
	err = anchor.tp ? 0 : start_anchor(true);       /* an earlier try may have come further than this */
	if (err) {
		snprintf(why, size, "the one helper thread that stint needs could not be started: %s",
		         strerrordesc_np(err));
		return err;
	}
	if (anchor.unknown)
		return refuse_sanitizer(why, size);
	if (!anchor.wrong && (!link_map_confirmed() || sys_fault(SYS_LAYOUT)))
		anchor.wrong = "where the loader keeps the offset of thread variables";
	if (anchor.wrong) {
		snprintf(why, size, "this C library lays its threads out in an unknown way: %s", anchor.wrong);
		return ENOTSUP;
	}
	layout.below = ((uintptr_t)anchor.tp - anchor.frame + 63) & ~(size_t)63;
	find_fiber();
	template = read_modules();
	if (!template) {
		snprintf(why, size, "no memory for the list of thread variables");
		return ENOMEM;
	}
	return 0;
}

/* --- one block --------------------------------------------------------------------------------- */

static bool allocate_tls(void *tp)
{
	bool made;

	sys_enter();
	made = dl_allocate_tls(tp);
	sys_leave();
	return made;
}

static void deallocate_tls(void *tp)
{
	sys_enter();
	dl_deallocate_tls(tp, false);
	sys_leave();
}

static void adopt_cache(void *tp)
{
	struct left_cache *c;

	sys_lock(&cache_lock);
	c = left_caches;
	if (c)
		left_caches = c->next;
	sys_unlock(&cache_lock);
	if (!c)
		return;
	for (unsigned i = 0; i < layout.ncache; i++)
		AT(tp, layout.cache[i], uint64_t) = c->word[i];
	sys_free(c);
}

/* without memory for the note the cache is lost: some hundred bytes, once, on a machine that has none left */
static void leave_cache(void *tp)
{
	struct left_cache *c;
	uint64_t any = 0;

	for (unsigned i = 0; i < layout.ncache; i++)
		any |= AT(tp, layout.cache[i], uint64_t);
	if (!any)
		return;
	c = sys_alloc(sizeof(*c));
	if (!c)
		return;
	for (unsigned i = 0; i < layout.ncache; i++)
		c->word[i] = AT(tp, layout.cache[i], uint64_t);
	sys_lock(&cache_lock);
	c->next = left_caches;
	left_caches = c;
	sys_unlock(&cache_lock);
}

static void fill_header(struct stint *s)
{
	char *tp = s->tp, *here = arch_tp();
	void *head = tcb_robust_head(tp);

	AT(tp, TCB_SELF, void *) = tp;
	AT(tp, TCB_SELF2, void *) = tp;
	AT(tp, TCB_MULTIPLE_THREADS, int) = 1;
	AT(tp, TCB_STACK_GUARD, uint64_t) = AT(here, TCB_STACK_GUARD, uint64_t);
	AT(tp, TCB_POINTER_GUARD, uint64_t) = AT(here, TCB_POINTER_GUARD, uint64_t);
	AT(tp, layout.tid, int) = s->fake_tid;
	AT(head, 0, void *) = head;
	AT(head, -8, void *) = head;
	AT(tp, layout.specific, void *) = tp + layout.specific - KEYS_INLINE * KEY_DATA_SIZE;
	if (layout.stack_block) {
		AT(tp, layout.stack_block, uintptr_t) = s->stack_lo;
		AT(tp, layout.stack_block + 8, size_t) = s->stack_hi - s->stack_lo;
	}
	AT(tp, layout.resolver_at, void *) = tp + layout.resolver;
	if (__rseq_size)
		((struct rseq *)(tp + __rseq_offset))->cpu_id = RSEQ_UNINITIALISED;
}

unsigned tcb_locale_gen = 1;            /* 0: a block's that has not begun */

void tcb_locale_changed(void)
{
	if (!__atomic_add_fetch(&tcb_locale_gen, 1, __ATOMIC_RELAXED))
		__atomic_store_n(&tcb_locale_gen, 1, __ATOMIC_RELAXED);
}

void tcb_take_locale(struct stint *s)
{
	s->locale_gen = __atomic_load_n(&tcb_locale_gen, __ATOMIC_RELAXED);
	libc_ctype_init();
}

/* those of whoever makes it, for a handler of the program's that comes before tcb_begin() */
static void lend_tables(void *tp)
{
	for (unsigned i = 0; i < CTYPE_TABLES; i++)
		AT(tp, layout.ctype[i], const void *) = AT(arch_tp(), layout.ctype[i], const void *);
}

int tcb_make(struct stint *s)
{
	int tid = __atomic_fetch_add(&next_tid, 1, __ATOMIC_RELAXED);

	if (tid >= LAST_FAKE_TID)
		__atomic_store_n(&next_tid, FIRST_FAKE_TID, __ATOMIC_RELAXED);
	s->fake_tid = tid;
	if (sys_fault(SYS_MALLOC) || !allocate_tls(s->tp))
		return ENOMEM;
	fill_header(s);
	set_fiber(s->tp, new_fiber());
	adopt_cache(s->tp);
	AT(s->tp, layout.current, struct stint *) = s;
	lend_tables(s->tp);
	s->locale_gen = 0;
	s->tcb_ready = true;
	return 0;
}

/*
 * What dlerror() and the resolver keep of the last use. libc looks for it in the running thread; so this is done on the
 * identity of @s, not as a call (wrappers would take it to be running), and with signals waiting, lest a handler of the program takes
 * itself to be in call s. A resolver that was never begun must not be closed: it would close descriptor 0.
 */
static void forget_errors(struct stint *s)
{
	struct __res_state *resolver = (struct __res_state *)((char *)s->tp + layout.resolver);
	uint64_t block = ~(uint64_t)0, old;
	void *here = arch_tp();

	if (likely(!AT(s->tp, layout.dl_error, void *) && !resolver->options))
		return;
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &block, &old, sizeof(old));
	AT(s->tp, layout.current, struct stint *) = NULL;
	fiber_leave(here, s->tp, FIBER_NO_SYNC);
	arch_set_tp(s->tp);
	dlerror();              /* gives it, and the second time gives it up */
	dlerror();
	if (resolver->nscount)
		sys.__res_nclose(resolver);
	fiber_leave(s->tp, here, FIBER_NO_SYNC);
	arch_set_tp(here);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
	memset(resolver, 0, sizeof(*resolver));
}

static void free_key_blocks(void *tp)
{
	for (unsigned i = 1; i < KEYS_INLINE; i++)
		sys_free(AT(tp, layout.specific + (ptrdiff_t)(i * sizeof(void *)), void *));
}

void tcb_destroy(struct stint *s)
{
	s->tcb_ready = false;
	fiber_acquire(s->tp);
	forget_errors(s);
	leave_cache(s->tp);
	free_key_blocks(s->tp);
	drop_fiber(s->tp);
	deallocate_tls(s->tp);
}

/* whether a block that __tls_get_addr makes on first use was made; a vector entry is {value, what to free} */
static bool dynamic_block_made(void *tp)
{
	char *dtv = AT(tp, TCB_DTV, char *);
	size_t n = AT(dtv, -16, size_t);

	for (size_t id = 1; id <= n; id++)
		if (AT(dtv, (ptrdiff_t)(id * 16 + 8), void *))
			return true;
	return false;
}

/*
 * Drop the blocks made on first use, and with them the vector. The new vector comes with new images of
 * everything, libc's block included, whose contents we keep.
 */
static int drop_dynamic_blocks(void *tp)
{
	void *old = AT(tp, TCB_DTV, void *), *fiber = fiber_of(tp), *new;
	int saved = errno;
	char kept[512];

	if (layout.libc_tls_size > sizeof(kept))
		return ENOTSUP;
	memcpy(kept, (char *)tp + layout.libc_tls, layout.libc_tls_size);
	if (sys_fault(SYS_MALLOC) || !allocate_tls(tp)) {
		AT(tp, TCB_DTV, void *) = old;
		errno = saved;
		return ENOMEM;
	}
	memcpy((char *)tp + layout.libc_tls, kept, layout.libc_tls_size);
	set_fiber(tp, fiber);
	new = AT(tp, TCB_DTV, void *);
	AT(tp, TCB_DTV, void *) = old;
	deallocate_tls(tp);
	AT(tp, TCB_DTV, void *) = new;
	errno = saved;
	return 0;
}

int tcb_fresh(struct stint *s)
{
	const struct template *t = __atomic_load_n(&template, __ATOMIC_ACQUIRE);
	int err = 0;

	fiber_acquire(s->tp);
	forget_errors(s);
	if (unlikely(__atomic_load_n(&any_dynamic, __ATOMIC_RELAXED)) && dynamic_block_made(s->tp))
		err = drop_dynamic_blocks(s->tp);
	for (unsigned i = 0; i < t->n; i++)
		if (!is_sanitizer(&t->module[i]))
			init_block(s->tp, &t->module[i]);
	AT(s->tp, layout.current, struct stint *) = s;
	AT(s->tp, layout.errno_at, int) = 0;
	AT(s->tp, layout.h_errno_at, int) = 0;
	return err;
}

/*
 * libc notes a thread's stack, and of the main thread only where it ends. Its stack has an unmapped gap of at least as much
 * below it; so what is further down is no frame of it, and it was not from there that the call was launched.
 */
bool tcb_native_stack_has(const void *tp, uintptr_t from, uintptr_t sp)
{
	uintptr_t lo, hi;

	if (!layout.stack_block)
		return false;
	lo = AT(tp, layout.stack_block, uintptr_t);
	hi = lo + AT(tp, layout.stack_block + 8, size_t);
	if (!lo)
		lo = hi - MAIN_STACK_GAP;
	return from >= lo && from <= sp && sp < hi;
}

bool tcb_is_of_call(const void *tp)
{
	return layout.tid && AT(tp, layout.tid, int) >= FIRST_FAKE_TID;
}

static void run_key_destructors(void)
{
	char *used = (char *)arch_tp() + layout.specific + KEYS_INLINE * sizeof(void *);

	for (int round = 0; *used && round < PTHREAD_DESTRUCTOR_ITERATIONS; round++) {
		*used = 0;      /* a destructor that sets a value sets it again */
		for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; key++) {
			void *value = libc_keys[key].seq & 1 ? pthread_getspecific(key) : NULL;
			void (*destroy)(void *) = libc_keys[key].destroy;

			if (!value)
				continue;
			sys.pthread_setspecific(key, NULL);
			if (destroy)
				destroy(value);
		}
	}
	*used = 0;
}

void tcb_finish(void)
{
	char *used = (char *)arch_tp() + layout.specific + KEYS_INLINE * sizeof(void *);

	libc_call_tls_dtors();
	if (unlikely(*used))
		run_key_destructors();
	if (unlikely(uselocale((locale_t)0) != LC_GLOBAL_LOCALE))
		uselocale(LC_GLOBAL_LOCALE);
}

void __pthread_unregister_cancel(__pthread_unwind_buf_t *buf);

/* the list begins with what was pushed before the one that is popped */
void tcb_forget_pushed(void)
{
	__pthread_unwind_buf_t none;

	memset(&none, 0, sizeof(none));
	__pthread_unregister_cancel(&none);
}

void tcb_fork_prepare(void)
{
	sys_lock(&template_lock);
}

void tcb_fork_done(void)
{
	sys_unlock(&template_lock);
}
