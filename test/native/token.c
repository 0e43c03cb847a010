// Runs a command in a user namespace of its own, in which a bpffs delegates all
// that BPF has: there a token stands for the capabilities that it lacks.
//
// Usage: token DIRECTORY COMMAND...
//   DIRECTORY: where the command finds the bpffs
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Of linux/mount.h, which glibc's sys/mount.h may not be included with.
enum { kSetString = 1, kCreate = 6, kMoveEmptyPath = 4 };

static void check(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "token: %s: %s\n", what, strerror(errno));
  exit(1);
}

// A byte, and a descriptor with it where there is one.
static void pass(int channel, int fd) {
  char byte = 0;
  struct iovec part = {&byte, 1};
  char control[CMSG_SPACE(sizeof(fd))] = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  }
  check(sendmsg(channel, &message, 0) == 1, "sendmsg");
}

static int receive(int channel) {
  char byte;
  struct iovec part = {&byte, 1};
  char control[CMSG_SPACE(sizeof(int))];
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
  int fd = -1;

  // It says by itself what went wrong there.
  if (recvmsg(channel, &message, 0) != 1) exit(1);
  const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL) memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return fd;
}

static void run(int channel, const char *directory, char **command) {
  check(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "unshare");
  pass(channel, -1);
  receive(channel);
  const int fs = (int)syscall(SYS_fsopen, "bpf", 0);
  check(fs >= 0, "fsopen");
  pass(channel, fs);
  receive(channel);
  const int mount = (int)syscall(SYS_fsmount, fs, 0, 0);
  check(mount >= 0, "fsmount");
  check(syscall(SYS_move_mount, mount, "", AT_FDCWD, directory,
                kMoveEmptyPath) == 0,
        "move_mount");
  execvp(command[0], command);
  check(0, command[0]);
}

static void map_root(pid_t pid, const char *file, const char *text) {
  char path[64];

  snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
        path);
  close(fd);
}

int main(int argc, char **argv) {
  const char *const delegated[] = {"delegate_cmds", "delegate_maps",
                                   "delegate_progs", "delegate_attachs"};
  int channels[2];
  int status;

  if (argc < 3) {
    fprintf(stderr, "Usage: token DIRECTORY COMMAND...\n");
    return 2;
  }
  check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channels) == 0,
        "socketpair");
  const pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    close(channels[0]);
    run(channels[1], argv[1], argv + 2);
  }
  close(channels[1]);
  receive(channels[0]);
  map_root(child, "setgroups", "deny");
  map_root(child, "uid_map", "0 0 1");
  map_root(child, "gid_map", "0 0 1");
  pass(channels[0], -1);
  // Who delegates has to be privileged; who mounts has the namespace.
  const int fs = receive(channels[0]);
  for (size_t i = 0; i < sizeof(delegated) / sizeof(delegated[0]); i++) {
    check(syscall(SYS_fsconfig, fs, kSetString, delegated[i], "any", 0) == 0,
          delegated[i]);
  }
  check(syscall(SYS_fsconfig, fs, kCreate, NULL, NULL, 0) == 0, "fsconfig");
  close(fs);
  pass(channels[0], -1);
  check(waitpid(child, &status, 0) == child, "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
