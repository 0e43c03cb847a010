// The workload that the peers trace: getpgid() calls, whose second and third
// register are a path and a sequence number for the BPF program to read.
//
//   producer --cpu C --seconds S [--rate R]
//
// Waits for a line on standard input, so that its parent can attach to its
// process id first. As fast as it goes, or R calls a second, spinning in
// between so that no sleep and no wake-up of its own is in the figures. Prints
// "calls ns_in_calls ns path_bytes": at a rate, the first nanoseconds are those
// in calls and the second all; else they are the same. The last is the sum of
// the lengths of all paths.
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { kPaths = 64, kPathBytes = 256 };

static char paths[kPaths][kPathBytes];

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void call(int64_t made) {
  syscall(SYS_getpgid, 0, paths[made % kPaths], made + 1);
}

int main(int argc, char** argv) {
  double seconds = 0;
  double rate = 0;
  int cpu = -1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const double value = atof(argv[i + 1]);
    if (strcmp(argv[i], "--cpu") == 0) cpu = (int)value;
    if (strcmp(argv[i], "--seconds") == 0) seconds = value;
    if (strcmp(argv[i], "--rate") == 0) rate = value;
  }
  if (argc % 2 == 0 || seconds <= 0 || cpu < 0) {
    fputs("producer: expected --cpu C --seconds S [--rate R]\n", stderr);
    return 2;
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) {
    perror("producer: sched_setaffinity");
    return 1;
  }
  // Of several lengths, as programs have.
  for (int i = 0; i < kPaths; i++) {
    snprintf(paths[i], kPathBytes, "/usr/lib/node_modules/%.*s/bin/tool-%d",
             4 + i % 24, "a-package-with-a-long-name-", i);
  }
  char byte;
  if (read(STDIN_FILENO, &byte, 1) != 1) return 0;

  int64_t calls = 0;
  int64_t in_calls = 0;
  const int64_t start = now_ns();
  const int64_t end = start + (int64_t)(seconds * 1e9);
  if (rate > 0) {
    for (int64_t before = start; before < end; before = now_ns()) {
      if ((double)(before - start) * rate < (double)calls * 1e9) continue;
      call(calls++);
      in_calls += now_ns() - before;
    }
  } else {
    // Looking at the clock once in a while keeps it out of the figures.
    while (calls % 64 != 0 || now_ns() < end) call(calls++);
  }
  const int64_t ns = now_ns() - start;
  int64_t path_bytes = 0;
  for (int64_t i = 0; i < calls; i++) {
    path_bytes += (int64_t)strlen(paths[i % kPaths]);
  }
  printf("%lld %lld %lld %lld\n", (long long)calls,
         (long long)(rate > 0 ? in_calls : ns), (long long)ns,
         (long long)path_bytes);
  return 0;
}
