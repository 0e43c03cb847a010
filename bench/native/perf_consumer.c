// The baseline in C for the perf buffer whose descriptor is 3.
//
//   perf_consumer --poll | --watermark | --timer
//
// --poll is what perf_buffer__new() gives: a wake-up for each sample, and a
// perf_buffer__poll() loop. --watermark wakes at half of a buffer and drains
// every millisecond besides; --timer drains every millisecond and is never
// woken. Each consumes until standard input is closed and then prints
// "records sum ns": the sum is that of the first 32-bit words.
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kPerfFd = 3, kPagesPerCpu = 64 };

static uint64_t records;
static uint64_t sum;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void on_sample(void* context, int cpu, void* data, uint32_t size) {
  (void)context;
  (void)cpu;
  (void)size;
  records++;
  sum += *(const uint32_t*)data;
}

struct raw_sample {
  struct perf_event_header header;
  uint32_t size;
  char data[];
};

static enum bpf_perf_event_ret on_event(void* context, int cpu,
                                        struct perf_event_header* event) {
  if (event->type == PERF_RECORD_SAMPLE) {
    struct raw_sample* sample = (struct raw_sample*)event;
    on_sample(context, cpu, sample->data, sample->size);
  }
  return LIBBPF_PERF_EVENT_CONT;
}

static struct perf_buffer* open_with_watermark(uint32_t watermark_bytes) {
  struct perf_event_attr attributes = {
      .type = PERF_TYPE_SOFTWARE,
      .size = sizeof(attributes),
      .config = PERF_COUNT_SW_BPF_OUTPUT,
      .sample_type = PERF_SAMPLE_RAW,
      .sample_period = 1,
      .watermark = 1,
      .wakeup_watermark = watermark_bytes,
  };
  return perf_buffer__new_raw(kPerfFd, kPagesPerCpu, &attributes, on_event,
                              NULL, NULL);
}

static bool input_is_closed(void) {
  char byte;
  return read(STDIN_FILENO, &byte, 1) == 0;
}

static int poll_until_closed(struct perf_buffer* perf) {
  for (;;) {
    const int result = perf_buffer__poll(perf, 100);
    if (result < 0 && result != -EINTR) return result;
    if (result == 0 && input_is_closed()) return 0;
  }
}

static int drain_until_closed(struct perf_buffer* perf, bool woken) {
  const struct timespec pause = {.tv_nsec = 1000000};
  for (;;) {
    const uint64_t before = records;
    if (woken) {
      const int result = perf_buffer__poll(perf, 1);
      if (result < 0 && result != -EINTR) return result;
    } else {
      nanosleep(&pause, NULL);
    }
    const int result = perf_buffer__consume(perf);
    if (result < 0) return result;
    if (records == before && input_is_closed()) return 0;
  }
}

int main(int argc, char** argv) {
  const char* mode = argc == 2 ? argv[1] : "";
  const bool polls = strcmp(mode, "--poll") == 0;
  const bool woken = strcmp(mode, "--watermark") == 0;
  const uint32_t buffer_bytes = kPagesPerCpu * (uint32_t)getpagesize();
  if (!polls && !woken && strcmp(mode, "--timer") != 0) {
    fputs("perf_consumer: expected --poll, --watermark or --timer\n", stderr);
    return 2;
  }
  struct perf_buffer* perf =
      polls
          ? perf_buffer__new(kPerfFd, kPagesPerCpu, on_sample, NULL, NULL, NULL)
          : open_with_watermark(woken ? buffer_bytes / 2 : buffer_bytes - 1);
  if (perf == NULL) {
    fprintf(stderr, "perf_consumer: %s\n", strerror(errno));
    return 1;
  }
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  puts("ready");
  fflush(stdout);
  const int64_t start = now_ns();
  const int result =
      polls ? poll_until_closed(perf) : drain_until_closed(perf, woken);
  if (result < 0) {
    fprintf(stderr, "perf_consumer: %s\n", strerror(-result));
  } else {
    printf("%llu %llu %lld\n", (unsigned long long)records,
           (unsigned long long)sum, (long long)(now_ns() - start));
  }
  perf_buffer__free(perf);
  return result < 0;
}
