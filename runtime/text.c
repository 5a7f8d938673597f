/*
 * text.c - see text.h
 *
 * Extents of functions come from the unwind tables (.eh_frame_hdr), because they name each piece of code exactly, the
 * variants that IFUNCs choose among too, which have no symbol at run time.
 *
 * The tables are built once and never change, but that for the C++ library, which grows: readers, the tick handler among them,
 * take no lock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <gnu/lib-names.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/unwind.h"
#include "sys.h"
#include "text.h"

#define CXX_MAX 8
#define EH_TABLE_ENCODING 0x3b          /* datarel | sdata4: what every x86-64 linker writes */
#define CALLS_MAX 8                     /* of exempt functions by exempt functions */
#define FRAMES_MAX 32                   /* of libc's under a wrapper */
#define EH_POINTER_ENCODING 0x1b        /* pcrel | sdata4 */

struct object {
	struct text_range text;
	uintptr_t eh_header;
	bool ours;              /* this library: it calls libc's functions for the program */
	bool sanitizer;         /* so does this, but also for itself, with locks held */
};

static struct object objects[TEXT_OBJECTS_MAX];
static unsigned nobjects;
struct text_range text_runtimes[TEXT_OBJECTS_MAX];      /* of these, libc and ld.so */
unsigned text_nruntimes;
static struct text_range *exempt;
static struct text_range cxx[CXX_MAX];  /* the C++ library, as often as it is loaded; never taken out */
static unsigned ncxx;                   /* release/acquire */
static size_t nexempt;

extern const char __start_stint_text[] __attribute__((visibility("hidden")));
extern const char __stop_stint_text[] __attribute__((visibility("hidden")));
extern const char __start_stint_open[] __attribute__((visibility("hidden")));
extern const char __stop_stint_open[] __attribute__((visibility("hidden")));
extern const char __start_stint_locked[] __attribute__((visibility("hidden")));
extern const char __stop_stint_locked[] __attribute__((visibility("hidden")));

/* --- the objects ------------------------------------------------------------------------------- */

static bool is_runtime_name(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, "libc.so", 7) || !strncmp(base, "ld-linux", 8);
}

static bool is_sanitizer_name(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, "libasan.", 8) || !strncmp(base, "libubsan.", 9) || !strncmp(base, "liblsan.", 8) || !strncmp(base, "libtsan.", 8) ||
	       !strncmp(base, "libclang_rt.", 12);
}

static bool is_cxx_name(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, "libstdc++.so", 12) || !strncmp(base, "libc++.so", 9) || !strncmp(base, "libc++abi.so", 12);
}

static struct object extent(const struct dl_phdr_info *info)
{
	struct object o = { { UINTPTR_MAX, 0 }, 0, false, false };

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_GNU_EH_FRAME)
			o.eh_header = begin;
		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X))
			continue;
		if (begin < o.text.begin)
			o.text.begin = begin;
		if (begin + ph->p_memsz > o.text.end)
			o.text.end = begin + ph->p_memsz;
	}
	return o;
}

/* under ld.so's lock, so one at a time */
static int add_cxx(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct text_range text = extent(info).text;

	(void)size;
	(void)arg;
	if (!is_cxx_name(info->dlpi_name) || ncxx == CXX_MAX || text_is_cxx((void *)text.begin))
		return 0;
	cxx[ncxx] = text;
	__atomic_store_n(&ncxx, ncxx + 1, __ATOMIC_RELEASE);
	return 0;
}

void text_modules_changed(void)
{
	if (!sys.dl_iterate_phdr)
		return;         /* not started yet */
	sys.dl_iterate_phdr(add_cxx, NULL);
}

static int add_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct object o = extent(info);

	(void)size;
	(void)arg;
	/* linked into a program, as tests do, only the section counts: the rest is the program */
	o.ours = *info->dlpi_name && (uintptr_t)__start_stint_text - o.text.begin < o.text.end - o.text.begin;
	o.sanitizer = is_sanitizer_name(info->dlpi_name);
	if (nobjects == TEXT_OBJECTS_MAX || !o.text.end || !(o.ours || o.sanitizer || is_runtime_name(info->dlpi_name)))
		return 0;
	objects[nobjects++] = o;
	if (!o.ours && !o.sanitizer)
		text_runtimes[text_nruntimes++] = o.text;
	return 0;
}

static const struct object *object_of(uintptr_t pc)
{
	for (unsigned i = 0; i < nobjects; i++)
		if (pc - objects[i].text.begin < objects[i].text.end - objects[i].text.begin)
			return &objects[i];
	return NULL;
}

/* --- functions in them, by the unwind tables --------------------------------------------------- */

struct eh_header {
	uint8_t version, pointer_encoding, count_encoding, table_encoding;
	int32_t frame;
	uint32_t count;
	struct {
		int32_t begin, entry;   /* from the header */
	} table[];
};

const unsigned char *text_function(uintptr_t pc, uintptr_t *begin, uintptr_t *end)
{
	const struct object *o = object_of(pc);
	const struct eh_header *h = o ? (const struct eh_header *)o->eh_header : NULL;
	size_t lo = 0, hi;
	const unsigned char *fde;
	int32_t length;

	if (!h || h->version != 1 || h->table_encoding != EH_TABLE_ENCODING ||
	    h->pointer_encoding != EH_POINTER_ENCODING || h->count_encoding != 0x03 || !h->count)
		return NULL;
	hi = h->count;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (o->eh_header + (uintptr_t)(intptr_t)h->table[mid].begin <= pc)
			lo = mid;
		else
			hi = mid;
	}
	*begin = o->eh_header + (uintptr_t)(intptr_t)h->table[lo].begin;
	fde = (const unsigned char *)o->eh_header + h->table[lo].entry;
	memcpy(&length, fde + 12, sizeof(length));      /* after: length, CIE pointer, begin */
	*end = *begin + (uintptr_t)length;
	return pc >= *begin && pc < *end ? fde : NULL;
}

static int by_begin(const void *a, const void *b)
{
	const struct text_range *x = a, *y = b;

	return (x->begin > y->begin) - (x->begin < y->begin);
}

/*
 * What these ask malloc() for is in the program's hands, or lost with its frames: what qsort_r(), which qsort() is made of,
 * works in, and the chunks of obstacks.
 */
static const char *const lender_names[] = { "qsort_r", "_obstack_begin", "_obstack_begin_1", "_obstack_newchunk" };
#define LENDERS (sizeof(lender_names) / sizeof(lender_names[0]))
static struct text_range lenders[LENDERS];

static bool range_of(void *libc, const char *name, struct text_range *r)
{
	uintptr_t pc = (uintptr_t)(libc ? dlsym(libc, name) : sys_next(name));

	return pc && text_function(pc, &r->begin, &r->end);
}

/*
 * The function by @name, and, since that is a part of it, the one in which it goes on at its end: strtod() is but a jump to the one that does
 * the work, which has no name.
 */
static void add_exempt(void *libc, const char *name)
{
	struct text_range r, part;
	uintptr_t tail;

	if (!range_of(libc, name, &r))
		return;
	exempt[nexempt++] = r;
	tail = unwind_tail(r.begin, r.end);
	if (tail && text_function(tail, &part.begin, &part.end) && part.begin == tail)
		exempt[nexempt++] = part;
}

int text_init(const char *const *names, size_t n)
{
	void *libc = sys.dlopen(LIBC_SO, RTLD_LAZY | RTLD_NOLOAD);     /* a sanitizer may stand in front of it */

	nobjects = text_nruntimes = 0;
	sys.dl_iterate_phdr(add_object, NULL);
	text_modules_changed();
	exempt = sys_alloc(2 * n * sizeof(*exempt));
	if (!exempt) {
		if (libc)
			sys.dlclose(libc);
		return ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		add_exempt(libc, names[i]);
	for (size_t i = 0; i < LENDERS; i++)
		range_of(libc, lender_names[i], &lenders[i]);
	if (libc)
		sys.dlclose(libc);
	qsort(exempt, nexempt, sizeof(*exempt), by_begin);
	return 0;
}

static bool is_exempt(uintptr_t pc)
{
	size_t lo = 0, hi = nexempt;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (exempt[mid].end <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < nexempt && exempt[lo].begin <= pc;
}

static bool is_between(uintptr_t pc, const char *begin, const char *end)
{
	return pc >= (uintptr_t)begin && pc < (uintptr_t)end;
}

/*
 * An exempt function that libc called may be under a lock of libc's: look all the way up to other code. A sanitizer holds no
 * lock of its own where it waits in a system call for the program, but may where it copies memory.
 */
bool text_may_stop_insig(struct frame *f)
{
	const struct object *o;
	bool waits = object_of(f->pc) && (arch_is_syscall(f->pc) || arch_is_syscall(f->pc - 2));
	uintptr_t begin, end;
	int calls = 0;

	if (is_between(f->pc, __start_stint_text, __stop_stint_text))
		return false;
	if (is_between(f->pc, __start_stint_open, __stop_stint_open))
		return true;
	while (o = object_of(f->pc), o && !(calls && (o->ours || (o->sanitizer && waits)))) {
		const unsigned char *fde = is_exempt(f->pc) ? text_function(f->pc, &begin, &end) : NULL;

		if (!fde || calls++ == CALLS_MAX || !unwind_step(f, fde))
			return false;
		f->pc--;        /* a return address may be the first of the next function */
	}
	return true;
}

bool text_under_locked_insig(struct frame *f)
{
	uintptr_t begin, end;
	int frames = 0;

	while (text_is_runtime((const void *)f->pc)) {
		const unsigned char *fde = text_function(f->pc, &begin, &end);

		if (!fde || frames++ == FRAMES_MAX || !unwind_step(f, fde))
			return false;
		f->pc--;
	}
	return frames && is_between(f->pc, __start_stint_locked, __stop_stint_locked);
}

bool text_is_for_program(const void *pc)
{
	for (size_t i = 0; i < LENDERS; i++)
		if ((uintptr_t)pc - lenders[i].begin < lenders[i].end - lenders[i].begin)
			return true;
	return false;
}

bool text_is_cxx(const void *pc)
{
	for (unsigned i = 0, n = __atomic_load_n(&ncxx, __ATOMIC_ACQUIRE); i < n; i++)
		if ((uintptr_t)pc - cxx[i].begin < cxx[i].end - cxx[i].begin)
			return true;
	return false;
}
