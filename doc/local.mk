# doc/local.mk - manual pages, the architecture, and the programs of README.md
#
# Each public function has a page: its own, or one line that refers to the page that describes it
# (tests/build/manpages.sh).

nodist_man_MANS += doc/stint-interposition.7
dist_man_MANS += \
	doc/stint-environment.7 \
	doc/stint-libset.7 \
	doc/stint-scheduling.7 \
	doc/stint-trace.7 \
	doc/stint.1 \
	doc/stint.7 \
	doc/stint_barrier_destroy.3 \
	doc/stint_barrier_init.3 \
	doc/stint_barrier_wait.3 \
	doc/stint_barrier_wait_timed.3 \
	doc/stint_cancel.3 \
	doc/stint_chan_capacity.3 \
	doc/stint_chan_close.3 \
	doc/stint_chan_create.3 \
	doc/stint_chan_free.3 \
	doc/stint_chan_length.3 \
	doc/stint_chan_recv.3 \
	doc/stint_chan_recv_timed.3 \
	doc/stint_chan_send.3 \
	doc/stint_chan_send_timed.3 \
	doc/stint_cond_broadcast.3 \
	doc/stint_cond_destroy.3 \
	doc/stint_cond_signal.3 \
	doc/stint_cond_wait.3 \
	doc/stint_cond_wait_timed.3 \
	doc/stint_config_get.3 \
	doc/stint_defer.3 \
	doc/stint_free.3 \
	doc/stint_go.3 \
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
	doc/stint_mutex_destroy.3 \
	doc/stint_mutex_lock.3 \
	doc/stint_mutex_lock_timed.3 \
	doc/stint_mutex_trylock.3 \
	doc/stint_mutex_unlock.3 \
	doc/stint_once_run.3 \
	doc/stint_once_run_timed.3 \
	doc/stint_pause.3 \
	doc/stint_policy.3 \
	doc/stint_policy_builtin.3 \
	doc/stint_policy_load.3 \
	doc/stint_policy_set.3 \
	doc/stint_preempt_disable.3 \
	doc/stint_preempt_enable.3 \
	doc/stint_result.3 \
	doc/stint_resume.3 \
	doc/stint_rwlock_destroy.3 \
	doc/stint_rwlock_rdlock.3 \
	doc/stint_rwlock_rdlock_timed.3 \
	doc/stint_rwlock_tryrdlock.3 \
	doc/stint_rwlock_trywrlock.3 \
	doc/stint_rwlock_unlock.3 \
	doc/stint_rwlock_wrlock.3 \
	doc/stint_rwlock_wrlock_timed.3 \
	doc/stint_select.3 \
	doc/stint_self.3 \
	doc/stint_sem_destroy.3 \
	doc/stint_sem_init.3 \
	doc/stint_sem_post.3 \
	doc/stint_sem_trywait.3 \
	doc/stint_sem_value.3 \
	doc/stint_sem_wait.3 \
	doc/stint_sem_wait_timed.3 \
	doc/stint_start.3 \
	doc/stint_state.3 \
	doc/stint_stop.3 \
	doc/stint_thread_cancel.3 \
	doc/stint_thread_create.3 \
	doc/stint_thread_detach.3 \
	doc/stint_thread_id.3 \
	doc/stint_thread_join.3 \
	doc/stint_thread_join_timed.3 \
	doc/stint_thread_name.3 \
	doc/stint_thread_self.3 \
	doc/stint_thread_sleep.3 \
	doc/stint_thread_usage.3 \
	doc/stint_thread_yield.3 \
	doc/stint_unsupported.3 \
	doc/stint_usage.3 \
	doc/stint_version.3 \
	doc/stint_waitgroup_add.3 \
	doc/stint_waitgroup_destroy.3 \
	doc/stint_waitgroup_done.3 \
	doc/stint_waitgroup_wait.3 \
	doc/stint_waitgroup_wait_timed.3 \
	doc/stint_why.3 \
	doc/stint_worker_stats.3

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
	doc/stint-interposition.7.in \
	doc/threads.c
