// Consumers in C, on the perf buffer whose descriptor is 3.
//
//   perf_consumer --poll | --custom | --watermark | --timer
//                 [--wakeup-events N] [--pages N] [--exec | --times]
//                 [--back-to-back]
//
// --poll is what perf_buffer__new() gives, a perf_buffer__poll() loop; it is
// woken for each sample, or for each N. --custom is the same on the buffers'
// memory without libbpf, and moves the tail once for many samples. --watermark
// wakes at half of a buffer and drains every millisecond besides; --timer
// drains every millisecond and is never woken. A buffer has N pages, 64 unless
// told.
//
// Each consumes until standard input is closed and then prints what
// ring_consumer.c prints.
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "consumed.h"

enum { kPerfFd = 3, kMaxSampleBytes = 1 << 16 };

struct raw_sample {
  struct perf_event_header header;
  uint32_t size;
  char data[];
};

static enum bpf_perf_event_ret on_event(void* context, int cpu,
                                        struct perf_event_header* event) {
  (void)context;
  (void)cpu;
  if (event->type == PERF_RECORD_SAMPLE) {
    const struct raw_sample* sample = (const struct raw_sample*)event;
    take(sample->data, sample->size);
  }
  return LIBBPF_PERF_EVENT_CONT;
}

// wakeup_events 0: from watermark_bytes on instead.
static struct perf_buffer* open_perf(size_t pages, uint32_t wakeup_events,
                                     uint32_t watermark_bytes) {
  struct perf_event_attr attributes = {
      .type = PERF_TYPE_SOFTWARE,
      .size = sizeof(attributes),
      .config = PERF_COUNT_SW_BPF_OUTPUT,
      .sample_type = PERF_SAMPLE_RAW,
      .sample_period = 1,
  };
  if (wakeup_events != 0) {
    attributes.wakeup_events = wakeup_events;
  } else {
    attributes.watermark = 1;
    attributes.wakeup_watermark = watermark_bytes;
  }
  return perf_buffer__new_raw(kPerfFd, pages, &attributes, on_event, NULL,
                              NULL);
}

// --custom

static void consume_custom_buffer(struct perf_buffer* perf, size_t index) {
  void* memory;
  size_t memory_bytes;
  if (perf_buffer__buffer(perf, (int)index, &memory, &memory_bytes) != 0) {
    return;
  }
  struct perf_event_mmap_page* page = memory;
  const uint8_t* data = (const uint8_t*)memory + page->data_offset;
  const uint64_t mask = page->data_size - 1;
  static uint8_t whole[kMaxSampleBytes];
  uint64_t tail = page->data_tail;
  for (;;) {
    const uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
    if (tail == head) return;
    while (tail != head) {
      const uint64_t start = tail & mask;
      const struct perf_event_header* event =
          (const struct perf_event_header*)(data + start);
      const uint16_t size = event->size;
      if (start + size > mask + 1) {
        const size_t first = mask + 1 - start;
        memcpy(whole, event, first);
        memcpy(whole + first, data, size - first);
        event = (const struct perf_event_header*)whole;
      }
      on_event(NULL, 0, (struct perf_event_header*)event);
      tail += size;
    }
    __atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
  }
}

static void consume_custom(struct perf_buffer* perf) {
  const size_t count = perf_buffer__buffer_cnt(perf);
  for (size_t i = 0; i < count; i++) consume_custom_buffer(perf, i);
}

static int poll_custom_until_closed(struct perf_buffer* perf) {
  struct epoll_event events[16];
  for (;;) {
    const int count = epoll_wait(perf_buffer__epoll_fd(perf), events,
                                 (int)(sizeof(events) / sizeof(*events)), 100);
    if (count < 0 && errno != EINTR) return -errno;
    consume_custom(perf);
    if (count == 0 && input_is_closed()) return 0;
  }
}

// Loops

static int poll_until_closed(struct perf_buffer* perf) {
  for (;;) {
    const int result = perf_buffer__poll(perf, 100);
    if (result < 0 && result != -EINTR) return result;
    if (result == 0 && input_is_closed()) return perf_buffer__consume(perf);
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

static int alternate_until_closed(struct perf_buffer* perf, bool is_custom) {
  for (uint64_t i = 1;; i++) {
    if (i % 256 == 0 && input_is_closed()) return 0;
    syscall(SYS_getpgid, 0);
    if (is_custom) {
      consume_custom(perf);
      continue;
    }
    const int result = perf_buffer__poll(perf, 10);
    if (result < 0 && result != -EINTR) return result;
    if (result == 0 && input_is_closed()) return 0;
  }
}

int main(int argc, char** argv) {
  const char* mode = argc > 1 ? argv[1] : "";
  uint32_t wakeup_events = 1;
  size_t pages = 64;
  bool alternates = false;
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--back-to-back") == 0) {
      alternates = true;
    } else if (strcmp(argv[i], "--wakeup-events") == 0 && i + 1 < argc) {
      wakeup_events = (uint32_t)atol(argv[++i]);
    } else if (strcmp(argv[i], "--pages") == 0 && i + 1 < argc) {
      pages = (size_t)atol(argv[++i]);
    } else if (!parse_kind(argv[i])) {
      fprintf(stderr, "perf_consumer: unknown option %s\n", argv[i]);
      return 2;
    }
  }
  const bool polls = strcmp(mode, "--poll") == 0;
  const bool is_custom = strcmp(mode, "--custom") == 0;
  const bool has_watermark = strcmp(mode, "--watermark") == 0;
  if (!polls && !is_custom && !has_watermark && strcmp(mode, "--timer") != 0) {
    fprintf(stderr, "perf_consumer: unknown mode \"%s\"\n", mode);
    return 2;
  }
  const uint32_t buffer_bytes = (uint32_t)(pages * (size_t)getpagesize());
  struct perf_buffer* perf =
      polls || is_custom
          ? open_perf(pages, wakeup_events, 0)
          : open_perf(pages, 0,
                      has_watermark ? buffer_bytes / 2 : buffer_bytes - 1);
  if (perf == NULL) {
    fprintf(stderr, "perf_consumer: %s\n", strerror(errno));
    return 1;
  }
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  puts("ready");
  fflush(stdout);
  const int64_t start = now_ns();
  int result;
  if (alternates) {
    result = alternate_until_closed(perf, is_custom);
  } else if (is_custom) {
    result = poll_custom_until_closed(perf);
  } else {
    result = polls ? poll_until_closed(perf)
                   : drain_until_closed(perf, has_watermark);
  }
  if (result < 0) {
    fprintf(stderr, "perf_consumer: %s\n", strerror(-result));
  } else {
    print_result(now_ns() - start);
  }
  perf_buffer__free(perf);
  return result < 0;
}
