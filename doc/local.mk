# doc/local.mk - manual pages and the architecture

dist_man_MANS += doc/stint.1
