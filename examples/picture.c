/*
 * picture.c - read a PNG file into memory, as rows of RGBA pixels with 8 bits each
 *
 * Ordinary code: it opens a file, allocates, reports errors by longjmp as libpng wants it, and cleans up
 * when it fails. Nothing here is prepared for being stopped halfway, and that is the point of the example.
 *
 * Rows are allocated one at a time as they are reached, so that a small file which claims to be huge costs
 * memory only for the part of it that was decoded. (An interlaced picture needs all rows in its first pass.)
 */
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "picture.h"

static void on_error(png_structp png, png_const_charp message)
{
	struct picture *pic = png_get_error_ptr(png);

	snprintf(pic->error, sizeof pic->error, "%s", message);
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
	(void)png, (void)message;
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
	FILE *file = png_get_io_ptr(png);

	if (fread(to, 1, n, file) == n)
		return;
	png_error(png, ferror(file) ? strerror(errno) : "the file ends too early");
}

static void ask_for_rgba(png_structp png)
{
	png_set_expand(png);            /* palettes, 1 to 4 bits, transparency */
	png_set_scale_16(png);
	png_set_gray_to_rgb(png);
	png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
}

static void read_rows(png_structp png, struct picture *pic, int passes, size_t row_size)
{
	pic->rows = calloc(pic->height, sizeof *pic->rows);
	if (!pic->rows)
		png_error(png, "out of memory");
	for (int pass = 0; pass < passes; pass++) {
		for (uint32_t y = 0; y < pic->height; y++) {
			if (!pic->rows[y])
				pic->rows[y] = malloc(row_size);
			if (!pic->rows[y])
				png_error(png, "out of memory");
			png_read_row(png, pic->rows[y], NULL);
		}
	}
}

static bool read_png(png_structp png, png_infop info, struct picture *pic, FILE *file)
{
	if (setjmp(png_jmpbuf(png)))
		return false;
	png_set_read_fn(png, file, on_read);
	png_read_info(png, info);
	pic->width = png_get_image_width(png, info);
	pic->height = png_get_image_height(png, info);
	ask_for_rgba(png);
	int passes = png_set_interlace_handling(png);
	png_read_update_info(png, info);
	read_rows(png, pic, passes, png_get_rowbytes(png, info));
	png_read_end(png, NULL);
	return true;
}

static bool read_file(struct picture *pic, FILE *file)
{
	png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, pic, on_error, on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	bool ok = false;

	if (info)
		ok = read_png(png, info, pic, file);
	else
		snprintf(pic->error, sizeof pic->error, "out of memory");
	png_destroy_read_struct(&png, &info, NULL);
	if (!ok)
		picture_release(pic);
	return ok;
}

bool picture_read(struct picture *pic)
{
	struct stat st;
	FILE *file = fopen(pic->path, "rb");

	if (!file || fstat(fileno(file), &st)) {
		snprintf(pic->error, sizeof pic->error, "%s", strerror(errno));
		if (file)
			fclose(file);
		return false;
	}
	pic->file_size = st.st_size;
	bool ok = read_file(pic, file);
	fclose(file);
	return ok;
}

void picture_release(struct picture *pic)
{
	for (uint32_t y = 0; pic->rows && y < pic->height; y++)
		free(pic->rows[y]);
	free(pic->rows);
	pic->rows = NULL;
}

/* FNV-1a over all pixels: tells two pictures apart, needs no other library */
uint64_t picture_checksum(const struct picture *pic)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (uint32_t y = 0; y < pic->height; y++)
		for (size_t i = 0; i < (size_t)pic->width * 4; i++)
			sum = (sum ^ pic->rows[y][i]) * 0x100000001b3;
	return sum;
}
