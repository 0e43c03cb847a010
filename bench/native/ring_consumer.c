// The baseline in C: a plain ring_buffer__poll() loop, or a drain of what is
// queued, on the ring whose descriptor is 3.
//
//   ring_consumer --poll | --drain | --latency
//
// --poll consumes until standard input is closed. --drain consumes once for
// each byte on standard input. Prints "records sum ns" at the end of --poll and
// after each drain; the sum is that of the first 32-bit words. --latency is
// --poll on records that begin with their time, and prints the ns that each of
// the last ones took, one a line.
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kRingFd = 3 };

static uint64_t records;
static uint64_t sum;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int on_sample(void* context, void* data, size_t size) {
  (void)context;
  (void)size;
  records++;
  sum += *(const uint32_t*)data;
  return 0;
}

enum { kMaxLatencies = 1 << 16 };

static int64_t latencies[kMaxLatencies];

static int on_timed_sample(void* context, void* data, size_t size) {
  (void)context;
  (void)size;
  latencies[records++ % kMaxLatencies] = now_ns() - *(const int64_t*)data;
  return 0;
}

static void print_latencies(void) {
  for (uint64_t i = 0; i < records && i < kMaxLatencies; i++) {
    printf("%lld\n", (long long)latencies[i]);
  }
}

static void print_result(int64_t start_ns) {
  printf("%llu %llu %lld\n", (unsigned long long)records,
         (unsigned long long)sum, (long long)(now_ns() - start_ns));
  fflush(stdout);
  records = 0;
  sum = 0;
}

static int poll_until_closed(struct ring_buffer* ring) {
  const int64_t start = now_ns();
  char byte;
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  for (;;) {
    const int result = ring_buffer__poll(ring, 100);
    if (result < 0 && result != -EINTR) return result;
    // As rarely as the time-out: the parent reads standard input's end.
    if (result == 0 && read(STDIN_FILENO, &byte, 1) == 0) break;
  }
  if (latencies[0] != 0) {
    print_latencies();
  } else {
    print_result(start);
  }
  return 0;
}

static int drain_on_demand(struct ring_buffer* ring) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) == 1) {
    const int64_t start = now_ns();
    const int result = ring_buffer__consume(ring);
    if (result < 0) return result;
    print_result(start);
  }
  return 0;
}

int main(int argc, char** argv) {
  const bool drains = argc == 2 && strcmp(argv[1], "--drain") == 0;
  const bool timed = argc == 2 && strcmp(argv[1], "--latency") == 0;
  struct ring_buffer* ring = ring_buffer__new(
      kRingFd, timed ? on_timed_sample : on_sample, NULL, NULL);
  if (ring == NULL) {
    fprintf(stderr, "ring_consumer: %s\n", strerror(errno));
    return 1;
  }
  puts("ready");
  fflush(stdout);
  const int result = drains ? drain_on_demand(ring) : poll_until_closed(ring);
  ring_buffer__free(ring);
  if (result < 0) fprintf(stderr, "ring_consumer: %s\n", strerror(-result));
  return result < 0;
}
