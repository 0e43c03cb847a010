// Makes the system calls that a tool of examples/ is to see, and ends.
//
//   calls opens DIRECTORY N  opens files in all ways, also where it fails, and
//                            one of them N times more
//   calls mounts DIRECTORY   mounts and unmounts there, by the old calls and
//   the
//                            new ones, in a namespace of its own
//   calls capabilities       makes calls for which it must have one
//   calls memory             takes more and more memory
//   calls stats              asks about files in all ways
//   calls signals            sends itself signals in all ways, and dies of one
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int holds, const char* what) {
  if (holds) return;
  perror(what);
  _exit(1);
}

static sigjmp_buf has_faulted;

static void on_fault(int signal) {
  (void)signal;
  siglongjmp(has_faulted, 1);
}

// A call by the numbers of 32-bit programs, which mean others here. Some
// virtual machines have no interrupt for them: then it faults.
static void call_32bit(long number, long first, long second) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(number), "b"(first), "c"(second), "d"(0), "S"(0),
                     "D"(0)
                   : "r8", "r9", "r10", "r11", "memory");
#else
  (void)number, (void)first, (void)second;
#endif
}

static void opens(const char* directory, int count) {
  static char long_path[5000];
  struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC};
  int fd;

  must(chdir(directory) == 0, directory);
  // As they are in the kernel: the C library makes openat() of all.
#ifdef SYS_open
  syscall(SYS_open, "with-open", O_RDWR | O_CREAT | O_EXCL, 0600);
  syscall(SYS_creat, "with-creat", 0600);
#endif
  fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));
  must(fd >= 0, "openat2");
  syscall(SYS_openat, fd, "relative", O_WRONLY | O_CREAT | O_APPEND | O_SYNC,
          0600);
  syscall(SYS_openat, fd, "relative", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  syscall(SYS_openat, fd, ".", O_RDONLY | O_PATH);
  syscall(SYS_openat, fd, ".", O_RDWR | O_TMPFILE, 0600);
  syscall(SYS_openat, fd, "no-such", O_RDONLY);
  syscall(SYS_openat, fd, "relative/below", O_RDONLY);
  syscall(SYS_openat, fd, ".", O_WRONLY);
  syscall(SYS_openat, 12345, "no-descriptor", O_RDONLY);
  syscall(SYS_openat, fd, "", O_RDONLY);
  syscall(SYS_openat, fd, NULL, O_RDONLY);
  how.resolve = RESOLVE_BENEATH;
  syscall(SYS_openat2, fd, "/", &how, sizeof(how));
  // The longest that the kernel takes has 4095 characters.
  memset(long_path, '/', sizeof(long_path) - 1);
  syscall(SYS_openat, fd, long_path, O_RDONLY);
  strcpy(long_path + 4095 - strlen("relative"), "relative");
  memcpy(long_path, "./", 2);
  syscall(SYS_openat, fd, long_path, O_RDONLY);
  if (fork() == 0) {
    syscall(SYS_openat, fd, "of-a-child", O_RDONLY | O_CREAT, 0600);
    _exit(0);
  }
  wait(NULL);
  // Here openat() and creat() have these numbers.
  signal(SIGSEGV, on_fault);
  if (sigsetjmp(has_faulted, 1) == 0) {
    call_32bit(257, 0, 0);
    call_32bit(85, 0, 0);
  } else {
    fputs("calls: 32-bit calls are not to be had here\n", stderr);
  }
  signal(SIGSEGV, SIG_DFL);
  for (int i = 0; i < count; i++)
    close(syscall(SYS_openat, fd, "relative", O_RDONLY));
}

static void mounts(const char* directory) {
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
  int file_system, tree;

  must(unshare(CLONE_NEWNS) == 0, "unshare");
  must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "mount /");
  must(mount("of-calls", directory, "tmpfs", MS_NOEXEC | MS_NODEV, "size=1m") ==
           0,
       "mount");
  mount("none", directory, "no-such-type", 0, NULL);
  must(mount(NULL, directory, NULL, MS_REMOUNT | MS_RDONLY, "size=2m") == 0,
       "remount");
  umount2("/no-such", 0);
  must(umount2(directory, MNT_DETACH) == 0, "umount2");
  // As a program does that has never heard of mount().
  file_system = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
  syscall(SYS_fsconfig, file_system, FSCONFIG_SET_STRING, "source", "newly", 0);
  syscall(SYS_fsconfig, file_system, FSCONFIG_SET_FLAG, "no-such", NULL, 0);
  syscall(SYS_fsconfig, file_system, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
  tree = syscall(SYS_fsmount, file_system, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID);
  syscall(SYS_move_mount, tree, "", AT_FDCWD, directory,
          MOVE_MOUNT_F_EMPTY_PATH);
  syscall(SYS_mount_setattr, AT_FDCWD, directory, 0, &attributes,
          sizeof(attributes));
  syscall(SYS_open_tree, AT_FDCWD, directory, OPEN_TREE_CLONE);
  syscall(SYS_fspick, AT_FDCWD, directory, FSPICK_CLOEXEC);
  syscall(SYS_pivot_root, "/proc", directory);
  for (int fd = 3; fd < 10; fd++) close(fd);
  must(umount2(directory, UMOUNT_NOFOLLOW) == 0, "umount2");
}

static void capabilities(void) {
  syscall(SYS_chroot, "/");
  syscall(SYS_setpriority, PRIO_PROCESS, 0, -1);
  syscall(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_UDP);
  syscall(SYS_settimeofday, NULL, NULL);
  syscall(SYS_reboot, 0, 0, 0, NULL);  // not its magic numbers
  syscall(SYS_syslog, 9, NULL, 0);     // how much has not been read
  syscall(SYS_setgroups, 0, NULL);
}

static void memory(void) {
  const size_t step = 1 << 20;

  for (;;) {
    char* taken = malloc(step);
    must(taken != NULL, "malloc");
    memset(taken, 1, step);
  }
}

static void stats(void) {
  static char result[4096];

#ifdef SYS_stat
  syscall(SYS_stat, "/etc", result);
  syscall(SYS_lstat, "/etc", result);
  syscall(SYS_access, "no-such", R_OK);
#endif
  syscall(SYS_statfs, "/", result);
  syscall(SYS_newfstatat, AT_FDCWD, "/etc", result, 0);
  syscall(SYS_newfstatat, 0, "", result, AT_EMPTY_PATH);
  syscall(SYS_faccessat, AT_FDCWD, "/etc", W_OK);
  syscall(SYS_faccessat2, AT_FDCWD, "/etc", X_OK, AT_EACCESS);
  syscall(SYS_statx, AT_FDCWD, "no-such", 0, 0, result);
}

static void ignore(int signal) { (void)signal; }

static void signals(void) {
  const int caught[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, 37};
  struct itimerval soon = {.it_value = {.tv_usec = 1000}};
  pid_t self = getpid();
  sigset_t usr1, none;

  sigemptyset(&none);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++)
    signal(caught[i], ignore);
  if (fork() == 0) {
    kill(self, SIGUSR1);
    sigqueue(self, 37, (union sigval){.sival_int = 1});
    _exit(0);
  }
  while (wait(NULL) < 0)
    ;
  syscall(SYS_tgkill, self, self, SIGUSR2);
  sigprocmask(SIG_BLOCK, &usr1, NULL);
  kill(self, SIGUSR1);
  kill(self, SIGUSR1);
  sigprocmask(SIG_UNBLOCK, &usr1, NULL);
  kill(self, SIGWINCH);
  sigaddset(&none, SIGALRM);
  sigprocmask(SIG_BLOCK, &none, NULL);
  setitimer(ITIMER_REAL, &soon, NULL);
  sigemptyset(&none);
  sigsuspend(&none);
  kill(self, SIGTERM);
}

int main(int argc, char** argv) {
  if (argc == 4 && strcmp(argv[1], "opens") == 0) {
    opens(argv[2], atoi(argv[3]));
    return 0;
  }
  if (argc == 3 && strcmp(argv[1], "mounts") == 0) {
    mounts(argv[2]);
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "capabilities") == 0) {
    capabilities();
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "stats") == 0) {
    stats();
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "memory") == 0) memory();
  if (argc == 2 && strcmp(argv[1], "signals") == 0) {
    signals();
    return 0;
  }
  fprintf(stderr, "calls: what to call?\n");
  return 2;
}
