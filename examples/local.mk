# examples/local.mk - the numbered tutorial, the programs, a policy as a plug-in, private libraries, the PNG decoder and the demo that runs it

example_args = examples/args.c examples/args.h
example_holdings = examples/holdings.c examples/holdings.h

check_PROGRAMS += \
	examples/01-timeout \
	examples/02-resume \
	examples/03-generator \
	examples/04-pipeline \
	examples/faas \
	examples/fanout

examples_01_timeout_SOURCES = examples/01-timeout.c
examples_01_timeout_LDADD = libstint.la

examples_02_resume_SOURCES = examples/02-resume.c
examples_02_resume_LDADD = libstint.la

examples_03_generator_SOURCES = examples/03-generator.c $(example_args) $(example_holdings)
examples_03_generator_LDADD = libstint.la

examples_04_pipeline_SOURCES = \
	examples/04-pipeline.c \
	examples/words.c \
	examples/words.h \
	$(example_args)
examples_04_pipeline_LDADD = libstint.la

examples_faas_SOURCES = examples/faas.c examples/faas.h $(example_args) $(example_holdings)
examples_faas_LDADD = libstint.la

examples_fanout_SOURCES = \
	examples/fanout-leaf.c \
	examples/fanout.c \
	examples/fanout.h \
	$(example_args) \
	$(example_holdings)
examples_fanout_LDADD = libstint.la

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

if HAVE_HTTP_PARSER
check_PROGRAMS += examples/httpd
examples_httpd_SOURCES = \
	examples/burn.c \
	examples/burn.h \
	examples/httpd-http.c \
	examples/httpd.c \
	examples/httpd.h \
	$(example_args)
examples_httpd_LDADD = libstint.la $(HTTP_PARSER_LIBS)
endif

# Functions for faas are compiled as outside the tree: one header, no library of ours.
faas_functions = examples/faas-leak.so examples/faas-spin.so examples/faas-wait.so examples/faas-words.so
check_DATA = $(faas_functions)
EXTRA_DIST += examples/faas-leak.c examples/faas-spin.c examples/faas-wait.c examples/faas-words.c
CLEANFILES += $(faas_functions)
examples/faas-leak.so: $(srcdir)/examples/faas-leak.c $(srcdir)/examples/faas.h
	$(build_faas_function) $(srcdir)/examples/faas-leak.c
examples/faas-spin.so: $(srcdir)/examples/faas-spin.c $(srcdir)/examples/faas.h
	$(build_faas_function) $(srcdir)/examples/faas-spin.c
examples/faas-wait.so: $(srcdir)/examples/faas-wait.c $(srcdir)/examples/faas.h
	$(build_faas_function) $(srcdir)/examples/faas-wait.c
examples/faas-words.so: $(srcdir)/examples/faas-words.c $(srcdir)/examples/faas.h
	$(build_faas_function) $(srcdir)/examples/faas-words.c
build_faas_function = $(AM_V_CCLD)$(MKDIR_P) examples && \
	$(CC) -std=gnu11 -Wall -Wextra $(CFLAGS) -shared -fPIC -pthread -o $@

EXTRA_DIST += examples/demo.sh
CLEANFILES += examples/bomb.png examples/damaged.png

# A plug-in is compiled as outside the tree: one header, no configuration.
check_DATA += examples/policy-lottery.so
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
	$(example_args) \
	$(example_holdings) \
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
