# tests/libset/local.mk - library sets: libraries made for it, and real ones
#
# fickle and grain are built in several ways of linking: what each has to offer is in fickle.h. They have no sanitizer, like most
# libraries that one has not built oneself: it would have its own account of each variable.

noinst_HEADERS += \
	tests/libset/busy.h \
	tests/libset/classes.h \
	tests/libset/exposed.h \
	tests/libset/fickle.h \
	tests/libset/grain.h \
	tests/libset/in_set.h \
	tests/libset/real.h

# -rpath: or libtool makes no shared object of something that is not installed. Its directory is in the programs' run path.
libset_cflags = -std=gnu11 $(WARN_CFLAGS) $(WARN_CONLYFLAGS) -pthread
libset_ldflags = -avoid-version -rpath /nowhere
libset_grain = '-Wl,tests/libset/.libs/libgrain.so,-rpath,$$ORIGIN'

check_LTLIBRARIES += \
	tests/libset/libbusy.la \
	tests/libset/libexposed.la \
	tests/libset/libfickle.la \
	tests/libset/libfickle-ie.la \
	tests/libset/libfickle-now.la \
	tests/libset/libfickle-plain.la \
	tests/libset/libgrain.la
tests_libset_libfickle_la_SOURCES = tests/libset/fickle.c
tests_libset_libfickle_la_CFLAGS = $(libset_cflags)
tests_libset_libfickle_la_LDFLAGS = $(libset_ldflags) -Wl,-z,lazy $(libset_grain)
EXTRA_tests_libset_libfickle_la_DEPENDENCIES = tests/libset/libgrain.la
tests_libset_libfickle_now_la_SOURCES = tests/libset/fickle.c
tests_libset_libfickle_now_la_CFLAGS = $(libset_cflags) -fno-plt
tests_libset_libfickle_now_la_LDFLAGS = $(libset_ldflags) -Wl,-z,now -Wl,--hash-style=gnu $(RELR_LDFLAGS) $(libset_grain)
EXTRA_tests_libset_libfickle_now_la_DEPENDENCIES = tests/libset/libgrain.la
tests_libset_libfickle_plain_la_SOURCES = tests/libset/fickle.c
tests_libset_libfickle_plain_la_CFLAGS = $(libset_cflags)
tests_libset_libfickle_plain_la_CPPFLAGS = $(AM_CPPFLAGS) -DFICKLE_WITHOUT_TLS
tests_libset_libfickle_plain_la_LDFLAGS = $(libset_ldflags) $(libset_grain)
EXTRA_tests_libset_libfickle_plain_la_DEPENDENCIES = tests/libset/libgrain.la
tests_libset_libfickle_ie_la_SOURCES = tests/libset/fickle.c
tests_libset_libfickle_ie_la_CFLAGS = $(libset_cflags)
tests_libset_libfickle_ie_la_CPPFLAGS = $(AM_CPPFLAGS) -DFICKLE_TLS='"initial-exec"'
tests_libset_libfickle_ie_la_LDFLAGS = $(libset_ldflags) $(libset_grain)
EXTRA_tests_libset_libfickle_ie_la_DEPENDENCIES = tests/libset/libgrain.la
tests_libset_libbusy_la_SOURCES = tests/libset/busy.c
tests_libset_libbusy_la_CFLAGS = $(libset_cflags)
tests_libset_libbusy_la_LDFLAGS = $(libset_ldflags)
tests_libset_libexposed_la_SOURCES = tests/libset/exposed.c
tests_libset_libexposed_la_CFLAGS = $(libset_cflags)
tests_libset_libexposed_la_LDFLAGS = $(libset_ldflags)
tests_libset_libgrain_la_SOURCES = tests/libset/grain.c
tests_libset_libgrain_la_CFLAGS = $(libset_cflags)
tests_libset_libgrain_la_LDFLAGS = $(libset_ldflags)

check_LTLIBRARIES += tests/libset/eager.la tests/libset/plugin.la tests/libset/libgrain2.la
tests_libset_eager_la_SOURCES = tests/libset/eager.c
tests_libset_eager_la_LDFLAGS = $(INSTALLED_LDFLAGS) -module -avoid-version -rpath /nowhere
tests_libset_libgrain2_la_SOURCES = tests/libset/grain.c
tests_libset_libgrain2_la_CFLAGS = $(libset_cflags)
tests_libset_libgrain2_la_LDFLAGS = $(libset_ldflags)
tests_libset_plugin_la_SOURCES = tests/libset/plugin.c
tests_libset_plugin_la_CFLAGS = $(libset_cflags)
tests_libset_plugin_la_LDFLAGS = -module -avoid-version -rpath /nowhere -Wl,-z,lazy \
	'-Wl,tests/libset/.libs/libfickle.so,-rpath,$$ORIGIN'
EXTRA_tests_libset_plugin_la_DEPENDENCIES = tests/libset/libfickle.la

libset_tests = \
	tests/libset/calls \
	tests/libset/calls_now \
	tests/libset/calls_other \
	tests/libset/calls_namespace \
	tests/libset/churn \
	tests/libset/errors \
	tests/libset/fault \
	tests/libset/hooks \
	tests/libset/late \
	tests/libset/many \
	tests/libset/real \
	tests/libset/state \
	tests/libset/state_namespace
if HAVE_CXX
libset_tests += tests/libset/cxx
check_LTLIBRARIES += tests/libset/libclasses.la
endif
check_PROGRAMS += $(libset_tests)
TESTS += $(libset_tests)

libset_cppflags = $(AM_CPPFLAGS) -DFICKLE='"libfickle.so"' -DGRAIN='"libgrain.so"'
libset_now_cppflags = $(AM_CPPFLAGS) -DFICKLE='"libfickle-now.so"' -DGRAIN='"libgrain.so"'
libset_plain_cppflags = $(AM_CPPFLAGS) -DFICKLE='"libfickle-plain.so"' -DGRAIN='"libgrain.so"' \
	-DBACKEND=STINT_LIBSET_NAMESPACE
libset_plain_ldadd = tests/libset/libfickle-plain.la tests/libset/libgrain.la libstint.la
libset_ldadd = tests/libset/libfickle.la tests/libset/libgrain.la libstint.la
libset_now_ldadd = tests/libset/libfickle-now.la tests/libset/libgrain.la libstint.la

tests_libset_calls_CPPFLAGS = $(libset_cppflags)
tests_libset_calls_LDADD = $(libset_ldadd)
tests_libset_calls_now_SOURCES = tests/libset/calls.c
tests_libset_calls_now_CPPFLAGS = $(libset_now_cppflags)
tests_libset_calls_now_CFLAGS = $(AM_CFLAGS) -fno-plt
tests_libset_calls_now_LDFLAGS = $(AM_LDFLAGS) -Wl,-z,now
tests_libset_calls_now_LDADD = $(libset_now_ldadd)
tests_libset_state_CPPFLAGS = $(libset_cppflags)
tests_libset_state_LDADD = $(libset_ldadd)

# in link namespaces
tests_libset_calls_namespace_SOURCES = tests/libset/calls.c
tests_libset_calls_namespace_CPPFLAGS = $(libset_plain_cppflags)
tests_libset_calls_namespace_LDADD = $(libset_plain_ldadd)
tests_libset_state_namespace_SOURCES = tests/libset/state.c
tests_libset_state_namespace_CPPFLAGS = $(libset_plain_cppflags)
tests_libset_state_namespace_LDADD = $(libset_plain_ldadd)

tests_libset_churn_CPPFLAGS = $(libset_cppflags)
tests_libset_churn_LDADD = $(libset_ldadd)
tests_libset_errors_CPPFLAGS = $(AM_CPPFLAGS) -DGRAIN_PATH='"$(abs_builddir)/tests/libset/.libs/libgrain.so"'
tests_libset_errors_LDADD = tests/libset/libfickle-ie.la tests/libset/libexposed.la tests/libset/libgrain.la libstint.la
tests_libset_late_CPPFLAGS = $(libset_cppflags) -DEAGER='"$(abs_builddir)/tests/libset/.libs/eager.so"' \
	-DPLUGIN='"$(abs_builddir)/tests/libset/.libs/plugin.so"'
tests_libset_late_LDADD = $(libset_ldadd)
tests_libset_many_CPPFLAGS = $(libset_cppflags)
tests_libset_many_LDADD = $(libset_ldadd)

# real libraries
real_cppflags = $(AM_CPPFLAGS)
real_ldadd = libstint.la
if HAVE_LIBPNG
real_cppflags += -DHAVE_LIBPNG $(PNG_CFLAGS)
real_ldadd += $(PNG_LIBS)
endif
if HAVE_JPEG
real_cppflags += -DHAVE_JPEG $(JPEG_CFLAGS)
real_ldadd += $(JPEG_LIBS)
endif
if HAVE_EXPAT
real_cppflags += -DHAVE_EXPAT $(EXPAT_CFLAGS)
real_ldadd += $(EXPAT_LIBS)
endif
if HAVE_SQLITE
real_cppflags += -DHAVE_SQLITE $(SQLITE_CFLAGS)
real_ldadd += $(SQLITE_LIBS)
endif
if HAVE_LIBCRYPTO
real_cppflags += -DHAVE_LIBCRYPTO $(LIBCRYPTO_CFLAGS)
real_ldadd += $(LIBCRYPTO_LIBS)
endif
tests_libset_real_SOURCES = tests/libset/real.c tests/libset/real-work.c
tests_libset_real_CPPFLAGS = $(real_cppflags)
tests_libset_real_LDADD = $(real_ldadd)

tests_libset_hooks_LDADD = tests/libset/libbusy.la libstint.la
tests_libset_libclasses_la_SOURCES = tests/libset/classes.cc
tests_libset_libclasses_la_CXXFLAGS = -std=gnu++17 $(WARN_CFLAGS)
tests_libset_libclasses_la_LDFLAGS = $(libset_ldflags)
tests_libset_cxx_SOURCES = tests/libset/cxx.cc
tests_libset_cxx_LDADD = tests/libset/libclasses.la libstint.la

# as where ld.so is another, with hidden names
tests_libset_calls_other_SOURCES = tests/libset/calls.c
tests_libset_calls_other_CPPFLAGS = $(libset_cppflags) -I$(top_srcdir)/runtime -DOTHER_WAYS
tests_libset_calls_other_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_libset_calls_other_LDADD = tests/libset/libfickle.la tests/libset/libgrain.la $(CORE_OBJECTS)
tests_libset_fault_CPPFLAGS = $(CORE_CPPFLAGS)
tests_libset_fault_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_libset_fault_LDADD = tests/libset/libfickle.la tests/libset/libgrain.la $(CORE_OBJECTS)
