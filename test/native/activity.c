// Does what a tool is to see, so many times and no more.
//
//   activity COMMAND [ARGUMENT]... [, COMMAND [ARGUMENT]...]...
//
//   calls N              getpgid() N times and getppid() N / 2 times
//   sleep N MS           sleeps N times
//   wait N MS            N calls of the function waits(), which sleeps
//   burn CPU MS          takes so much of a CPU's time
//   gc N MS              N pairs of the probes hotspot:mem__pool__gc__begin and
//   _end pipe N               writes N times to a pipe, and reads as often
//   files DIRECTORY N    makes N files, writes and reads each, and removes it
//   datagrams N          sends N datagrams to itself, and receives each
//   exec PROGRAM ARG...  runs a program and waits for it
//
// Waits for a line on standard input, so that its parent can attach before,
// does all of it, prints a line, and waits for the end of its input, so that it
// can still be looked at.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kFileBytes = 4096 };

static void fail(const char* what) {
  perror(what);
  _exit(1);
}

// A function of its own: those of libc have no frame, so that of its caller's
// caller is what the kernel finds next.
__attribute__((noinline)) static void sleep_ms(long ms) {
  struct timespec left = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&left, &left) != 0)
    ;
}

static int64_t used_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

// A probe of <sys/sdt.h>, without arguments: a nop, and a note that says where
// it is.
#define PROBE(provider, name)                                         \
  __asm__ volatile(                                                   \
      "990: nop\n"                                                    \
      ".pushsection .note.stapsdt,\"\",\"note\"\n"                    \
      ".balign 4\n"                                                   \
      ".4byte 992f-991f, 994f-993f, 3\n"                              \
      "991: .asciz \"stapsdt\"\n"                                     \
      "992: .balign 4\n"                                              \
      "993: .8byte 990b, _.stapsdt.base, 0\n"                         \
      ".asciz \"" #provider                                           \
      "\"\n"                                                          \
      ".asciz \"" #name                                               \
      "\"\n"                                                          \
      ".asciz \"\"\n"                                                 \
      "994: .balign 4\n"                                              \
      ".popsection\n"                                                 \
      ".ifndef _.stapsdt.base\n"                                      \
      ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base," \
      "comdat\n"                                                      \
      ".weak _.stapsdt.base\n"                                        \
      ".hidden _.stapsdt.base\n"                                      \
      "_.stapsdt.base: .space 1\n"                                    \
      ".size _.stapsdt.base, 1\n"                                     \
      ".popsection\n"                                                 \
      ".endif\n")

// It is found by its name: neither inlined nor cloned. Nor does it end before
// what it calls, as it would when that were the last that it does.
__attribute__((noinline, noclone)) void waits(long ms) {
  sleep_ms(ms);
  __asm__ volatile("");
}

static void burn(long ms) {
  const int64_t end = used_ms() + ms;
  while (used_ms() < end)
    ;
}

static void run_on(long cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) fail("sched_setaffinity");
}

static void calls(long count) {
  for (long i = 0; i < count; i++) {
    syscall(SYS_getpgid, 0);
    if (i % 2 == 0) syscall(SYS_getppid);
  }
}

// javagc attaches to these four, and takes the inner ones for a collection too.
static void collect_garbage(long count, long ms) {
  if (count == 0) {
    PROBE(hotspot, gc__begin);
    PROBE(hotspot, gc__end);
  }
  for (long i = 0; i < count; i++) {
    PROBE(hotspot, mem__pool__gc__begin);
    sleep_ms(ms);
    PROBE(hotspot, mem__pool__gc__end);
  }
}

static void use_files(const char* directory, long count) {
  char path[256];
  static char bytes[kFileBytes];
  for (long i = 0; i < count; i++) {
    snprintf(path, sizeof(path), "%s/file-%ld", directory, i);
    const int fd = open(path, O_CREAT | O_RDWR, 0600);
    if (fd < 0) fail(path);
    if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes)) fail(path);
    for (int part = 0; part < 4; part++) {
      const off_t offset = part * (kFileBytes / 4);
      if (pread(fd, bytes, kFileBytes / 4, offset) < 0) fail(path);
    }
    close(fd);
    if (unlink(path) != 0) fail(path);
  }
}

// A socket on the loopback device, bound to a port that is free.
static int bound_socket(int type, struct sockaddr_in* address) {
  const int fd = socket(AF_INET, type, 0);
  socklen_t size = sizeof(*address);
  *address = (struct sockaddr_in){.sin_family = AF_INET};
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr*)address, size) != 0 ||
      getsockname(fd, (struct sockaddr*)address, &size) != 0) {
    fail("socket");
  }
  return fd;
}

static void use_datagrams(long count) {
  struct sockaddr_in address;
  const int fd = bound_socket(SOCK_DGRAM, &address);
  char byte = 0;
  if (connect(fd, (struct sockaddr*)&address, sizeof(address)) != 0) {
    fail("connect");
  }
  for (long i = 0; i < count; i++) {
    if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1) fail("send");
  }
  close(fd);
}

static void use_listeners(long count) {
  struct sockaddr_in address;
  for (int i = 1; i <= count; i++) {
    const int fd = bound_socket(SOCK_STREAM, &address);
    if (listen(fd, i) != 0) fail("listen");
    close(fd);
  }
}

static void execute(char** arguments) {
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    execv(arguments[0], arguments);
    fail(arguments[0]);
  }
  waitpid(child, NULL, 0);
}

static int is(const char* command, const char* name) {
  return strcmp(command, name) == 0;
}

static long number(const char* word) { return word == NULL ? 0 : atol(word); }

// A command with its arguments, and NULL after the last.
static void act(char** words) {
  const char* name = words[0];
  const long first = number(words[1]);
  const long second = words[1] == NULL ? 0 : number(words[2]);
  if (is(name, "calls")) {
    calls(first);
  } else if (is(name, "sleep")) {
    for (long i = 0; i < first; i++) sleep_ms(second);
  } else if (is(name, "wait")) {
    for (long i = 0; i < first; i++) waits(second);
  } else if (is(name, "burn")) {
    run_on(first);
    burn(second);
  } else if (is(name, "gc")) {
    collect_garbage(first, second);
  } else if (is(name, "listen")) {
    use_listeners(first);
  } else if (is(name, "files")) {
    use_files(words[1], second);
  } else if (is(name, "datagrams")) {
    use_datagrams(first);
  } else if (is(name, "exec")) {
    execute(words + 1);
  } else {
    fprintf(stderr, "activity: unknown command %s\n", name);
    _exit(2);
  }
}

int main(int count, char** words) {
  char line[16];
  if (read(STDIN_FILENO, line, sizeof(line)) <= 0) return 0;
  // The commands end at "," or at the end.
  for (int i = 1, start = 1; i <= count; i++) {
    if (i < count && !is(words[i], ",")) continue;
    words[i] = NULL;
    if (i > start) act(words + start);
    start = i + 1;
  }
  if (write(STDOUT_FILENO, "\n", 1) != 1) return 1;
  while (read(STDIN_FILENO, line, sizeof(line)) > 0)
    ;
  return 0;
}
