# sched/local.mk - the scheduling policies, which are part of the library; included after runtime/local.mk

libstint_core_la_SOURCES += \
	sched/edf.c \
	sched/fair.c \
	sched/fifo.c \
	sched/lifo.c \
	sched/mlfq.c \
	sched/prio.c \
	sched/registry.c \
	sched/rr.c

# the simulator: linked by the stint command and by tests
sim_sources = \
	sched/sim/sim.c \
	sched/sim/sim.h \
	sched/sim/workload.c
