/*
 * copy.c - see copy.h
 *
 * ld.so takes a file for one that it has loaded already if the path is the same, or device and inode. Our file for a library is
 * opened by a different path each time (slashes and dots more or less), and in the link map of a copy device and inode
 * are changed to something that no file has. So all copies share the pages of one file, and nothing needs to be written
 * for a copy. Where the two numbers lie in a link map is not known to us but found: in the first copy, the place that holds
 * them; and before that is believed, ld.so must take the file for loaded before the change, and not after. If that
 * fails, each copy gets a file of its own, with its own pages.
 *
 * The path in the link map is made to be the library's: debuggers then find its symbols, and the copy its directory.
 *
 * A copy's slots are all written here; what ld.so bound them to is not looked at. The few that ld.so would have reported
 * as missing when called are left to it. What is read-only after relocation is made so when that is done.
 *
 * Restoring: data are what the file says, but for the words that are remembered (offsets that became addresses), and the rest
 * is zero. What is read-only after relocation cannot have been changed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../sys.h"
#include "copy.h"
#include "libset.h"

#define PATH_SIZE 4096
#define BUCKETS 1024
#define MAP_SEARCHED 2048               /* bytes of a link map, at most */
#define NO_DEVICE UINT64_MAX
#define ZERO_BY_HAND (16 * ARCH_PAGE_SIZE)

static struct copy *buckets[BUCKETS];   /* by base; readers: under ld.so's lock or libset's, writers under both */
static uint64_t serial;

enum copy_way copy_way;
static size_t id_offset;                /* of device and inode in a link map */

/* what ld.so keeps of a file */
struct file_id {
	uint64_t dev, ino;
};

static struct copy **bucket(uintptr_t base)
{
	return &buckets[base / ARCH_PAGE_SIZE * 31 / 7 % BUCKETS];
}

bool copy_is_at(uintptr_t base)
{
	const struct copy *c = *bucket(base);

	while (c && c->base != base)
		c = c->next;
	return c;
}

/* --- loading ----------------------------------------------------------------------------------- */

/* A path of the descriptor that was not used before, at least as long as @room. The number is written in slashes and dots. */
static void make_path(char *path, int fd, size_t room)
{
	char *p = path, digits[16];
	size_t tail = (size_t)snprintf(digits, sizeof(digits), "/%d", fd);

	p = stpcpy(p, "/proc/self/fd");
	for (uint64_t n = ++serial; n; n /= 2)
		p = stpcpy(p, n & 1 ? "/." : "//.");
	while ((size_t)(p - path) + tail < room && p - path < PATH_SIZE - 32)
		*p++ = '/';
	strcpy(p, digits);
}

extern void __asan_init(void) __attribute__((weak));

/* DEEPBIND: for its own thread variables, and for what it looks up by dlsym(). Sanitizers end the program for that. */
static void *load(const char *path, long ns, int flags)
{
	void *h;

	if (ns == LM_ID_BASE && !__asan_init)
		flags |= RTLD_DEEPBIND;
	libset_loading++;       /* in a new namespace constructors of dependencies run */
	h = ns == LM_ID_BASE ? sys.dlopen(path, flags) : sys.dlmopen(ns, path, flags);
	libset_loading--;
	return h;
}

static struct link_map *map_of(void *handle)
{
	struct link_map *map = NULL;

	return dlinfo(handle, RTLD_DI_LINKMAP, &map) ? NULL : map;
}

static struct file_id *find_id(struct link_map *map, const struct library *l)
{
	size_t size = sys.malloc_usable_size(map);
	struct file_id *found = NULL;

	for (size_t at = sizeof(*map); at + sizeof(*found) <= size && at < MAP_SEARCHED; at += 8) {
		struct file_id *id = (struct file_id *)((char *)map + at);

		if (id->dev != l->dev || id->ino != l->ino)
			continue;
		if (found)
			return NULL;
		found = id;
	}
	return found;
}

static bool is_loaded(const struct library *l)
{
	char path[PATH_SIZE];
	void *h;

	make_path(path, l->fd, 0);
	h = sys.dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
	if (h)
		sys.dlclose(h);
	return h;
}

static void change_id(struct file_id *id)
{
	*id = (struct file_id){ NO_DEVICE, serial };
}

/* @map is the first copy of all */
static void find_way(struct link_map *map, const struct library *l)
{
	struct file_id *id = find_id(map, l), before;

	copy_way = COPY_WAY_OWN_FILE;
	if (!id || !is_loaded(l))
		return;
	before = *id;
	change_id(id);
	if (is_loaded(l)) {
		*id = before;
		return;
	}
	id_offset = (size_t)((char *)id - (char *)map);
	copy_way = COPY_WAY_SAME_FILE;
}

/* ld.so frees the path as one block, so it may be written over, but not exchanged */
static void rename_map(struct link_map *map, const char *path)
{
	if (strlen(map->l_name) >= strlen(path))
		strcpy(map->l_name, path);
}

static int own_file(const struct library *l, int *fd)
{
	size_t left = l->file.size;
	const unsigned char *from = l->file.bytes;

	*fd = (int)sys_raw(SYS_memfd_create, "copy", MFD_CLOEXEC, 0, 0);
	if (*fd < 0)
		return -*fd;
	while (left) {
		long r = sys_raw(SYS_write, *fd, from, left, 0);

		if (r <= 0 && r != -EINTR) {
			sys_raw(SYS_close, *fd, 0, 0, 0);
			return r ? (int)-r : EIO;
		}
		if (r > 0) {
			from += r;
			left -= (size_t)r;
		}
	}
	return 0;
}

static void *load_file(const struct library *l, int fd, long *ns)
{
	char path[PATH_SIZE];
	void *h;

	make_path(path, fd, strlen(l->path));
	h = load(path, ns ? *ns : LM_ID_BASE, RTLD_LAZY | RTLD_LOCAL);
	if (h && ns && *ns == LM_ID_NEWLM)
		dlinfo(h, RTLD_DI_LMID, ns);
	return h;
}

static void *load_own(const struct library *l, long *ns)
{
	int fd;
	void *h;

	if (own_file(l, &fd))
		return NULL;
	h = load_file(l, fd, ns);
	sys_raw(SYS_close, fd, 0, 0, 0);
	return h;
}

static void *load_shared(const struct library *l, long *ns)
{
	void *h = load_file(l, l->fd, ns);
	struct link_map *map = h ? map_of(h) : NULL;

	if (!map)
		return h;
	if (copy_way == COPY_WAY_UNKNOWN && !ns)
		find_way(map, l);
	else if (copy_way == COPY_WAY_SAME_FILE)
		change_id((struct file_id *)((char *)map + id_offset));
	return h;
}

int copy_load(struct copy *c, struct library *l, long *ns, struct complaint *why)
{
	struct link_map *map;
	const char *said;
	int err = library_file(l);

	if (err)
		return complain(why, err, "%s: no file in memory for copies: %s", l->path, strerrordesc_np(err));
	c->library = l;
	c->handle = copy_way == COPY_WAY_OWN_FILE && !ns ? load_own(l, ns) : load_shared(l, ns);
	map = c->handle ? map_of(c->handle) : NULL;
	if (!map) {
		said = dlerror();
		err = access("/proc/self/fd", X_OK) ? ENOTSUP : ENOMEM;
		return complain(why, err, "%s: %s%s", l->path, said ? said : "cannot be loaded again",
		                err == ENOTSUP ? "; /proc must be mounted" : "");
	}
	rename_map(map, l->path);
	c->base = map->l_addr;
	c->next = *bucket(c->base);
	*bucket(c->base) = c;
	return 0;
}

void copy_unload(struct copy *c)
{
	struct copy **p;

	if (!c->handle)
		return;
	for (p = bucket(c->base); *p != c; p = &(*p)->next)
		;
	*p = c->next;
	libset_loading++;
	sys.dlclose(c->handle);
	libset_loading--;
	sys_free(c->words);
	*c = (struct copy){ .library = NULL };
}

/* --- binding ----------------------------------------------------------------------------------- */

/* its library's image, moved */
static struct image image_at(const struct copy *c)
{
	struct image im = c->library->image;
	uintptr_t delta = c->base - im.base;

	im.base = c->base;
	im.begin += delta;
	im.end += delta;
	im.relro += delta;
	im.relro_end += delta;
	return im;
}

static uintptr_t resolve(const struct link *link, const struct table *t)
{
	if (link->thunk)
		return link->thunk;
	return link->target + (link->library == NO_LIBRARY ? 0 : (uintptr_t)t->delta[link->library]);
}

int copy_bind(struct copy *c, const struct table *t)
{
	const struct library *l = c->library;
	struct image im = image_at(c);
	bool done = true;

	im.open = im.relro != im.relro_end;     /* ld.so was not told */
	for (size_t i = 0; i < l->nlinks && done; i++)
		done = image_store(&im, (uintptr_t *)(c->base + l->links[i].offset), resolve(&l->links[i], t));
	image_seal(&im);
	return done ? 0 : EACCES;
}

/* --- its variables ----------------------------------------------------------------------------- */

/* what the program may write in a segment: offsets from the base, the file's part and the end */
struct variables {
	uintptr_t begin, file_end, end;
	const unsigned char *bytes;     /* of the file, for begin */
};

static bool variables_of(const struct library *l, unsigned header, struct variables *v)
{
	const ElfW(Phdr) *ph = &l->file.headers[header];
	uintptr_t sealed = l->image.relro_end - l->image.base;

	if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_W))
		return false;
	*v = (struct variables){ ph->p_vaddr, ph->p_vaddr + ph->p_filesz, ph->p_vaddr + ph->p_memsz, NULL };
	if (image_is_sealed(&l->image, l->image.base + v->begin))
		v->begin = sealed < v->end ? sealed : v->end;
	v->bytes = l->file.bytes + ph->p_offset + (v->begin - ph->p_vaddr);
	if (v->file_end < v->begin)
		v->file_end = v->begin;
	return true;
}

static size_t compare(const struct copy *c, const struct variables *v, struct copy_word *out)
{
	size_t n = 0;

	for (uintptr_t at = (v->begin + 7) & ~(uintptr_t)7; at + 8 <= v->file_end; at += 8) {
		const void *memory = (const void *)(c->base + at);
		uint64_t word;

		if (!memcmp(memory, v->bytes + (at - v->begin), 8))
			continue;
		memcpy(&word, memory, 8);
		if (out)
			out[n] = (struct copy_word){ (uint32_t)at, (uint32_t)(word >> 32), (uint32_t)word };
		n++;
	}
	return n;
}

int copy_remember(struct copy *c)
{
	const struct library *l = c->library;
	struct variables v;
	size_t n = 0;

	for (unsigned i = 0; i < l->file.nheaders; i++)
		if (variables_of(l, i, &v))
			n += compare(c, &v, NULL);
	c->words = sys_alloc((n + 1) * sizeof(*c->words));
	if (!c->words)
		return ENOMEM;
	for (unsigned i = 0; i < l->file.nheaders; i++)
		if (variables_of(l, i, &v))
			c->nwords += compare(c, &v, c->words + c->nwords);
	return 0;
}

/* the first page may have the end of the file in it; pages of memory alone are dropped, and come back as zeros */
static void clear(uintptr_t begin, uintptr_t end)
{
	uintptr_t first = (begin + ARCH_PAGE_SIZE - 1) & ~(uintptr_t)(ARCH_PAGE_SIZE - 1);
	uintptr_t last = end & ~(uintptr_t)(ARCH_PAGE_SIZE - 1);

	if (first + ZERO_BY_HAND > last || sys_madvise((void *)first, last - first, MADV_DONTNEED)) {
		memset((void *)begin, 0, end - begin);
		return;
	}
	memset((void *)begin, 0, first - begin);
	memset((void *)last, 0, end - last);
}

void copy_restore(struct copy *c)
{
	const struct library *l = c->library;
	struct variables v;

	for (unsigned i = 0; i < l->file.nheaders; i++) {
		if (!variables_of(l, i, &v))
			continue;
		memcpy((void *)(c->base + v.begin), v.bytes, v.file_end - v.begin);
		clear(c->base + v.file_end, c->base + v.end);
	}
	for (size_t i = 0; i < c->nwords; i++) {
		uint64_t word = (uint64_t)c->words[i].high << 32 | c->words[i].low;

		memcpy((void *)(c->base + c->words[i].offset), &word, sizeof(word));
	}
}

size_t copy_writable(const struct copy *c)
{
	const struct library *l = c->library;
	size_t bytes = 0;

	for (unsigned i = 0; i < l->file.nheaders; i++) {
		const ElfW(Phdr) *ph = &l->file.headers[i];
		uintptr_t begin = ph->p_vaddr & ~(uintptr_t)(ARCH_PAGE_SIZE - 1);

		if (ph->p_type == PT_LOAD && (ph->p_flags & PF_W))
			bytes += (ph->p_vaddr + ph->p_memsz - begin + ARCH_PAGE_SIZE - 1) & ~(size_t)(ARCH_PAGE_SIZE - 1);
	}
	return bytes;
}

/* --- its life ---------------------------------------------------------------------------------- */

typedef void constructor(int argc, char **argv, char **environment);
typedef void destructor(void);

static int argc;
static char **argv;

/* libc passes these to constructors; ours hand them on */
__attribute__((constructor)) static void at_load(int n, char **arguments)
{
	argc = n;
	argv = arguments;
}

void copy_construct(struct copy *c)
{
	const struct library *l = c->library;
	constructor *const *at = (constructor *const *)(c->base + (uintptr_t)l->init_array.at);

	if (l->init)
		((constructor *)(c->base + l->init))(argc, argv, environ);
	for (size_t i = 0; l->init_array.at && i < l->init_array.n; i++)
		at[i](argc, argv, environ);
}

void copy_destruct(struct copy *c)
{
	const struct library *l = c->library;
	destructor *const *at = (destructor *const *)(c->base + (uintptr_t)l->fini_array.at);

	for (size_t i = l->fini_array.at ? l->fini_array.n : 0; i--;)
		at[i]();
	if (l->fini)
		((destructor *)(c->base + l->fini))();
}
