// What the consumers in C do with a record, and what they print at the end.
#ifndef BPF_RINGBUF_BENCH_NATIVE_CONSUMED_H_
#define BPF_RINGBUF_BENCH_NATIVE_CONSUMED_H_

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// As test/bpf/bench.bpf.c has it.
struct event {
  uint32_t pid;
  uint32_t ppid;
  uint32_t uid;
  char comm[16];
  uint64_t time_ns;
  char filename[496];
};

// As test/bpf/peers.bpf.c has them.
struct peer_record {
  uint32_t sequence;
  uint32_t cpu;
};

struct peer_event {
  uint32_t sequence;
  uint32_t pid;
  uint32_t uid;
  char comm[16];
  char filename[256];
};

enum kind { kWords, kExec, kTimes, kPeerRecord, kPeerEvent };
enum { kMaxLatencies = 1 << 20 };

static enum kind kind = kWords;
static uint64_t records;
static uint64_t sum;
static uint32_t last_size;
static uint32_t latencies_ns[kMaxLatencies];

static inline int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline void take(const void* data, uint32_t size) {
  sum += *(const uint32_t*)data;
  last_size = size;
  if (kind == kWords) {
    records++;
    return;
  }
  if (kind == kPeerRecord) {
    sum += ((const struct peer_record*)data)->cpu;
  } else if (kind == kPeerEvent) {
    const struct peer_event* event = data;
    sum += (uint64_t)event->pid + event->uid + strlen(event->comm) +
           strlen(event->filename);
  } else if (kind == kExec) {
    const struct event* event = data;
    sum += strnlen(event->comm, sizeof(event->comm)) +
           strnlen(event->filename, sizeof(event->filename));
  } else if (kind == kTimes) {
    int64_t made_ns;
    memcpy(&made_ns, data, sizeof(made_ns));  // a perf sample is unaligned
    const int64_t took_ns = now_ns() - made_ns;
    latencies_ns[records % kMaxLatencies] =
        took_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ns;
  }
  records++;
}

static inline bool parse_kind(const char* option) {
  if (strcmp(option, "--exec") == 0) {
    kind = kExec;
  } else if (strcmp(option, "--times") == 0) {
    kind = kTimes;
  } else if (strcmp(option, "--peer-record") == 0) {
    kind = kPeerRecord;
  } else if (strcmp(option, "--peer-event") == 0) {
    kind = kPeerEvent;
  } else {
    return false;
  }
  return true;
}

static inline bool input_is_closed(void) {
  char byte;
  return read(STDIN_FILENO, &byte, 1) == 0;
}

static int compare_latencies(const void* a, const void* b) {
  const uint32_t left = *(const uint32_t*)a;
  const uint32_t right = *(const uint32_t*)b;
  return (left > right) - (left < right);
}

static inline void print_result(int64_t took_ns) {
  printf("%llu %llu %lld", (unsigned long long)records, (unsigned long long)sum,
         (long long)took_ns);
  if (kind == kTimes && records > 0) {
    const size_t count = records < kMaxLatencies ? records : kMaxLatencies;
    qsort(latencies_ns, count, sizeof(*latencies_ns), compare_latencies);
    const double parts[] = {0.5, 0.9, 0.99, 0.999, 1};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
      printf(" %u", latencies_ns[(size_t)(parts[i] * (double)(count - 1))]);
    }
  }
  puts("");
  fflush(stdout);
}

#endif  // BPF_RINGBUF_BENCH_NATIVE_CONSUMED_H_
