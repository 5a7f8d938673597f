/*
 * work.c - the kinds of work (see work.h)
 */
#include "work.h"

#include <ctype.h>
#include <fcntl.h>
#ifdef HAVE_LIBPNG
#include <png.h>
#endif

/* ------------------------------------------------------------------------------------------------- heap */

#define BLOCKS 48

struct block {
	uint8_t *p;
	size_t size;
	uint8_t fill;
};

struct heap {
	struct block at[BLOCKS];
};

static void *heap_begin(void)
{
	struct heap *h = calloc(1, sizeof(*h));

	CHECK(h);
	return h;
}

static void check_block(const struct block *b)
{
	size_t stride = b->size < 4096 ? 1 : 509;

	for (size_t i = 0; i < b->size; i += stride)
		if (b->p[i] != b->fill)
			test_fail(__FILE__, __LINE__, "block %p of %zu bytes: byte %zu is %#x, not %#x", (void *)b->p,
			          b->size, i, b->p[i], b->fill);
	CHECK_INT(malloc_usable_size(b->p), >=, b->size);
}

static size_t random_size(struct rng *r)
{
	unsigned shift = rng_below(r, 100) ? rng_below(r, 14) : 18;     /* now and then one that is mapped */

	return 1 + rng_below(r, (uint64_t)2 << shift);
}

static void heap_allocate(struct rng *r, struct block *b)
{
	b->size = random_size(r);
	switch (rng_below(r, 4)) {
	case 0:
		b->p = calloc(1, b->size);
		CHECK(b->p);
		for (size_t i = 0; i < b->size; i += 61)
			CHECK_INT(b->p[i], ==, 0);
		break;
	case 1:
		CHECK_INT(posix_memalign((void **)&b->p, 64, b->size), ==, 0);
		CHECK_INT((uintptr_t)b->p % 64, ==, 0);
		break;
	default:
		b->p = malloc(b->size);
		CHECK(b->p);
	}
	memset(b->p, b->fill, b->size);
}

static void heap_resize(struct rng *r, struct block *b)
{
	size_t size = random_size(r);
	size_t kept = size < b->size ? size : b->size;

	b->p = realloc(b->p, size);
	CHECK(b->p);
	for (size_t i = 0; i < kept; i += kept < 4096 ? 1 : 509)
		CHECK_INT(b->p[i], ==, b->fill);
	memset(b->p, b->fill, size);
	b->size = size;
}

static void heap_step(struct work *w, void *state)
{
	struct heap *h = state;
	struct block *b = &h->at[rng_below(&w->rng, BLOCKS)];

	if (!b->p) {
		b->fill = (uint8_t)rng_next(&w->rng);
		heap_allocate(&w->rng, b);
		return;
	}
	check_block(b);
	if (rng_below(&w->rng, 3)) {
		free(b->p);
		b->p = NULL;
	} else {
		heap_resize(&w->rng, b);
	}
}

static void heap_end(void *state)
{
	struct heap *h = state;

	for (int i = 0; i < BLOCKS; i++) {
		if (h->at[i].p)
			check_block(&h->at[i]);
		free(h->at[i].p);
	}
	free(h);
}

/* ------------------------------------------------------------------------------------------------ stdio */

static FILE *shared;     /* by all calls and their callers */

void work_begin(void)
{
	shared = fopen("/dev/null", "w");
	CHECK(shared);
}

/* a file without a name: a cancelled call cannot leave one behind */
static int nameless_file(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_EXCL, 0600);

	if (fd < 0)
		fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	return fd;
}

/* lines written to a file of its own and read back */
static void stdio_own(struct work *w)
{
	int fd = nameless_file(), lines = 1 + rng_below(&w->rng, 40);
	unsigned first = (unsigned)rng_next(&w->rng);
	char line[64], expected[64];
	FILE *f;

	CHECK_INT(fd, >=, 0);
	f = fdopen(fd, "w+");
	CHECK(f);
	for (int i = 0; i < lines; i++)
		CHECK_INT(fprintf(f, "line %d: %u %.3f\n", i, first + i, i / 8.0), >, 0);
	CHECK_INT(fseek(f, 0, SEEK_SET), ==, 0);
	for (int i = 0; i < lines; i++) {
		CHECK(fgets(line, sizeof(line), f));
		snprintf(expected, sizeof(expected), "line %d: %u %.3f\n", i, first + i, i / 8.0);
		CHECK_STR(line, expected);
	}
	CHECK(!fgets(line, sizeof(line), f));
	CHECK(feof(f));
	CHECK_INT(fclose(f), ==, 0);
}

static void stdio_step(struct work *w, void *state)
{
	(void)state;
	switch (rng_below(&w->rng, 4)) {
	case 0:
		stdio_own(w);
		break;
	case 1:
		for (int i = 0; i < 20; i++)
			CHECK_INT(fprintf(shared, "%d %s %g\n", i, "shared", i * 0.1), >, 0);
		break;
	case 2:
		CHECK(fputs("shared by all\n", shared) >= 0);
		CHECK_INT(fflush(shared), ==, 0);
		break;
	default:
		printf("%s", "");
		CHECK_INT(fflush(stdout), ==, 0);
	}
}

/* ---------------------------------------------------------------------------------------------- strings */

static int compare_longs(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static void strings_numbers(struct work *w)
{
	char text[128];
	long n = (long)rng_below(&w->rng, 1000000007), got;
	double d = n / 1024.0, got_d;

	snprintf(text, sizeof(text), "%ld %.10f %lx", n, d, n);
	CHECK_INT(sscanf(text, "%ld %lf", &got, &got_d), ==, 2);
	CHECK_INT(got, ==, n);
	CHECK(got_d == d);
	CHECK(strtod(strchr(text, ' '), NULL) == d);
	CHECK_INT(strtol(strrchr(text, ' '), NULL, 16), ==, n);
}

static void strings_words(struct work *w)
{
	char text[256], *save, *word, *copy, *twice;
	int words = 1 + rng_below(&w->rng, 20), i = 0;
	size_t n = 0;

	for (i = 0; i < words; i++)
		n += snprintf(text + n, sizeof(text) - n, "w%d,", i);
	CHECK_INT(strlen(text), ==, n);
	copy = strdup(text);            /* blocks that libc allocates for its caller */
	CHECK_STR(copy, text);
	CHECK_INT(asprintf(&twice, "%s%s", copy, text), ==, (int)(2 * n));
	CHECK(!memcmp(twice + n, text, n));
	free(copy);
	free(twice);
	i = 0;
	for (word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save), i++) {
		CHECK_INT(atoi(word + 1), ==, i);
		CHECK(isalpha((unsigned char)word[0]) && isdigit((unsigned char)word[1]));
	}
	CHECK_INT(i, ==, words);
}

static void strings_sort(struct work *w)
{
	long numbers[300];
	int n = 1 + rng_below(&w->rng, 300);

	for (int i = 0; i < n; i++)
		numbers[i] = (long)rng_next(&w->rng);
	qsort(numbers, n, sizeof(numbers[0]), compare_longs);
	for (int i = 1; i < n; i++)
		CHECK(numbers[i - 1] <= numbers[i]);
}

static void strings_time(struct work *w)
{
	time_t t = (time_t)rng_below(&w->rng, 2000000000), back;
	struct tm tm;
	char text[64];

	CHECK(gmtime_r(&t, &tm));
	CHECK_INT(strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm), ==, 19);
	back = timegm(&tm);
	CHECK_INT(back, ==, t);
	CHECK(localtime_r(&t, &tm));
	CHECK(!strcmp(strerror_r(ENOENT, text, sizeof(text)), strerror_r(ENOENT, text, sizeof(text))));
	CHECK(getenv("PATH") || true);
}

static void strings_step(struct work *w, void *state)
{
	(void)state;
	switch (rng_below(&w->rng, 4)) {
	case 0:
		strings_numbers(w);
		break;
	case 1:
		strings_words(w);
		break;
	case 2:
		strings_sort(w);
		break;
	default:
		strings_time(w);
	}
}

/* -------------------------------------------------------------------------------------------------- png */

#ifdef HAVE_LIBPNG

#define MAX_SIDE 48

struct memory_file {
	uint8_t *p;
	size_t size, room, at;
};

static void png_append(png_structp png, png_bytep bytes, size_t n)
{
	struct memory_file *f = png_get_io_ptr(png);

	if (f->size + n > f->room) {
		f->room = (f->size + n) * 2;
		f->p = realloc(f->p, f->room);
		CHECK(f->p);
	}
	memcpy(f->p + f->size, bytes, n);
	f->size += n;
}

static void png_fetch(png_structp png, png_bytep bytes, size_t n)
{
	struct memory_file *f = png_get_io_ptr(png);

	if (n > f->size - f->at)
		png_error(png, "the picture ends too early");
	memcpy(bytes, f->p + f->at, n);
	f->at += n;
}

static void png_no_flush(png_structp png)
{
	(void)png;
}

static void png_encode(struct memory_file *f, uint8_t *pixels, int width, int height)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);

	CHECK(png && info);
	if (setjmp(png_jmpbuf(png)))
		test_fail(__FILE__, __LINE__, "libpng could not write");
	png_set_write_fn(png, f, png_append, png_no_flush);
	png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
	             PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (int y = 0; y < height; y++)
		png_write_row(png, pixels + y * width * 3);
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
}

/* @whole: the picture is; else libpng must find that it is not, and get out by its longjmp */
static bool png_decode(struct memory_file *f, uint8_t *pixels, int width, int height, bool whole)
{
	png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	uint8_t row[MAX_SIDE * 3];

	CHECK(png && info);
	if (setjmp(png_jmpbuf(png))) {
		png_destroy_read_struct(&png, &info, NULL);
		CHECK(!whole);
		return false;
	}
	png_set_read_fn(png, f, png_fetch);
	png_read_info(png, info);
	CHECK_INT(png_get_image_width(png, info), ==, width);
	CHECK_INT(png_get_image_height(png, info), ==, height);
	for (int y = 0; y < height; y++) {
		png_read_row(png, row, NULL);
		CHECK(!memcmp(row, pixels + y * width * 3, width * 3));
	}
	png_read_end(png, info);
	png_destroy_read_struct(&png, &info, NULL);
	return true;
}

static void png_step(struct work *w, void *state)
{
	int width = 1 + rng_below(&w->rng, MAX_SIDE), height = 1 + rng_below(&w->rng, MAX_SIDE);
	struct memory_file f = { 0 };
	uint8_t *pixels = malloc(width * height * 3);

	(void)state;
	CHECK(pixels);
	for (int i = 0; i < width * height * 3; i++)
		pixels[i] = (uint8_t)(i * 5 + (rng_next(&w->rng) >> 61));
	png_encode(&f, pixels, width, height);
	CHECK(png_decode(&f, pixels, width, height, true));
	free(f.p);
	free(pixels);
}

#endif

/* ---------------------------------------------------------------------------------------------- nesting */

static void *nested_heap(void *arg)
{
	struct work *w = arg;
	void *state = heap_begin();

	for (int i = 0; i < 20; i++)
		heap_step(w, state);
	heap_end(state);
	return w;
}

static void nest_step(struct work *w, void *state)
{
	stint_t *s = stint_launch(nested_heap, w, STINT_US(1 + rng_below(&w->rng, 200)));

	(void)state;
	CHECK(s);
	while (!stint_is_complete(s) && rng_below(&w->rng, 8))
		stint_resume(s, STINT_US(1 + rng_below(&w->rng, 200)));
	CHECK(!stint_is_complete(s) || stint_result(s) == w);
	stint_free(s);
}

const struct work_kind work_kinds[] = {
	{ "heap", heap_begin, heap_step, heap_end },
	{ "stdio", NULL, stdio_step, NULL },
	{ "strings", NULL, strings_step, NULL },
	{ "nest", NULL, nest_step, NULL },
#ifdef HAVE_LIBPNG
	{ "png", NULL, png_step, NULL },
#endif
};
const int work_kinds_n = sizeof(work_kinds) / sizeof(work_kinds[0]);
