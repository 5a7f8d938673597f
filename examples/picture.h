/*
 * picture.h - read a PNG file into memory; plain libpng code that knows nothing of stint
 */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stdint.h>

struct picture {
	const char *path;
	long long file_size;            /* these are filled in as they become known */
	uint32_t width, height;
	unsigned char **rows;           /* height rows of width RGBA pixels */
	char error[120];                /* why there is no picture; else "" */
};

bool picture_read(struct picture *pic);         /* false: see error; nothing is left allocated then */
void picture_release(struct picture *pic);
uint64_t picture_checksum(const struct picture *pic);

#endif
