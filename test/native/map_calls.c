// Makes the system calls of bpf(2) for a map that its standard input lists, a
// line each, and prints what each answers: a negative error number, or 0 and
// the value.
//
//   map_calls KEY_BYTES VALUE_BYTES 3<MAP
//
// get KEY | set KEY VALUE FLAGS | delete KEY | take KEY | push VALUE FLAGS |
// pop | peek | dump, with keys and values as hexadecimal digits. take falls
// back to two calls, as the kernel has it in one for some types only; dump
// prints "KEY VALUE" lines, sorted by nothing, and then "end".
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAP_FD = 3, NOT_SUPPORTED = 524, LINE_BYTES = 1 << 16 };

// `value` is the next key of BPF_MAP_GET_NEXT_KEY.
static int call(int command, const void* key, const void* value,
                uint64_t flags) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.map_fd = MAP_FD;
  attributes.key = (uintptr_t)key;
  attributes.value = (uintptr_t)value;
  attributes.flags = flags;
  const long result =
      syscall(SYS_bpf, command, &attributes, sizeof(attributes));
  return result < 0 ? -errno : 0;
}

static void parse(const char* digits, uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    unsigned byte = 0;
    if (sscanf(digits + 2 * i, "%2x", &byte) != 1) exit(2);
    bytes[i] = byte;
  }
}

static void print(const uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; i++) printf("%02x", bytes[i]);
}

static int take(const uint8_t* key, uint8_t* value) {
  const int error = call(BPF_MAP_LOOKUP_AND_DELETE_ELEM, key, value, 0);
  if (error != -NOT_SUPPORTED && error != -EOPNOTSUPP && error != -EINVAL) {
    return error;
  }
  const int missing = call(BPF_MAP_LOOKUP_ELEM, key, value, 0);
  return missing != 0 ? missing : call(BPF_MAP_DELETE_ELEM, key, NULL, 0);
}

static void dump(uint8_t* key, uint8_t* value, size_t key_bytes,
                 size_t value_bytes) {
  const uint8_t* last = NULL;
  uint8_t* next = malloc(key_bytes);
  if (next == NULL) exit(1);
  while (call(BPF_MAP_GET_NEXT_KEY, last, next, 0) == 0) {
    memcpy(key, next, key_bytes);
    last = key;
    if (call(BPF_MAP_LOOKUP_ELEM, key, value, 0) != 0) continue;
    print(key, key_bytes);
    printf(" ");
    print(value, value_bytes);
    printf("\n");
  }
  free(next);
  printf("end\n");
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t key_bytes = strtoul(argv[1], NULL, 10);
  const size_t value_bytes = strtoul(argv[2], NULL, 10);
  uint8_t* key = calloc(1, key_bytes + 1);
  uint8_t* value = calloc(1, value_bytes + 1);
  char* line = malloc(LINE_BYTES);
  if (key == NULL || value == NULL || line == NULL) return 1;
  while (fgets(line, LINE_BYTES, stdin) != NULL) {
    char* words[4] = {"", "", "", ""};
    int count = 0;
    for (char* word = strtok(line, " \n"); word != NULL && count < 4;
         word = strtok(NULL, " \n")) {
      words[count++] = word;
    }
    const char* what = words[0];
    int error = 0;
    int shows = 0;
    if (strcmp(what, "dump") == 0) {
      dump(key, value, key_bytes, value_bytes);
      continue;
    }
    if (strcmp(what, "push") == 0) {
      parse(words[1], value, value_bytes);
      error = call(BPF_MAP_UPDATE_ELEM, NULL, value, atoi(words[2]));
    } else if (strcmp(what, "pop") == 0) {
      error = call(BPF_MAP_LOOKUP_AND_DELETE_ELEM, NULL, value, 0);
      shows = 1;
    } else if (strcmp(what, "peek") == 0) {
      error = call(BPF_MAP_LOOKUP_ELEM, NULL, value, 0);
      shows = 1;
    } else {
      parse(words[1], key, key_bytes);
      if (strcmp(what, "get") == 0) {
        error = call(BPF_MAP_LOOKUP_ELEM, key, value, 0);
        shows = 1;
      } else if (strcmp(what, "take") == 0) {
        error = take(key, value);
        shows = 1;
      } else if (strcmp(what, "delete") == 0) {
        error = call(BPF_MAP_DELETE_ELEM, key, NULL, 0);
      } else if (strcmp(what, "set") == 0) {
        parse(words[2], value, value_bytes);
        error = call(BPF_MAP_UPDATE_ELEM, key, value, atoi(words[3]));
      } else {
        return 2;
      }
    }
    printf("%d", error);
    if (shows && error == 0) {
      printf(" ");
      print(value, value_bytes);
    }
    printf("\n");
  }
  free(key);
  free(value);
  free(line);
  return 0;
}
