/*
 * real-work.c - see real.h
 */
#include "../test.h"

#include "real.h"

#define SIDE 96

/* something to compress, different for each variant: neither constant nor noise */
static __attribute__((unused)) void draw(unsigned char *pixels, unsigned variant)
{
	for (int y = 0; y < SIDE; y++) {
		for (int x = 0; x < SIDE; x++) {
			unsigned char *p = pixels + 3 * (y * SIDE + x);

			p[0] = (unsigned char)(x * y * (variant + 1) / 16);
			p[1] = (unsigned char)((x ^ y) + variant);
			p[2] = (unsigned char)((x * 7 + y * 13 + variant) % 32);
		}
	}
}

#ifdef HAVE_LIBPNG

#include <png.h>

struct memory {
	unsigned char bytes[3 * SIDE * SIDE * 2];
	size_t n, at;
};

static void write_memory(png_structp png, png_bytep from, size_t n)
{
	struct memory *m = png_get_io_ptr(png);

	CHECK_INT(m->n + n, <=, sizeof(m->bytes));
	memcpy(m->bytes + m->n, from, n);
	m->n += n;
}

static void read_memory(png_structp png, png_bytep to, size_t n)
{
	struct memory *m = png_get_io_ptr(png);

	CHECK_INT(m->at + n, <=, m->n);
	memcpy(to, m->bytes + m->at, n);
	m->at += n;
}

static void flush_nothing(png_structp png)
{
	(void)png;
}

static void png_write(struct memory *m, unsigned char *pixels)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);

	CHECK(png && info);
	png_set_write_fn(png, m, write_memory, flush_nothing);
	png_set_IHDR(png, info, SIDE, SIDE, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_ADAM7, PNG_COMPRESSION_TYPE_DEFAULT,
	             PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (int pass = png_set_interlace_handling(png); pass--;)
		for (int y = 0; y < SIDE; y++)
			png_write_row(png, pixels + 3 * SIDE * y);
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
}

static void png_read(struct memory *m, unsigned char *pixels)
{
	png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	png_bytep rows[SIDE];

	CHECK(png && info);
	for (int y = 0; y < SIDE; y++)
		rows[y] = pixels + 3 * SIDE * y;
	png_set_read_fn(png, m, read_memory);
	png_read_info(png, info);
	png_set_interlace_handling(png);
	png_read_update_info(png, info);
	png_read_image(png, rows);
	png_read_end(png, NULL);
	png_destroy_read_struct(&png, &info, NULL);
}

static uint64_t run_png(unsigned variant)
{
	unsigned char *pixels = malloc(3 * SIDE * SIDE), *again = calloc(3, SIDE * SIDE);
	struct memory *m = calloc(1, sizeof(*m));
	uint64_t h;

	CHECK(pixels && again && m);
	draw(pixels, variant);
	png_write(m, pixels);
	png_read(m, again);
	CHECK(!memcmp(pixels, again, 3 * SIDE * SIDE));
	h = hash_bytes(HASH_START, m->bytes, m->n);
	free(pixels);
	free(again);
	free(m);
	return h;
}

#endif
#ifdef HAVE_JPEG

#include <jpeglib.h>

static void jpeg_write(unsigned char *pixels, unsigned char **out, unsigned long *n)
{
	struct jpeg_compress_struct c;
	struct jpeg_error_mgr err;

	c.err = jpeg_std_error(&err);
	jpeg_create_compress(&c);
	jpeg_mem_dest(&c, out, n);
	c.image_width = c.image_height = SIDE;
	c.input_components = 3;
	c.in_color_space = JCS_RGB;
	jpeg_set_defaults(&c);
	jpeg_set_quality(&c, 90, TRUE);
	jpeg_simple_progression(&c);
	jpeg_start_compress(&c, TRUE);
	while (c.next_scanline < c.image_height) {
		JSAMPROW row = pixels + 3 * SIDE * c.next_scanline;

		jpeg_write_scanlines(&c, &row, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
}

static uint64_t jpeg_read(unsigned char *bytes, unsigned long n)
{
	struct jpeg_decompress_struct d;
	struct jpeg_error_mgr err;
	unsigned char line[3 * SIDE];
	JSAMPROW row = line;
	uint64_t h = HASH_START;

	d.err = jpeg_std_error(&err);
	jpeg_create_decompress(&d);
	jpeg_mem_src(&d, bytes, n);
	CHECK_INT(jpeg_read_header(&d, TRUE), ==, JPEG_HEADER_OK);
	jpeg_start_decompress(&d);
	CHECK_INT(d.output_width, ==, SIDE);
	while (d.output_scanline < d.output_height) {
		jpeg_read_scanlines(&d, &row, 1);
		h = hash_bytes(h, line, sizeof(line));
	}
	jpeg_finish_decompress(&d);
	jpeg_destroy_decompress(&d);
	return h;
}

static uint64_t run_jpeg(unsigned variant)
{
	unsigned char *pixels = malloc(3 * SIDE * SIDE), *bytes = NULL;
	unsigned long n = 0;
	uint64_t h;

	CHECK(pixels);
	draw(pixels, variant);
	jpeg_write(pixels, &bytes, &n);
	h = hash_bytes(jpeg_read(bytes, n), bytes, n);
	free(bytes);
	free(pixels);
	return h;
}

#endif
#ifdef HAVE_EXPAT

#include <expat.h>

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	uint64_t *h = arg;

	*h = hash_bytes(*h, name, strlen(name));
	for (; *attributes; attributes++)
		*h = hash_bytes(*h, *attributes, strlen(*attributes));
}

static void on_end(void *arg, const XML_Char *name)
{
	uint64_t *h = arg;

	*h = hash_bytes(*h, name, strlen(name)) + 1;
}

static void on_text(void *arg, const XML_Char *text, int n)
{
	uint64_t *h = arg;

	*h = hash_bytes(*h, text, (size_t)n);
}

static uint64_t run_expat(unsigned variant)
{
	XML_Parser parser = XML_ParserCreate("UTF-8");
	uint64_t h = HASH_START;
	char line[200];
	int n;

	CHECK(parser);
	XML_SetUserData(parser, &h);
	XML_SetElementHandler(parser, on_start, on_end);
	XML_SetCharacterDataHandler(parser, on_text);
	n = snprintf(line, sizeof(line), "<!DOCTYPE d [<!ENTITY e \"entity &#x41;\">]><d variant='%u'>", variant);
	CHECK_INT(XML_Parse(parser, line, n, 0), ==, XML_STATUS_OK);
	for (unsigned i = 0; i < 400; i++) {
		n = snprintf(line, sizeof(line), "<item id=\"%u\" a%u='&lt;%u&gt;'>&e; text %u<![CDATA[<raw>]]></item>\n",
		             i, i % 50, i * variant, i + variant);
		CHECK_INT(XML_Parse(parser, line, n, 0), ==, XML_STATUS_OK);
	}
	CHECK_INT(XML_Parse(parser, "</d>", 4, 1), ==, XML_STATUS_OK);
	XML_ParserFree(parser);
	return h;
}

#endif
#ifdef HAVE_SQLITE

#include <sqlite3.h>

static void query(sqlite3 *db, const char *sql)
{
	char *err = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK)
		test_fail(__FILE__, __LINE__, "%s: %s", sql, err ? err : "?");
}

static uint64_t run_sqlite(unsigned variant)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	uint64_t h = HASH_START;
	char sql[200];

	CHECK_INT(sqlite3_open(":memory:", &db), ==, SQLITE_OK);
	query(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, v REAL); CREATE INDEX i ON t (k)");
	query(db, "BEGIN");
	for (unsigned i = 0; i < 120; i++) {
		snprintf(sql, sizeof(sql), "INSERT INTO t (k, v) VALUES ('key %u', %u.5)", (i * 37 + variant) % 101, i * variant);
		query(db, sql);
	}
	query(db, "COMMIT");
	query(db, "UPDATE t SET v = v * 2 WHERE id % 3 = 0");
	CHECK_INT(sqlite3_prepare_v2(db, "SELECT k, count(*), sum(v), group_concat(id) FROM t GROUP BY k ORDER BY sum(v), k", -1,
	                             &st, NULL), ==, SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		for (int c = 0; c < 4; c++)
			h = hash_bytes(h, sqlite3_column_text(st, c), (size_t)sqlite3_column_bytes(st, c));
	sqlite3_finalize(st);
	CHECK_INT(sqlite3_close(db), ==, SQLITE_OK);
	return h;
}

#endif
#ifdef HAVE_LIBCRYPTO

#include <openssl/evp.h>

/* the algorithms are fetched, and all that the library keeps is set up, in the call */
static uint64_t run_crypto(unsigned variant)
{
	static const unsigned char key[32] = "01234567890123456789012345678901", iv[16] = "abcdefghijklmno";
	unsigned char *text = malloc(20000), *out = malloc(20100), digest[EVP_MAX_MD_SIZE];
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned size = 0;
	int n = 0, m = 0;
	uint64_t h;

	CHECK(text && out && cipher && md);
	for (int i = 0; i < 20000; i++)
		text[i] = (unsigned char)((unsigned)i * i + variant);
	CHECK(EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, iv));
	CHECK(EVP_EncryptUpdate(cipher, out, &n, text, 20000));
	CHECK(EVP_EncryptFinal_ex(cipher, out + n, &m));
	CHECK(EVP_DigestInit_ex(md, variant % 2 ? EVP_sha512() : EVP_sha3_256(), NULL));
	CHECK(EVP_DigestUpdate(md, out, (size_t)(n + m)));
	CHECK(EVP_DigestFinal_ex(md, digest, &size));
	h = hash_bytes(hash_bytes(HASH_START, digest, size), out, (size_t)(n + m));
	CHECK(PKCS5_PBKDF2_HMAC("password", 8, iv, 16, 200, EVP_sha256(), 32, digest));
	h = hash_bytes(h, digest, 32);
	EVP_CIPHER_CTX_free(cipher);
	EVP_MD_CTX_free(md);
	free(text);
	free(out);
	return h;
}

#endif

#define LIBRARIES(...) (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)

const struct real_work real_works[] = {
#ifdef HAVE_LIBPNG
	{ "libpng and zlib", LIBRARIES("libpng16.so.16", "libz.so.1"), run_png },
#endif
#ifdef HAVE_JPEG
	{ "libjpeg", LIBRARIES("libjpeg.so.62"), run_jpeg },
#endif
#ifdef HAVE_EXPAT
	{ "expat", LIBRARIES("libexpat.so.1"), run_expat },
#endif
#ifdef HAVE_SQLITE
	{ "sqlite3", LIBRARIES("libsqlite3.so.0"), run_sqlite },
#endif
#ifdef HAVE_LIBCRYPTO
	{ "libcrypto", LIBRARIES("libcrypto.so.3"), run_crypto },
#endif
	{ NULL, NULL, 0, NULL }
};
