#define _GNU_SOURCE
#include "CLinux.h"

void confab_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int confab_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}
