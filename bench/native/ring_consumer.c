// Consumers in C, on the ring whose descriptor is 3.
//
//   ring_consumer --poll | --custom | --coalesced | --drain
//                 [--exec | --times | --peer-record | --peer-event]
//                 [--back-to-back]
//
// --poll is libbpf's: a ring_buffer__poll() loop. --custom reads the ring's
// memory by itself and moves the consumer position once for many records.
// --coalesced is --poll with this library's timer: after a drain that found
// more than a few records it waits, at most until a quarter of the ring may be
// full, and drains again. --drain consumes once for each byte on standard
// input.
//
// Each consumes until standard input is closed and then prints
// "records sum ns": the sum is that of the first 32-bit words, with --exec also
// of the lengths of two strings, and of a peer's records that of all numbers
// and strings. With --times the records begin with the time at which they were
// made, and the line has " p50 p90 p99 p999 most" in ns besides. --back-to-back
// makes the system call that produces by itself, before each time that it
// consumes.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "consumed.h"

enum { kRingFd = 3 };

static int on_sample(void* context, void* data, size_t size) {
  (void)context;
  take(data, (uint32_t)size);
  return 0;
}

// --custom

struct custom_ring {
  int epoll_fd;
  uint64_t size;
  unsigned long* consumer;
  const unsigned long* producer;
  const uint8_t* data;
};

static bool open_custom(struct custom_ring* ring) {
  const size_t page = (size_t)getpagesize();
  struct bpf_map_info info = {0};
  uint32_t info_size = sizeof(info);
  if (bpf_obj_get_info_by_fd(kRingFd, &info, &info_size) != 0) return false;
  ring->size = info.max_entries;
  ring->consumer =
      mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, kRingFd, 0);
  if (ring->consumer == MAP_FAILED) return false;
  // The kernel maps the data twice in a row: records never wrap.
  const uint8_t* produced = mmap(NULL, page + 2 * ring->size, PROT_READ,
                                 MAP_SHARED, kRingFd, (off_t)page);
  if (produced == MAP_FAILED) return false;
  ring->producer = (const unsigned long*)produced;
  ring->data = produced + page;
  ring->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  return ring->epoll_fd >= 0 &&
         epoll_ctl(ring->epoll_fd, EPOLL_CTL_ADD, kRingFd, &event) == 0;
}

static void consume_custom(struct custom_ring* ring) {
  unsigned long consumer = *ring->consumer;
  unsigned long stored = consumer;
  for (;;) {
    const unsigned long producer =
        __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
    if (consumer >= producer) return;
    while (consumer < producer) {
      const uint32_t* header =
          (const uint32_t*)(ring->data + (consumer & (ring->size - 1)));
      const uint32_t length = __atomic_load_n(header, __ATOMIC_ACQUIRE);
      if ((length & BPF_RINGBUF_BUSY_BIT) != 0) {
        __atomic_store_n(ring->consumer, consumer, __ATOMIC_RELEASE);
        return;
      }
      const uint32_t size =
          length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
      if ((length & BPF_RINGBUF_DISCARD_BIT) == 0) take(header + 2, size);
      consumer += (size + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
      // Room for the producer before the rest is read.
      if (consumer - stored >= ring->size / 4) {
        __atomic_store_n(ring->consumer, consumer, __ATOMIC_RELEASE);
        stored = consumer;
      }
    }
    __atomic_store_n(ring->consumer, consumer, __ATOMIC_RELEASE);
    stored = consumer;
  }
}

// Returns the number of events, 0 after the time-out, or -errno.
static int poll_custom(struct custom_ring* ring, int timeout_ms) {
  struct epoll_event event;
  const int count = epoll_wait(ring->epoll_fd, &event, 1, timeout_ms);
  if (count > 0) consume_custom(ring);
  return count < 0 ? -errno : count;
}

// Loops

static int poll_until_closed(struct ring_buffer* ring) {
  for (;;) {
    const int result = ring_buffer__poll(ring, 100);
    if (result < 0 && result != -EINTR) return result;
    // As rarely as the time-out: the parent reads standard input's end.
    if (result == 0 && input_is_closed()) return ring_buffer__consume(ring);
  }
}

static int poll_custom_until_closed(struct custom_ring* ring) {
  for (;;) {
    const int result = poll_custom(ring, 100);
    if (result < 0 && result != -EINTR) return result;
    if (result == 0 && input_is_closed()) {
      consume_custom(ring);
      return 0;
    }
  }
}

// How long until a quarter of the ring may be full, at the rate of the last
// drain; at most 500 us.
static int64_t wait_ns(int64_t elapsed_ns, uint64_t found,
                       uint64_t ring_bytes) {
  const double bytes = (double)found * ((last_size + 15) / 8 * 8);
  const double fill_ns = (double)ring_bytes / 4 / bytes * (double)elapsed_ns;
  return fill_ns < 500000 ? (int64_t)fill_ns : 500000;
}

static int coalesce_until_closed(struct ring_buffer* ring,
                                 uint64_t ring_bytes) {
  prctl(PR_SET_TIMERSLACK, 5000, 0, 0, 0);
  int64_t last_ns = now_ns();
  for (;;) {
    int result = ring_buffer__poll(ring, 100);
    if (result < 0 && result != -EINTR) return result;
    if (result == 0 && input_is_closed()) return ring_buffer__consume(ring);
    int64_t drained_ns = now_ns();
    while (result > 4) {
      const int64_t wait =
          wait_ns(drained_ns - last_ns, (uint64_t)result, ring_bytes);
      last_ns = drained_ns;
      const struct timespec pause = {.tv_nsec = wait};
      if (wait > 4000) nanosleep(&pause, NULL);
      result = ring_buffer__consume(ring);
      if (result < 0) return result;
      drained_ns = now_ns();
    }
    last_ns = drained_ns;
  }
}

static int drain_on_demand(struct ring_buffer* ring) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) == 1) {
    const int64_t start = now_ns();
    const int result = ring_buffer__consume(ring);
    if (result < 0) return result;
    print_result(now_ns() - start);
    records = 0;
    sum = 0;
  }
  return 0;
}

static int alternate_until_closed(struct ring_buffer* ring,
                                  struct custom_ring* custom) {
  for (uint64_t i = 1;; i++) {
    if (i % 256 == 0 && input_is_closed()) return 0;
    syscall(SYS_getpgid, 0);
    if (custom != NULL) {
      consume_custom(custom);
      continue;
    }
    const int result = ring_buffer__poll(ring, 10);
    if (result < 0 && result != -EINTR) return result;
    if (result == 0 && input_is_closed()) return 0;
  }
}

int main(int argc, char** argv) {
  const char* mode = argc > 1 ? argv[1] : "";
  bool alternates = false;
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--back-to-back") == 0) {
      alternates = true;
    } else if (!parse_kind(argv[i])) {
      fprintf(stderr, "ring_consumer: unknown option %s\n", argv[i]);
      return 2;
    }
  }
  const bool polls = strcmp(mode, "--poll") == 0;
  const bool coalesces = strcmp(mode, "--coalesced") == 0;
  const bool is_custom = strcmp(mode, "--custom") == 0;
  const bool drains = strcmp(mode, "--drain") == 0;
  if (!polls && !coalesces && !is_custom && !drains) {
    fprintf(stderr, "ring_consumer: unknown mode \"%s\"\n", mode);
    return 2;
  }
  struct custom_ring custom;
  struct ring_buffer* ring =
      is_custom ? NULL : ring_buffer__new(kRingFd, on_sample, NULL, NULL);
  if (is_custom ? !open_custom(&custom) : ring == NULL) {
    fprintf(stderr, "ring_consumer: %s\n", strerror(errno));
    return 1;
  }
  struct bpf_map_info info = {0};
  uint32_t info_size = sizeof(info);
  bpf_obj_get_info_by_fd(kRingFd, &info, &info_size);
  puts("ready");
  fflush(stdout);
  if (!drains) fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  const int64_t start = now_ns();
  int result;
  if (drains) {
    result = drain_on_demand(ring);
  } else if (alternates) {
    result = alternate_until_closed(ring, is_custom ? &custom : NULL);
  } else if (is_custom) {
    result = poll_custom_until_closed(&custom);
  } else {
    result = coalesces ? coalesce_until_closed(ring, info.max_entries)
                       : poll_until_closed(ring);
  }
  if (result < 0) {
    fprintf(stderr, "ring_consumer: %s\n", strerror(-result));
  } else if (!drains) {
    print_result(now_ns() - start);
  }
  ring_buffer__free(ring);
  return result < 0;
}
