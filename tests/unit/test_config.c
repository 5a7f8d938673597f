/*
 * test_config.c - what the environment says of workers and turns
 */
#include "unit.h"

#include <stdio.h>

#include <stint/thread.h>

#include "config.h"

START_TEST(spans)
{
	static const struct {
		const char *text;
		stint_ns span;
	} good[] = {
		{ "10us", 10000 },
		{ "200us", 200000 },
		{ "5ms", 5000000 },
		{ "1s", 1000000000 },
		{ "10s", 10000000000 },
		{ "10000ns", 10000 },
		{ "10000000us", 10000000000 },
		{ "auto", STINT_QUANTUM_AUTO },
		{ "007ms", 7000000 },
	};
	static const char *const bad[] = {
		"",
		"5",
		"us",
		"9us",
		"9999ns",
		"11s",
		"10000000001ns",
		"0s",
		"-5ms",
		"+5ms",
		" 5ms",
		"5 ms",
		"5ms ",
		"5msec",
		"1.5ms",
		"0x10us",
		"Auto",
		"automatic",
		"5m",
		"5h",
		"18446744073709551616ns",
		"18446744073709551615s",
		"9223372036854775807s",
		"184467440737095516us",
		"99999999999999999999999999ms",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		stint_ns span = -1;

		ck_assert_msg(config_parse_span(good[i].text, &span) == 0, "%s", good[i].text);
		ck_assert_int_eq(span, good[i].span);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stint_ns span;

		ck_assert_msg(config_parse_span(bad[i], &span) == EINVAL, "\"%s\"", bad[i]);
	}
}
END_TEST

START_TEST(workers)
{
	static const char *const bad[] = {
		"",    "0",   "-1", "+1", " 1", "1 ", "1x", "x", "257", "4294967297", "18446744073709551617",
		"0x4", "1.0", "1e2"
	};
	unsigned n;

	for (unsigned i = 1; i <= 256; i++) {
		char text[8];

		snprintf(text, sizeof(text), "%u", i);
		ck_assert_int_eq(config_parse_workers(text, &n), 0);
		ck_assert_uint_eq(n, i);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(config_parse_workers(bad[i], &n) == EINVAL, "\"%s\"", bad[i]);
}
END_TEST

UNIT_MAIN("config", spans, workers)
