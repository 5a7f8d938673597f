/*
 * spawn.c - what a new process made by posix_spawn() is to do first: lists that libc allocates
 */
#define _GNU_SOURCE
#include <spawn.h>

#include "interpose.h"

LOCKED(int, posix_spawn_file_actions_destroy, (posix_spawn_file_actions_t *list), (list))
LOCKED(int, posix_spawn_file_actions_addopen, (posix_spawn_file_actions_t *list, int fd, const char *path, int flags,
                                               mode_t mode), (list, fd, path, flags, mode))
LOCKED(int, posix_spawn_file_actions_addclose, (posix_spawn_file_actions_t *list, int fd), (list, fd))
LOCKED(int, posix_spawn_file_actions_adddup2, (posix_spawn_file_actions_t *list, int from, int to), (list, from, to))
LOCKED(int, posix_spawn_file_actions_addchdir_np, (posix_spawn_file_actions_t *list, const char *path), (list, path))
LOCKED(int, posix_spawn_file_actions_addfchdir_np, (posix_spawn_file_actions_t *list, int fd), (list, fd))
LOCKED(int, posix_spawn_file_actions_addclosefrom_np, (posix_spawn_file_actions_t *list, int from), (list, from))
LOCKED(int, posix_spawn_file_actions_addtcsetpgrp_np, (posix_spawn_file_actions_t *list, int fd), (list, fd))
