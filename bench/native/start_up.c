// Opens, loads and attaches a BPF object and makes a reader of its first ring,
// as a small agent does, says so by a line, and sleeps until it is killed.
//
//   start_up OBJECT
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int on_record(void* context, void* data, size_t size) {
  (void)context, (void)data, (void)size;
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  struct bpf_object* object = bpf_object__open_file(argv[1], NULL);
  if (object == NULL || bpf_object__load(object) != 0) goto failed;
  struct bpf_program* program;
  bpf_object__for_each_program(program, object) {
    if (bpf_program__attach(program) == NULL) goto failed;
  }
  struct bpf_map* map = bpf_object__find_map_by_name(object, "events");
  if (map == NULL ||
      ring_buffer__new(bpf_map__fd(map), on_record, NULL, NULL) == NULL) {
    goto failed;
  }
  if (write(STDOUT_FILENO, "attached\n", 9) != 9) return 1;
  pause();
  return 0;
failed:
  fprintf(stderr, "start_up: %s\n", strerror(errno));
  return 1;
}
