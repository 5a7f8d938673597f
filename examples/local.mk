# examples/local.mk - the numbered tutorial, private libraries, the PNG decoder, and the demo that runs it

check_PROGRAMS += \
	examples/01-timeout \
	examples/02-resume

examples_01_timeout_SOURCES = examples/01-timeout.c
examples_01_timeout_LDADD = libstint.la

examples_02_resume_SOURCES = examples/02-resume.c
examples_02_resume_LDADD = libstint.la

# A library as one finds them: without sanitizers. Not installed, but found by the run path of what is linked with it.
check_LTLIBRARIES += examples/libroman.la
examples_libroman_la_SOURCES = examples/roman.c examples/roman.h
examples_libroman_la_CFLAGS = -std=gnu11 $(WARN_CFLAGS) $(WARN_CONLYFLAGS)
examples_libroman_la_LDFLAGS = -avoid-version -rpath /nowhere

check_PROGRAMS += examples/private
examples_private_SOURCES = examples/private.c
examples_private_LDADD = examples/libroman.la libstint.la
TESTS += examples/private

TESTS += \
	examples/01-timeout \
	examples/02-resume

EXTRA_DIST += examples/demo.sh
CLEANFILES += examples/bomb.png examples/damaged.png

# A plug-in is compiled as outside the tree: one header, no configuration.
check_DATA = examples/policy-lottery.so
EXTRA_DIST += examples/policy-lottery.c
CLEANFILES += examples/policy-lottery.so
examples/policy-lottery.so: $(srcdir)/examples/policy-lottery.c $(srcdir)/include/stint/sched.h
	$(AM_V_CCLD)$(MKDIR_P) examples && $(CC) -std=c11 -Wall -Wextra $(CFLAGS) -shared -fPIC -I$(srcdir)/include \
	    -o $@ $(srcdir)/examples/policy-lottery.c

if HAVE_LIBPNG

noinst_PROGRAMS += \
	examples/decode \
	examples/mkbomb

examples_decode_SOURCES = \
	examples/decode-options.c \
	examples/decode-options.h \
	examples/decode.c \
	examples/picture.c \
	examples/picture.h
examples_decode_CFLAGS = $(AM_CFLAGS) $(PNG_CFLAGS)
examples_decode_LDADD = libstint.la $(PNG_LIBS)

examples_mkbomb_SOURCES = examples/mkbomb.c
examples_mkbomb_CFLAGS = $(AM_CFLAGS) $(PNG_CFLAGS)
examples_mkbomb_LDADD = $(PNG_LIBS)

check_DATA += examples/bomb.png
examples/bomb.png: examples/mkbomb$(EXEEXT)
	$(AM_V_GEN)examples/mkbomb$(EXEEXT) $@

# Real pictures, from the Debian package glmark2-data; or name others: make demo PICTURES="one.png two.png"
PICTURES_DIR = /usr/share/glmark2/textures
PICTURES = \
	$(PICTURES_DIR)/nasa1.png \
	$(PICTURES_DIR)/nasa2.png \
	$(PICTURES_DIR)/nasa3.png \
	$(PICTURES_DIR)/crate-base.png \
	$(PICTURES_DIR)/asteroid-normal-map.png

demo: examples/decode$(EXEEXT) examples/bomb.png
	@$(SHELL) $(srcdir)/examples/demo.sh "$(STINT_RUN) examples/decode$(EXEEXT)" examples/bomb.png \
		examples/damaged.png $(PICTURES)

else

demo:
	@echo "The demo needs libpng (Debian: apt-get install libpng-dev) and a new configure." >&2
	@exit 1

endif

.PHONY: demo
