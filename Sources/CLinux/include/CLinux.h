// Linux headers that Swift's Glibc module leaves out.
//
// _GNU_SOURCE is not defined here: Glibc's own module is built without it, and the two must agree on every shared struct.
// So what that macro would declare is declared by hand.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);

// struct epoll_event is packed and holds a union, which Swift reads as raw bytes.
static inline struct epoll_event confab_epoll_event(uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return event;
}
static inline uint64_t confab_epoll_data(const struct epoll_event *event) { return event->data.u64; }

// Functions in shims.c, which sees glibc with _GNU_SOURCE.
/// pthread_setname_np of the calling thread; at most 15 bytes.
void confab_name_thread(const char *name);
/// posix_spawn_file_actions_addclosefrom_np.
int confab_spawn_close_from(posix_spawn_file_actions_t *actions, int first);
/// posix_spawn_file_actions_addchdir_np.
int confab_spawn_change_directory(posix_spawn_file_actions_t *actions, const char *path);
/// pidfd_open(2), close-on-exec; older glibc has no wrapper. -1 and errno on failure.
int confab_open_pidfd(pid_t pid);
