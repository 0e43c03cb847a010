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
#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAP_FD = 3, NOT_SUPPORTED = 524, LINE_BYTES = 1 << 16 };

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
  const int error = bpf_map_lookup_and_delete_elem(MAP_FD, key, value);
  if (error != -NOT_SUPPORTED && error != -EOPNOTSUPP && error != -EINVAL) {
    return error;
  }
  const int missing = bpf_map_lookup_elem(MAP_FD, key, value);
  return missing != 0 ? missing : bpf_map_delete_elem(MAP_FD, key);
}

static void dump(uint8_t* key, uint8_t* value, size_t key_bytes,
                 size_t value_bytes) {
  const uint8_t* last = NULL;
  uint8_t* next = malloc(key_bytes);
  if (next == NULL) exit(1);
  while (bpf_map_get_next_key(MAP_FD, last, next) == 0) {
    memcpy(key, next, key_bytes);
    last = key;
    if (bpf_map_lookup_elem(MAP_FD, key, value) != 0) continue;
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
      error = bpf_map_update_elem(MAP_FD, NULL, value, atoi(words[2]));
    } else if (strcmp(what, "pop") == 0) {
      error = bpf_map_lookup_and_delete_elem(MAP_FD, NULL, value);
      shows = 1;
    } else if (strcmp(what, "peek") == 0) {
      error = bpf_map_lookup_elem(MAP_FD, NULL, value);
      shows = 1;
    } else {
      parse(words[1], key, key_bytes);
      if (strcmp(what, "get") == 0) {
        error = bpf_map_lookup_elem(MAP_FD, key, value);
        shows = 1;
      } else if (strcmp(what, "take") == 0) {
        error = take(key, value);
        shows = 1;
      } else if (strcmp(what, "delete") == 0) {
        error = bpf_map_delete_elem(MAP_FD, key);
      } else if (strcmp(what, "set") == 0) {
        parse(words[2], value, value_bytes);
        error = bpf_map_update_elem(MAP_FD, key, value, atoi(words[3]));
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
