/*
 * library.c - see library.h
 *
 * A copy must not come to life before it is bound to the rest of its set, but ld.so runs constructors before dlopen() returns.
 * So copies are loaded from a file of ours, one for each library and shared by all its copies, which differs from the
 * library's own in a few words: ld.so finds no constructors in it (we run them, when all is bound), no destructors,
 * no order to bind early, nothing to protect, and nothing against unloading. It lies in memory, and shares its pages between all copies.
 *
 * What a copy refers to is not looked up again: links say what each slot of the process's library leads to, and a copy's
 * leads to the same, or to the same place in another copy. So whatever stands in front of the library, wrappers of ours
 * among them, stands in front of its copies as well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../sys.h"
#include "hooks.h"
#include "library.h"

struct library *libraries[TABLE_LIBRARIES];
unsigned nlibraries;

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static char *copy_string(const char *text)
{
	char *s = sys_alloc(strlen(text) + 1);

	return s ? strcpy(s, text) : NULL;
}

/*
 * libc's own state is the process's: one heap, one stdio, one errno. So is the run-time support of C++, whose exceptions pass
 * from one library into another. The rest are we, and sanitizers.
 */
bool library_is_shared_always(const char *path)
{
	static const char *const names[] = {
		"ld-linux", "linux-vdso", "libc.so", "libm.so", "libmvec.so", "libpthread.so", "libdl.so", "librt.so",
		"libutil.so", "libanl.so", "libresolv.so", "libnss_", "libthread_db.so", "libBrokenLocale.so",
		"libc_malloc_debug.so", "libmemusage.so", "libpcprofile.so", "libgcc_s.so", "libstdc++.so", "libc++.so",
		"libc++abi.so", "libunwind.so", "libstint", "libasan.", "libubsan.", "liblsan.", "libtsan.", "libclang_rt."
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (image_named(path, names[i]))
			return true;
	return false;
}

struct library *library_at(uintptr_t at)
{
	for (unsigned i = 0; i < nlibraries; i++)
		if (image_has(&libraries[i]->image, at))
			return libraries[i];
	return NULL;
}

/* --- the file that copies are loaded from ------------------------------------------------------ */

static int write_all(int fd, const unsigned char *bytes, size_t n)
{
	while (n) {
		long r = sys_raw(SYS_write, fd, bytes, n, 0);

		if (r == -EINTR)
			continue;
		if (r <= 0)
			return r ? (int)-r : EIO;
		bytes += r;
		n -= (size_t)r;
	}
	return 0;
}

/* High, because programs close and reuse low numbers by number. */
static int high_number(int fd)
{
	long high = sys_raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 500, 0);

	if (high < 0)
		return fd;
	sys_raw(SYS_close, fd, 0, 0, 0);
	return (int)high;
}

static int make_file(struct library *l, const unsigned char *bytes, size_t size)
{
	struct stat st;
	int err, fd = (int)sys_raw(SYS_memfd_create, base_name(l->path), MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0);

	if (fd < 0)
		return -fd;
	fd = high_number(fd);
	err = write_all(fd, bytes, size);
	if (!err)
		err = (int)-sys_raw(SYS_fstat, fd, &st, 0, 0);
	if (err) {
		sys_raw(SYS_close, fd, 0, 0, 0);
		return err;
	}
	sys_raw(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, 0);
	l->fd = fd;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

static bool is_file(const struct library *l)
{
	struct stat st;

	return !sys_raw(SYS_fstat, l->fd, &st, 0, 0) && st.st_dev == l->dev && st.st_ino == l->ino;
}

/* a program that closes all descriptors closes ours, too; our mapping of the file is left */
int library_file(struct library *l)
{
	return is_file(l) ? 0 : make_file(l, l->file.bytes, l->file.size);
}

/* the first segment, which holds all tables, is the same in memory: it has not been replaced by another version */
static bool is_same(const struct elf_file *f, const struct image *im)
{
	for (unsigned i = 0; i < f->nheaders; i++) {
		const ElfW(Phdr) *ph = &f->headers[i];

		if (ph->p_type != PT_LOAD || ph->p_offset || (ph->p_flags & PF_W))
			continue;
		return image_segment(im, im->base + ph->p_vaddr) && ph->p_filesz <= im->end - im->base - ph->p_vaddr &&
		       !memcmp(f->bytes, (const void *)(im->base + ph->p_vaddr), ph->p_filesz);
	}
	return false;
}

static int take_file(struct library *l, struct complaint *why)
{
	struct elf_file original;
	const char *wrong;
	long bytes;
	int err = elf_file_map(&original, l->path, &wrong);

	if (err)
		return complain(why, err, "%s %s", l->path, wrong);
	if (!is_same(&original, &l->image)) {
		elf_file_unmap(&original);
		return complain(why, ENOTSUP, "%s is not the file any more that was loaded", l->path);
	}
	elf_file_disarm(&original);
	err = make_file(l, original.bytes, original.size);
	elf_file_unmap(&original);
	if (err)
		return complain(why, err, "%s: no file in memory for copies: %s", l->path, strerrordesc_np(err));
	bytes = arch_syscall(SYS_mmap, 0, original.size, PROT_READ, MAP_PRIVATE, l->fd, 0);
	if (bytes < 0 && bytes >= -4095)
		err = (int)-bytes;
	else
		err = elf_file_read(&l->file, (void *)bytes, original.size, &wrong);
	if (!err)
		return 0;
	sys_raw(SYS_close, l->fd, 0, 0, 0);
	return complain(why, err, "%s: the file for copies cannot be mapped", l->path);
}

/* --- one library ------------------------------------------------------------------------------- */

static void look_at_dynamic(struct library *l)
{
	for (const ElfW(Dyn) *d = l->image.dynamic; d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_SONAME:
			l->soname = l->image.strings + d->d_un.d_val;
			break;
		case DT_INIT:
			l->init = d->d_un.d_ptr;
			break;
		case DT_FINI:
			l->fini = d->d_un.d_ptr;
			break;
		case DT_INIT_ARRAY:
			l->init_array.at = (const uintptr_t *)d->d_un.d_ptr;
			break;
		case DT_INIT_ARRAYSZ:
			l->init_array.n = d->d_un.d_val / sizeof(uintptr_t);
			break;
		case DT_FINI_ARRAY:
			l->fini_array.at = (const uintptr_t *)d->d_un.d_ptr;
			break;
		case DT_FINI_ARRAYSZ:
			l->fini_array.n = d->d_un.d_val / sizeof(uintptr_t);
			break;
		}
	}
	for (unsigned i = 0; i < l->image.nheaders; i++)
		l->has_tls |= l->image.headers[i].p_type == PT_TLS && l->image.headers[i].p_memsz;
}

struct search {
	const struct link_map *map;
	struct image *image;
	bool found;
};

static int is_it(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;

	(void)size;
	if (info->dlpi_addr != s->map->l_addr || strcmp(info->dlpi_name, s->map->l_name))
		return 0;
	s->found = image_of(info, s->image);
	return 1;
}

static int set_up(struct library *l, const struct link_map *map, struct complaint *why)
{
	struct search s = { map, &l->image, false };

	sys.dl_iterate_phdr(is_it, &s);
	if (!s.found)
		return complain(why, ENOTSUP, "%s is nothing that copies could be made of", map->l_name);
	l->path = copy_string(map->l_name);
	if (!l->path)
		return complain(why, ENOMEM, "no memory");
	l->image.path = l->path;
	look_at_dynamic(l);
	return take_file(l, why);
}

static struct library *known(const struct link_map *map)
{
	for (unsigned i = 0; i < nlibraries; i++)
		if (libraries[i]->image.base == map->l_addr && libraries[i]->image.dynamic == map->l_ld)
			return libraries[i];
	return NULL;
}

struct library *library_of(void *handle, struct complaint *why, int *err)
{
	struct link_map *map = NULL;
	struct library *l;

	*err = 0;
	if (dlinfo(handle, RTLD_DI_LINKMAP, &map))
		*err = complain(why, ENOTSUP, "ld.so does not tell what it loaded");
	else if (library_is_shared_always(map->l_name) || !*map->l_name)
		*err = complain(why, EINVAL, "%s is shared always", *map->l_name ? map->l_name : "the program");
	l = *err ? NULL : known(map);
	if (*err || l) {
		sys.dlclose(handle);
		return l;
	}
	if (nlibraries == TABLE_LIBRARIES)
		*err = complain(why, ENOSPC, "%s: sets know %d libraries already", map->l_name, TABLE_LIBRARIES);
	else if (!(l = sys_alloc(sizeof(*l))))
		*err = complain(why, ENOMEM, "no memory");
	else
		*err = set_up(l, map, why);
	if (*err) {
		if (l)
			sys_free(l->path);
		sys_free(l);
		sys.dlclose(handle);
		return NULL;
	}
	l->handle = handle;
	l->index = nlibraries;
	libraries[nlibraries] = l;
	__atomic_store_n(&nlibraries, nlibraries + 1, __ATOMIC_RELEASE);
	return l;
}

/* ld.so says why in the user's language; some of it is the same in all */
static int reason(const char *name, const char *said, struct complaint *why)
{
	int err = strchr(name, '/') || (said && *said == '/') ? ENOEXEC : ENOENT;

	if (said && strstr(said, "TLS"))
		err = ENOMEM;
	return complain(why, err, "%s", said ? said : name);
}

/* ld.so believes what a file says, and touches what is not there; so one that it does not know yet is looked at first */
static int check_path(const char *path, struct complaint *why)
{
	void *h = sys.dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
	struct elf_file f;
	const char *wrong;
	int err;

	if (h) {
		sys.dlclose(h);
		return 0;
	}
	err = elf_file_map(&f, path, &wrong);
	if (err)
		return complain(why, err, "%s %s", path, wrong);
	elf_file_unmap(&f);
	return 0;
}

void *library_open(const char *name, library_open_fn *open, const void *caller, struct complaint *why, int *err)
{
	void *h;

	*err = 0;
	if (!name || !*name)
		*err = complain(why, EINVAL, "a library without a name");
	else if (library_is_shared_always(name))
		*err = complain(why, EINVAL, "%s is shared always", name);
	else if (strchr(name, '/') && *name != '$')
		*err = check_path(name, why);
	if (*err)
		return NULL;
	h = open(name, caller);
	if (!h)
		*err = reason(name, dlerror(), why);
	return h;
}

/* --- what it refers to ------------------------------------------------------------------------- */

static const void *object_of(const void *p)
{
	Dl_info info;

	return p && dladdr(p, &info) ? info.dli_fbase : NULL;
}

/*
 * ld.so takes the first definition that is of the version wanted, or of none, as our wrappers are; dlvsym() passes over
 * those of none, and dlsym() may find another version. What is found in different objects was found first by dlsym().
 */
static void *find(void *scope, const char *name, const char *version)
{
	void *any = sys.dlsym(scope, name), *exact = any && version ? dlvsym(scope, name, version) : NULL;

	return exact && object_of(exact) == object_of(any) ? exact : any;
}

uintptr_t library_bind(void *handle, const struct image *im, const struct image_slot *slot)
{
	const char *version = image_version(im, slot->symbol);
	void *p = find(RTLD_DEFAULT, slot->name, version);

	return (uintptr_t)(p ? p : find(handle, slot->name, version));
}

bool library_is_function(const struct library *l, const ElfW(Sym) *symbol, uintptr_t target)
{
	const ElfW(Phdr) *ph = image_segment(&l->image, target);
	const ElfW(Sym) *found = NULL;
	unsigned type = ELF64_ST_TYPE(symbol->st_info);
	Dl_info info;

	if (!ph || !(ph->p_flags & PF_X))
		return false;
	if (type == STT_NOTYPE && dladdr1((void *)target, &info, (void **)&found, RTLD_DL_SYMENT) && found &&
	    info.dli_saddr == (void *)target)
		type = ELF64_ST_TYPE(found->st_info);
	return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
}

/* what the word at @at holds before relocation, or 0 */
static uintptr_t in_file(const struct library *l, uintptr_t at)
{
	for (unsigned i = 0; i < l->file.nheaders; i++) {
		const ElfW(Phdr) *ph = &l->file.headers[i];
		uintptr_t from = at - l->image.base - ph->p_vaddr;
		uintptr_t word;

		if (ph->p_type != PT_LOAD || from >= ph->p_filesz || ph->p_filesz - from < sizeof(word))
			continue;
		memcpy(&word, l->file.bytes + ph->p_offset + from, sizeof(word));
		return word;
	}
	return 0;
}

/* a variable of its own that the program has taken over by a copy relocation */
static bool is_taken_over(const struct library *l, const char *symbol)
{
	for (size_t i = 0; i < l->nexposures; i++)
		if (l->exposures[i].copied && !strcmp(l->exposures[i].symbol, symbol))
			return true;
	return false;
}

static uintptr_t target_of(struct library *l, const struct image_slot *slot)
{
	const ElfW(Sym) *symbol = slot->symbol;
	uintptr_t at = *slot->at;

	if (slot->kind == ARCH_RELOC_CALL && at == l->image.base + in_file(l, (uintptr_t)slot->at))
		return library_bind(l->handle, &l->image, slot);
	if (symbol->st_shndx != SHN_UNDEF && is_taken_over(l, slot->name))
		return l->image.base + symbol->st_value + (uintptr_t)slot->rela->r_addend;
	return table_behind(at);
}

static void add_link(struct image *im, const struct image_slot *slot, void *arg)
{
	struct library *l = arg;
	struct link *link = &l->links[l->nlinks];
	uintptr_t hook = slot->symbol->st_shndx == SHN_UNDEF ? hook_for(slot->name) : 0;

	if (slot->kind != ARCH_RELOC_CALL && slot->kind != ARCH_RELOC_ADDRESS && slot->kind != ARCH_RELOC_POINTER)
		return;
	link->offset = (uint32_t)((uintptr_t)slot->at - im->base);
	link->symbol = slot->symbol;
	link->call = slot->kind == ARCH_RELOC_CALL;
	link->target = hook ? hook : target_of(l, slot);
	if (link->target || !link->call)        /* else ld.so will say so if it is called */
		l->nlinks++;
}

static int read_links(struct library *l)
{
	l->links = sys_alloc((l->image.nrela + l->image.nplt + 1) * sizeof(*l->links));
	if (!l->links)
		return ENOMEM;
	l->nlinks = 0;
	image_each_slot(&l->image, add_link, l);
	return 0;
}

/* A library named later may be what an earlier one refers to. */
static void classify(struct library *l)
{
	for (size_t i = 0; i < l->nlinks; i++) {
		struct link *link = &l->links[i];
		struct library *to = library_at(link->target);

		link->library = to ? (uint8_t)to->index : NO_LIBRARY;
		if (to && !link->call && library_is_function(to, link->symbol, link->target))
			link->thunk = table_thunk(link->target, to->index);
	}
}

int library_link_all(void)
{
	static unsigned linked;

	if (linked == nlibraries)
		return 0;
	for (unsigned i = 0; i < nlibraries; i++)
		if (!libraries[i]->links && read_links(libraries[i]))
			return ENOMEM;
	for (unsigned i = 0; i < nlibraries; i++)
		classify(libraries[i]);
	linked = nlibraries;
	return 0;
}

int library_expose(struct library *l, const struct exposure *e)
{
	struct exposure *all;
	char *user;

	for (size_t i = 0; i < l->nexposures; i++)
		if (!strcmp(l->exposures[i].symbol, e->symbol) && !strcmp(l->exposures[i].user, e->user))
			return 0;
	user = copy_string(e->user);
	all = user ? sys.realloc(l->exposures, (l->nexposures + 1) * sizeof(*all)) : NULL;
	if (!all) {
		sys_free(user);
		return ENOMEM;
	}
	l->exposures = all;
	all[l->nexposures] = *e;
	all[l->nexposures++].user = user;
	return 0;
}
