/*
 * test_elf_file.c - the reader of ELF files, given bytes that are anything: it never looks outside them, and says what is wrong
 *
 * The bytes lie at the end of a page, and the next one cannot be read.
 */
#include "unit.h"

#include <elf.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libset/elf-file.h"

#define ROOM (1 << 20)
#define PAGE 4096

static unsigned char good[ROOM];
static size_t good_size;
static unsigned char *end;              /* of what can be read */
static uint64_t random_state = 88172645463325252;

static uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void set_up(void)
{
	FILE *f = fopen(TEST_OBJECT, "r");
	char *room;

	if (end)
		return;
	ck_assert_ptr_nonnull(f);
	good_size = fread(good, 1, ROOM, f);
	fclose(f);
	ck_assert_uint_gt(good_size, 4096);
	ck_assert_uint_lt(good_size, ROOM);
	room = mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(room != MAP_FAILED);
	ck_assert_int_eq(mprotect(room + ROOM, PAGE, PROT_NONE), 0);
	end = (unsigned char *)room + ROOM;
}

/* the first @size bytes, where reading on faults; sizes that are no multiple of 16 leave a few */
static unsigned char *place(size_t size)
{
	unsigned char *at = end - ((size + 15) & ~(size_t)15);

	memcpy(at, good, size);
	return at;
}

static int read_file(unsigned char *bytes, size_t size)
{
	struct elf_file f;
	const char *why = NULL;
	int err = elf_file_read(&f, bytes, size, &why);

	if (!err) {
		ck_assert_ptr_null(why);
		ck_assert_ptr_nonnull(f.dynamic);
		elf_file_disarm(&f);
	} else {
		ck_assert_int_eq(err, ENOEXEC);
		ck_assert_ptr_nonnull(why);
		ck_assert_uint_gt(strlen(why), 5);
	}
	return err;
}

START_TEST(whole)
{
	struct elf_file f;
	const char *why;
	unsigned char *bytes;
	size_t differ = 0;

	set_up();
	bytes = place(good_size);
	ck_assert_int_eq(elf_file_read(&f, bytes, good_size, &why), 0);
	elf_file_disarm(&f);
	for (size_t i = 0; i < f.ndynamic; i++) {
		ck_assert_int_ne(f.dynamic[i].d_tag, DT_INIT);
		ck_assert_int_ne(f.dynamic[i].d_tag, DT_INIT_ARRAY);
		ck_assert_int_ne(f.dynamic[i].d_tag, DT_FINI);
		ck_assert_int_ne(f.dynamic[i].d_tag, DT_FINI_ARRAY);
		ck_assert_int_ne(f.dynamic[i].d_tag, DT_BIND_NOW);
	}
	for (size_t i = 0; i < good_size; i++)
		differ += bytes[i] != good[i];
	ck_assert_uint_gt(differ, 0);
	ck_assert_uint_lt(differ, 128);
}
END_TEST

START_TEST(cut)
{
	set_up();
	for (size_t size = 0; size < 1024; size++)
		ck_assert_int_eq(read_file(place(size), size), ENOEXEC);
	for (size_t size = 1024; size < good_size; size += 97)
		read_file(place(size), size);
}
END_TEST

/* one number of the headers at a time, made extreme */
START_TEST(extreme)
{
	static const uint64_t values[] = {
		0, 1, 7, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffffff8
	};

	set_up();
	for (size_t at = 0; at < 64 + 12 * sizeof(Elf64_Phdr); at++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			for (size_t width = 1; width <= 8; width *= 2) {
				unsigned char *bytes = place(good_size);

				memcpy(bytes + at, &values[v], width);
				read_file(bytes, good_size);
			}
		}
	}
}
END_TEST

/* bytes at random in a good file, and nothing but random bytes behind a good beginning */
START_TEST(random_bytes)
{
	set_up();
	for (int round = 0; round < 3000; round++) {
		unsigned char *bytes = place(good_size);

		for (int i = 0; i < 8; i++)
			bytes[random_number() % (round % 2 ? good_size : 900)] = (unsigned char)random_number();
		read_file(bytes, good_size);
	}
	for (int round = 0; round < 3000; round++) {
		size_t size = random_number() % 4000;
		unsigned char *bytes = place(size);

		for (size_t i = round % 3 ? 20 : 0; i < size; i++)
			bytes[i] = (unsigned char)(random_number() % 5 ? 0 : random_number());
		read_file(bytes, size);
	}
}
END_TEST

START_TEST(files)
{
	struct elf_file f;
	const char *why;
	char path[] = "/tmp/stint-elf.XXXXXX";
	int fd;

	set_up();
	ck_assert_int_eq(elf_file_map(&f, TEST_OBJECT, &why), 0);
	ck_assert_uint_eq(f.size, good_size);
	elf_file_unmap(&f);
	elf_file_unmap(&f);
	ck_assert_int_eq(elf_file_map(&f, "/nowhere/at/all", &why), ENOENT);
	ck_assert_str_eq(why, "does not exist");
	ck_assert_int_eq(elf_file_map(&f, "/tmp", &why), ENOEXEC);
	ck_assert_int_eq(elf_file_map(&f, "/dev/zero", &why), ENOEXEC);
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(elf_file_map(&f, path, &why), ENOEXEC);
	ck_assert_str_eq(why, "is empty");
	ck_assert_int_eq(write(fd, "#!/bin/sh\n", 10), 10);
	ck_assert_int_eq(elf_file_map(&f, path, &why), ENOEXEC);
	ck_assert_str_eq(why, "is not an ELF file");
	ck_assert_ptr_null(f.bytes);
	close(fd);
	unlink(path);
}
END_TEST

UNIT_MAIN("elf_file", whole, cut, extreme, random_bytes, files)
