# tools/local.mk - the stint command, and what gdb reads

bin_PROGRAMS += stint
stint_SOURCES = \
	$(sim_sources) \
	tools/sim.c \
	tools/stint.c \
	tools/tools.h
stint_LDADD = libstint.la

dist_pkgdata_DATA += tools/stint-gdb.py

# libtool fixes run path and libdir when it is configured. These fix them again, so that after "make install prefix=DIR" the
# command finds the library it was installed with.
install-exec-hook:
	$(AM_V_CCLD)$(CC) $(AM_CFLAGS) $(CFLAGS) $(INSTALLED_LDFLAGS) $(LDFLAGS) \
	    -o "$(DESTDIR)$(bindir)/`echo stint | $(SED) '$(transform)'`" \
	    $(stint_OBJECTS) .libs/libstint.so "-Wl,-rpath,$(libdir)"
	$(SED) -e "s|^libdir=.*|libdir='$(libdir)'|" .libs/libstint.lai > libstint.la-t
	$(INSTALL_DATA) libstint.la-t "$(DESTDIR)$(libdir)/libstint.la"
	rm -f libstint.la-t
