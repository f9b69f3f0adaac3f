// Linux headers that Swift's Glibc module leaves out.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/signalfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/file.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <poll.h>
#include <fcntl.h>
#include <errno.h>
#include <unistd.h>
#include <spawn.h>
#include <pwd.h>

// For Persistence. Functions that glibc declares with _GNU_SOURCE only; with that defined here, this module's view of glibc's types
// would differ from Swift's Glibc module.
/// pthread_setname_np of the calling thread; at most 15 bytes.
void confab_name_thread(const char *name);
/// posix_spawn_file_actions_addclosefrom_np.
int confab_spawn_close_from(posix_spawn_file_actions_t *actions, int first);
/// posix_spawn_file_actions_addchdir_np.
int confab_spawn_change_directory(posix_spawn_file_actions_t *actions, const char *path);
/// pidfd_open(2), close-on-exec; older glibc has no wrapper. -1 and errno on failure.
int confab_open_pidfd(pid_t pid);
