/*
 * errors.c - what cannot be made a set of is refused, with a number and a sentence that names it, and nothing is left behind
 */
#include "../test.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "exposed.h"
#include "fickle.h"
#include "in_set.h"

static char dir[] = "/tmp/stint-libset.XXXXXX";
static char why[512];

static stint_libset_t *try_open(const char *const *names, size_t n, int backend, unsigned flags)
{
	struct stint_libset_attr attr = {
		.size = sizeof(attr), .backend = backend, .flags = flags, .why = why, .why_size = sizeof(why)
	};

	strcpy(why, "no reason");
	errno = 0;
	return stint_libset_open_with(&attr, names, n);
}

static void refused(const char *name, int err, const char *word)
{
	CHECK(!try_open(&name, 1, STINT_LIBSET_AUTO, 0));
	if (errno != err || !strstr(why, word))
		test_fail(__FILE__, __LINE__, "%s: %s, \"%s\"", name, strerror(errno), why);
	errno = 0;
	CHECK(!stint_libset_open(&name, 1));
	CHECK_INT(errno, ==, err);
}

/* a file in our directory, made of the library grain and changed by @change */
static const char *changed(const char *name, void (*change)(char *bytes, size_t *size))
{
	static char path[256];
	char *bytes = malloc(1 << 20);
	FILE *f = fopen(GRAIN_PATH, "r");
	size_t size;

	CHECK(bytes && f);
	size = fread(bytes, 1, 1 << 20, f);
	CHECK_INT(size, >, 1000);
	fclose(f);
	change(bytes, &size);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	CHECK(f);
	CHECK_INT(fwrite(bytes, 1, size, f), ==, size);
	fclose(f);
	free(bytes);
	return path;
}

static void other_class(char *bytes, size_t *size)
{
	(void)size;
	bytes[EI_CLASS] = ELFCLASS32;
	((Elf64_Ehdr *)bytes)->e_machine = EM_386;
}

static void other_machine(char *bytes, size_t *size)
{
	(void)size;
	((Elf64_Ehdr *)bytes)->e_machine = EM_AARCH64;
}

static void executable(char *bytes, size_t *size)
{
	(void)size;
	((Elf64_Ehdr *)bytes)->e_type = ET_EXEC;
}

static void cut(char *bytes, size_t *size)
{
	(void)bytes;
	*size = 2000;
}

static void text(char *bytes, size_t *size)
{
	strcpy(bytes, "/* GNU ld script */\n");
	*size = strlen(bytes);
}

static void empty(char *bytes, size_t *size)
{
	(void)bytes;
	*size = 0;
}

static void files(void)
{
	char path[256];

	refused("libnothing-of-that-name.so.3", ENOENT, "libnothing-of-that-name.so.3");
	snprintf(path, sizeof(path), "%s/missing.so", dir);
	refused(path, ENOENT, "missing.so");
	refused(dir, ENOEXEC, dir);
	refused(changed("i386.so", other_class), ENOEXEC, "i386.so is for programs of another word size");
	refused(changed("arm.so", other_machine), ENOEXEC, "arm.so is for another machine");
	refused(changed("program.so", executable), ENOEXEC, "program.so is not a shared object");
	refused(changed("cut.so", cut), ENOEXEC, "cut.so is cut off");
	refused(changed("text.so", text), ENOEXEC, "text.so is not an ELF file");
	refused(changed("empty.so", empty), ENOEXEC, "empty.so is empty");
}

static void names(void)
{
	const char *const none[] = { NULL };
	const char *const twice[] = { "libgrain.so", "libgrain.so" };
	struct stint_libset_info info = { .size = sizeof(info) };
	stint_libset_t *set;

	refused("libc.so.6", EINVAL, "libc.so.6 is shared always");
	refused("libm.so.6", EINVAL, "libm.so.6 is shared always");
	refused("ld-linux-x86-64.so.2", EINVAL, "shared always");
	refused("libpthread.so.0", EINVAL, "shared always");
	refused("libstint.so", EINVAL, "shared always");
	refused("", EINVAL, "without a name");
	CHECK(!try_open(none, 1, STINT_LIBSET_AUTO, 0));
	CHECK_INT(errno, ==, EINVAL);
	CHECK(!try_open(none, 0, STINT_LIBSET_AUTO, 0));
	CHECK_INT(errno, ==, EINVAL);
	CHECK(!try_open(NULL, 1, STINT_LIBSET_AUTO, 0));
	CHECK_INT(errno, ==, EINVAL);
	CHECK(!try_open(twice, 2, 77, 0));
	CHECK_INT(errno, ==, EINVAL);
	CHECK(!try_open(twice, 2, STINT_LIBSET_AUTO, 0x800));
	CHECK_INT(errno, ==, EINVAL);
	set = try_open(twice, 2, STINT_LIBSET_AUTO, 0);
	CHECK(set);
	CHECK_INT(stint_libset_info(set, &info), ==, 0);
	CHECK_INT(info.libraries, ==, 1);
	CHECK_INT(stint_libset_close(set), ==, 0);
	CHECK_INT(stint_libset_close(NULL), ==, EINVAL);
	CHECK_INT(stint_libset_close(STINT_LIBSET_NONE), ==, EINVAL);
}

static void attributes(void)
{
	struct {
		struct stint_libset_attr attr;
		long more;
	} later = { { .size = sizeof(later) }, 1 };
	const char *const name[] = { "libgrain.so" };
	stint_libset_t *set;

	errno = 0;
	CHECK(!stint_libset_open_with(&later.attr, name, 1));
	CHECK_INT(errno, ==, E2BIG);
	later.more = 0;
	set = stint_libset_open_with(&later.attr, name, 1);
	CHECK(set);
	CHECK_INT(stint_libset_close(set), ==, 0);
	later.attr.size = 8;
	CHECK(!stint_libset_open_with(&later.attr, name, 1));
	CHECK_INT(errno, ==, EINVAL);
}

static void *nothing(void *arg)
{
	return arg;
}

static void closed_sets(void)
{
	const char *const name[] = { "libgrain.so" };
	stint_libset_t *set = stint_libset_open(name, 1);
	struct stint_attr attr = { .size = sizeof(attr), .libset = set };

	CHECK(set);
	CHECK_INT(stint_libset_close(set), ==, 0);
	errno = 0;
	CHECK(!stint_launch_with(&attr, nothing, NULL, 0));
	CHECK_INT(errno, ==, EINVAL);
}

static void *use_mode(void *arg)
{
	exposed_set(arg ? 1 : 0);
	return (void *)(intptr_t)exposed_get();
}

/* a variable that the program refers to by name */
static void variables(void)
{
	const char *const name[] = { "libexposed.so" };
	char report[512], expected[128];
	struct stint_libset_info info = { .size = sizeof(info) };
	stint_libset_t *set;
	int *theirs;

	refused(name[0], ENOTSUP, "exposed_mode");
	CHECK(strstr(why, "the program"));
	exposed_mode = 7;
	CHECK_INT(exposed_get(), ==, 7);
	set = try_open(name, 1, STINT_LIBSET_AUTO, STINT_LIBSET_SPLIT_DATA);
	CHECK(set);
	CHECK_INT((intptr_t)in_set(set, use_mode, &set), ==, 1);
	CHECK_INT(exposed_mode, ==, 7);
	theirs = stint_libset_symbol(set, "exposed_mode");
	CHECK(theirs && theirs != &exposed_mode);
	CHECK_INT(*theirs, ==, 1);
	CHECK_INT(stint_libset_report(set, report, sizeof(report)), >, 0);
	snprintf(expected, sizeof(expected), "variable exposed_mode: the program uses the process's");
	CHECK(strstr(report, expected));
	CHECK(!strstr(report, "exposed_constant"));
	CHECK_INT(exposed_constant, ==, 42);
	CHECK_INT(stint_libset_info(set, &info), ==, 0);
	CHECK_INT(info.variables, ==, 1);
	CHECK_INT(stint_libset_close(set), ==, 0);
}

static void *count_in_thread_variable(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)fickle_thread_next();
}

/* ld.so has room for a few libraries of the kind initial-exec; then it says so, and so do we */
static void static_tls(void)
{
	const char *const names[] = { "libfickle-ie.so", "libgrain.so" };
	stint_libset_t *set[4096];
	int n = 0;

	while (n < 4096 && (set[n] = try_open(names, 2, STINT_LIBSET_COPY, 0)))
		n++;
	CHECK_INT(n, >=, 2);
	CHECK_INT(n, <, 4096);
	CHECK_INT(errno, ==, ENOMEM);
	CHECK(strstr(why, "TLS"));
	for (int i = 0; i < n; i++)
		CHECK_INT((intptr_t)in_set(set[i], count_in_thread_variable, NULL), ==, 1);
	while (n--)
		CHECK_INT(stint_libset_close(set[n]), ==, 0);
	set[0] = try_open(names, 2, STINT_LIBSET_COPY, 0);
	CHECK(set[0]);
	CHECK_INT((intptr_t)in_set(set[0], count_in_thread_variable, NULL), ==, 1);
	CHECK_INT(stint_libset_close(set[0]), ==, 0);
}

/* thread variables in another namespace, and too many namespaces */
static void namespaces(void)
{
	const char *const names[] = { "libfickle-ie.so", "libgrain.so" };
	stint_libset_t *set[32];
	int n = 0;

	CHECK(!try_open(names, 2, STINT_LIBSET_NAMESPACE, 0));
	CHECK_INT(errno, ==, ENOTSUP);
	CHECK(strstr(why, "thread variables"));
	while (n < 32 && (set[n] = try_open(names + 1, 1, STINT_LIBSET_NAMESPACE, 0)))
		n++;
	CHECK_INT(n, >=, 2);
	CHECK_INT(n, <, 32);
	CHECK_INT(errno, ==, ENOMEM);
	while (n--)
		CHECK_INT(stint_libset_close(set[n]), ==, 0);
	set[0] = try_open(names + 1, 1, STINT_LIBSET_NAMESPACE, 0);
	CHECK(set[0]);
	CHECK_INT(stint_libset_close(set[0]), ==, 0);
}

/* a file that was replaced since it was loaded */
static void unchanged(char *bytes, size_t *size)
{
	(void)bytes;
	(void)size;
}

static void other_version(char *bytes, size_t *size)
{
	(void)size;
	memset(bytes + 700, 0, 100);
}

static void replaced(void)
{
	const char *path = changed("moving.so", unchanged);
	void *h = dlopen(path, RTLD_NOW);

	CHECK(h);
	CHECK_INT(unlink(path), ==, 0);
	refused(path, ENOENT, "moving.so does not exist");
	refused(changed("moving.so", other_version), ENOTSUP, "moving.so is not the file any more");
	dlclose(h);
}

int main(void)
{
	char command[64];
	int fds, maps;

	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	CHECK(mkdtemp(dir));
	names();
	closed_sets();
	attributes();
	fds = count_fds();
	maps = count_maps();
	files();
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(count_maps(), <=, maps + 8);  /* the heap may have grown by a piece */
	variables();
	replaced();
	static_tls();
	namespaces();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}
