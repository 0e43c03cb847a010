// The peer in C: a plain ring_buffer__poll() loop on the ring whose descriptor
// is 3.
//
//   c_reader record|event
//
// As every peer of the bench it prints "ready", consumes until standard input
// is closed, and prints "records sum": the sum of all numbers and of the
// lengths of all strings.
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { kRingFd = 3 };

// As in test/bpf/peers.bpf.c.
struct record {
  uint32_t sequence;
  uint32_t cpu;
};

struct event {
  uint32_t sequence;
  uint32_t pid;
  uint32_t uid;
  char comm[16];
  char filename[256];
};

static uint64_t records;
static uint64_t sum;

static int on_record(void* context, void* data, size_t size) {
  const struct record* record = data;
  (void)context;
  (void)size;
  records++;
  sum += record->sequence + record->cpu;
  return 0;
}

static int on_event(void* context, void* data, size_t size) {
  const struct event* event = data;
  (void)context;
  (void)size;
  records++;
  sum += (uint64_t)event->sequence + event->pid + event->uid +
         strlen(event->comm) + strlen(event->filename);
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const int is_event = strcmp(argv[1], "event") == 0;
  struct ring_buffer* ring =
      ring_buffer__new(kRingFd, is_event ? on_event : on_record, NULL, NULL);
  if (ring == NULL) {
    fprintf(stderr, "c_reader: %s\n", strerror(errno));
    return 1;
  }
  puts("ready");
  fflush(stdout);
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  for (;;) {
    char byte;
    const int result = ring_buffer__poll(ring, 100);
    if (result < 0 && result != -EINTR) {
      fprintf(stderr, "c_reader: %s\n", strerror(-result));
      return 1;
    }
    // As rarely as the time-out: the parent reads standard input's end.
    if (result == 0 && read(STDIN_FILENO, &byte, 1) == 0) break;
  }
  printf("%llu %llu\n", (unsigned long long)records, (unsigned long long)sum);
  ring_buffer__free(ring);
  return 0;
}
