// Goes through the entries of a hash map of struct entry by their __u32 keys,
// or looks up and stores them one by one. Or it stores __u64 by __u32 keys, one
// by one and many at once. For each line that it reads it prints the
// nanoseconds an entry and the sum of what it saw.
//
//   map_entries dump|get|set|numbers|number-batches COUNT CHUNK 3<MAP
#include <bpf/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAP_FD = 3 };

struct entry {
  uint64_t bytes;
  uint64_t packets;
  uint32_t first;
  uint32_t last;
  uint32_t flags;
  uint32_t cpu;
};

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static uint64_t sum_of(uint32_t key, const struct entry* entry) {
  return key + entry->bytes + entry->packets + entry->first + entry->last +
         entry->flags + entry->cpu;
}

static uint64_t dump(uint32_t chunk, uint32_t* keys, struct entry* entries) {
  uint64_t sum = 0;
  uint32_t position;
  int error = 0;
  for (uint32_t* from = NULL; error == 0; from = &position) {
    uint32_t count = chunk;
    error = bpf_map_lookup_batch(MAP_FD, from, &position, keys, entries, &count,
                                 NULL);
    for (uint32_t i = 0; i < count; i++) sum += sum_of(keys[i], &entries[i]);
  }
  return sum;
}

/** @param chunk How many at once; 0 for one by one. */
static int set_numbers(uint32_t count, uint32_t chunk, uint32_t* keys,
                       uint64_t* values) {
  for (uint32_t key = 0; key < count;) {
    uint32_t filled = 0;
    for (; filled < (chunk == 0 ? 1 : chunk) && key < count; key++) {
      keys[filled] = key;
      values[filled++] = key;
    }
    const int error =
        chunk == 0 ? bpf_map_update_elem(MAP_FD, keys, values, 0)
                   : bpf_map_update_batch(MAP_FD, keys, values, &filled, NULL);
    if (error != 0) return error;
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const char* what = argv[1];
  const uint32_t count = strtoul(argv[2], NULL, 10);
  const uint32_t chunk = strtoul(argv[3], NULL, 10);
  uint32_t* keys = calloc(chunk, sizeof(*keys));
  struct entry* entries = calloc(chunk, sizeof(*entries));
  if (keys == NULL || entries == NULL) return 1;
  char line[16];
  while (fgets(line, sizeof(line), stdin) != NULL) {
    uint64_t sum = 0;
    const int64_t start = now_ns();
    if (strcmp(what, "dump") == 0) {
      sum = dump(chunk, keys, entries);
    } else if (strncmp(what, "number", 6) == 0) {
      const uint32_t at_once = strcmp(what, "numbers") == 0 ? 0 : chunk;
      if (set_numbers(count, at_once, keys, (uint64_t*)entries) != 0) return 1;
    } else {
      struct entry entry = {1, 2, 3, 4, 5, 6};
      for (uint32_t key = 0; key < count; key++) {
        const int error = strcmp(what, "get") == 0
                              ? bpf_map_lookup_elem(MAP_FD, &key, &entry)
                              : bpf_map_update_elem(MAP_FD, &key, &entry, 0);
        if (error != 0) return 1;
        sum += sum_of(key, &entry);
      }
    }
    printf("%.2f %llu\n", (double)(now_ns() - start) / count,
           (unsigned long long)sum);
    fflush(stdout);
  }
  free(keys);
  free(entries);
  return 0;
}
