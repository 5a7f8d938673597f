/*
 * test_settings.c - what the environment variables may say, and what is said about the rest
 */
#include "unit.h"

#include <signal.h>

#include <stint/libset.h>

#include "settings.h"

static int parsed_signal(const char *text)
{
	int signo = -77;

	if (settings_parse_signal(text, &signo))
		return 0;
	return signo;
}

static size_t parsed_size(const char *text)
{
	size_t size = 77;

	if (settings_parse_size(text, &size))
		return 0;
	return size;
}

START_TEST(signals)
{
	ck_assert_int_eq(parsed_signal("23"), 23);
	ck_assert_int_eq(parsed_signal("URG"), SIGURG);
	ck_assert_int_eq(parsed_signal("SIGURG"), SIGURG);
	ck_assert_int_eq(parsed_signal("SIGUSR2"), SIGUSR2);
	ck_assert_int_eq(parsed_signal("RTMIN"), SIGRTMIN);
	ck_assert_int_eq(parsed_signal("RTMIN+3"), SIGRTMIN + 3);
	ck_assert_int_eq(parsed_signal("SIGRTMIN+3"), SIGRTMIN + 3);
	ck_assert_int_eq(parsed_signal("64"), 64);
}
END_TEST

START_TEST(not_signals)
{
	static const char *const wrong[] = {
		"", " ", "0", "-1", "65", "99999999999999999999", "4294967319", "23 ", " 23", "23x", "urg", "SIG", "SIGSIGURG",
		"NONSENSE", "KILL", "9", "SIGSTOP", "SEGV", "SIGBUS", "FPE", "ILL", "TRAP", "32", "33", "RTMIN+",
		"RTMIN+64", "RTMIN+99", "RTMIN-1", "RTMIN+3x",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(parsed_signal(wrong[i]) == 0, "\"%s\" is taken for signal %d", wrong[i],
		              parsed_signal(wrong[i]));
}
END_TEST

START_TEST(sizes)
{
	ck_assert_uint_eq(parsed_size("65536"), 65536);
	ck_assert_uint_eq(parsed_size("4096"), 4096);
	ck_assert_uint_eq(parsed_size("64K"), 65536);
	ck_assert_uint_eq(parsed_size("64k"), 65536);
	ck_assert_uint_eq(parsed_size("1M"), 1 << 20);
	ck_assert_uint_eq(parsed_size("1G"), 1 << 30);
}
END_TEST

START_TEST(not_sizes)
{
	static const char *const wrong[] = {
		"", "K", "0", "1", "4095", "-64K", "+64K", " 64K", "64 K", "64KB", "64T", "2G", "1025M", "1073741825",
		"99999999999999999999", "18446744073709551616", "0x10000", "64.5K",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(parsed_size(wrong[i]) == 0, "\"%s\" is taken for %zu", wrong[i], parsed_size(wrong[i]));
}
END_TEST

START_TEST(environment)
{
	struct settings s;
	char why[256] = "";

	unsetenv("STINT_SIGNAL");
	unsetenv("STINT_STACK");
	ck_assert_int_eq(settings_read(&s, why, sizeof(why), 0), 0);
	ck_assert_int_eq(s.signo, SIGURG);
	ck_assert_uint_eq(s.stack_size, STACK_SIZE_DEFAULT);

	setenv("STINT_SIGNAL", "USR1", 1);
	setenv("STINT_STACK", "256K", 1);
	ck_assert_int_eq(settings_read(&s, why, sizeof(why), 0), 0);
	ck_assert_int_eq(s.signo, SIGUSR1);
	ck_assert_uint_eq(s.stack_size, 256 << 10);

	setenv("STINT_SIGNAL", "bogus", 1);
	ck_assert_int_eq(settings_read(&s, why, sizeof(why), 0), EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "STINT_SIGNAL"));
	ck_assert_ptr_nonnull(strstr(why, "bogus"));

	unsetenv("STINT_SIGNAL");
	setenv("STINT_STACK", "tiny", 1);
	ck_assert_int_eq(settings_read(&s, why, sizeof(why), 0), EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "STINT_STACK"));
	ck_assert_ptr_nonnull(strstr(why, "tiny"));

	unsetenv("STINT_STACK");
	setenv("STINT_LIBSET", "namespace", 1);
	ck_assert_int_eq(settings_read(&s, why, sizeof(why), 0), 0);
	ck_assert_int_eq(s.libset, STINT_LIBSET_NAMESPACE);
	setenv("STINT_LIBSET", "copies", 1);
	ck_assert_int_eq(settings_read(&s, why, sizeof(why), 0), EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "STINT_LIBSET"));
	unsetenv("STINT_LIBSET");
	ck_assert_int_eq(settings_read(&s, why, sizeof(why), 0), 0);
	ck_assert_int_eq(s.libset, STINT_LIBSET_AUTO);

	/* however long the value, the sentence ends within its room */
	char *text = malloc(10000);

	memset(text, 'x', 9999);
	text[9999] = '\0';
	setenv("STINT_STACK", text, 1);
	memset(why, 'y', sizeof(why));
	ck_assert_int_eq(settings_read(&s, why, 100, 0), EINVAL);
	ck_assert_uint_lt(strlen(why), 100);
	ck_assert_int_eq(why[100], 'y');
	free(text);
	unsetenv("STINT_STACK");
}
END_TEST

UNIT_MAIN("settings", signals, not_signals, sizes, not_sizes, environment)
