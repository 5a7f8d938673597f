# sched/local.mk - the scheduling policies, which are part of the library; included after runtime/local.mk

libstint_core_la_SOURCES += \
	sched/edf.c \
	sched/fair.c \
	sched/fifo.c \
	sched/mlfq.c \
	sched/prio.c \
	sched/registry.c \
	sched/rr.c
