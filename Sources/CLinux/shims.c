#define _GNU_SOURCE
#include "CLinux.h"
#include <sys/syscall.h>

void confab_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int confab_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int confab_spawn_change_directory(posix_spawn_file_actions_t *actions, const char *path) {
    return posix_spawn_file_actions_addchdir_np(actions, path);
}

int confab_open_pidfd(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
