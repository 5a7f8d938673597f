# doc/local.mk - manual pages, the architecture, and the first program of README.md
#
# Each public function has a page: its own, or one line that refers to the page that describes it
# (tests/build/manpages.sh).

nodist_man_MANS += doc/stint-interposition.7
dist_man_MANS += \
	doc/stint.1 \
	doc/stint.7 \
	doc/stint-libset.7 \
	doc/stint-scheduling.7 \
	doc/stint_cancel.3 \
	doc/stint_defer.3 \
	doc/stint_free.3 \
	doc/stint_is_complete.3 \
	doc/stint_launch.3 \
	doc/stint_launch_with.3 \
	doc/stint_libset_close.3 \
	doc/stint_libset_info.3 \
	doc/stint_libset_open.3 \
	doc/stint_libset_open_with.3 \
	doc/stint_libset_pool_create.3 \
	doc/stint_libset_pool_free.3 \
	doc/stint_libset_pool_get.3 \
	doc/stint_libset_pool_put.3 \
	doc/stint_libset_report.3 \
	doc/stint_libset_reset.3 \
	doc/stint_libset_symbol.3 \
	doc/stint_pause.3 \
	doc/stint_policy.3 \
	doc/stint_policy_builtin.3 \
	doc/stint_policy_load.3 \
	doc/stint_preempt_disable.3 \
	doc/stint_preempt_enable.3 \
	doc/stint_result.3 \
	doc/stint_resume.3 \
	doc/stint_self.3 \
	doc/stint_state.3 \
	doc/stint_unsupported.3 \
	doc/stint_usage.3 \
	doc/stint_version.3

# the lists in it are the table that the library is built from
doc/stint-interposition.7: $(srcdir)/doc/stint-interposition.7.in $(srcdir)/doc/interposition.sh \
		$(srcdir)/runtime/interpose/table.def
	$(AM_V_GEN)$(MKDIR_P) doc && $(SHELL) $(srcdir)/doc/interposition.sh '$(VERSION)' \
	    $(srcdir)/runtime/interpose/table.def $(srcdir)/doc/stint-interposition.7.in > $@-t && mv $@-t $@
CLEANFILES += doc/stint-interposition.7 doc/stint-interposition.7-t

EXTRA_DIST += \
	doc/architecture.md \
	doc/first.c \
	doc/interposition.sh \
	doc/stint-interposition.7.in
