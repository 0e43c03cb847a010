// Produces events: system calls from several threads, as fast as they go.
//
//   producer --threads N [--cpu C,...] [--seconds S | --calls N]
//            [--pause-us U] [--interval-ns I] [--work W]
//
// The threads take the CPUs in turn. Between calls a thread sleeps U, or spins
// until the next multiple of I, or counts to W as one that has work to do.
//
// Waits for a line on standard input, so that its parent can attach to its
// process id first; then calls getpgid() until the time is over, standard
// input is closed, or each thread has made its calls. Prints the calls made
// and the nanoseconds that it took as "calls ns".
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { kMaxThreads = 64 };

static atomic_int stop;
static double seconds = 0;
static long calls_each = 0;
static long pause_us = 0;
static long interval_ns = 0;
static long work = 0;

// What a thread made, in a cache line of its own: producers are not to wait for
// each other here.
struct Made {
  _Alignas(64) int64_t calls;
};

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void* produce(void* arg) {
  int64_t* made = arg;
  const int64_t start = now_ns();
  const int64_t end = start + (int64_t)(seconds * 1e9);
  while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
    if (calls_each != 0 && *made >= calls_each) break;
    // Looking at the clock once in a while keeps it out of the figures.
    if (seconds != 0 && *made % 64 == 0 && now_ns() >= end) break;
    syscall(SYS_getpgid, 0);
    ++*made;
    for (long i = 0; i < work; i++) __asm__ volatile("");
    while (interval_ns != 0 && now_ns() < start + *made * interval_ns) {
      if (atomic_load_explicit(&stop, memory_order_relaxed)) break;
    }
    if (pause_us != 0) {
      const struct timespec pause = {pause_us / 1000000,
                                     pause_us % 1000000 * 1000};
      nanosleep(&pause, NULL);
    }
  }
  return NULL;
}

// A closed standard input means that the parent is gone or wants an end.
static void* watch_parent(void* arg) {
  (void)arg;
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  atomic_store(&stop, 1);
  return NULL;
}

// Returns false when the CPU cannot be had.
static bool pin(pthread_t thread, int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return pthread_setaffinity_np(thread, sizeof(set), &set) == 0;
}

int main(int argc, char** argv) {
  int threads = 1;
  int cpus[kMaxThreads];
  int cpu_count = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const char* value = argv[i + 1];
    if (strcmp(argv[i], "--threads") == 0) {
      threads = atoi(value);
    } else if (strcmp(argv[i], "--cpu") == 0) {
      for (char* next = argv[i + 1]; cpu_count < kMaxThreads;) {
        cpus[cpu_count++] = (int)strtol(next, &next, 10);
        if (*next++ != ',') break;
      }
    } else if (strcmp(argv[i], "--seconds") == 0) {
      seconds = atof(value);
    } else if (strcmp(argv[i], "--calls") == 0) {
      calls_each = atol(value);
    } else if (strcmp(argv[i], "--pause-us") == 0) {
      pause_us = atol(value);
    } else if (strcmp(argv[i], "--interval-ns") == 0) {
      interval_ns = atol(value);
    } else if (strcmp(argv[i], "--work") == 0) {
      work = atol(value);
    } else {
      fprintf(stderr, "producer: unknown option %s\n", argv[i]);
      return 2;
    }
  }
  if (threads < 1 || threads > kMaxThreads) {
    fprintf(stderr, "producer: --threads must be 1 to %d\n", kMaxThreads);
    return 2;
  }
  for (int i = 0; i < cpu_count; i++) {
    if (!pin(pthread_self(), cpus[cpu_count - 1 - i])) {
      fprintf(stderr, "producer: CPU %d cannot be had\n",
              cpus[cpu_count - 1 - i]);
      return 1;
    }
  }
  char byte;
  if (read(STDIN_FILENO, &byte, 1) != 1) return 0;

  pthread_t watcher;
  pthread_create(&watcher, NULL, watch_parent, NULL);
  pthread_t producers[kMaxThreads];
  static struct Made made[kMaxThreads];
  const int64_t start = now_ns();
  for (int i = 0; i < threads; i++) {
    if (cpu_count != 0) pin(pthread_self(), cpus[i % cpu_count]);
    pthread_create(&producers[i], NULL, produce, &made[i].calls);
  }
  int64_t calls = 0;
  for (int i = 0; i < threads; i++) {
    pthread_join(producers[i], NULL);
    calls += made[i].calls;
  }
  printf("%lld %lld\n", (long long)calls, (long long)(now_ns() - start));
  return 0;
}
