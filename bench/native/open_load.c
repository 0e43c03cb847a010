// Opens and loads a BPF object twice, or opens, loads and attaches it once, and
// prints how long each took as "open_ns load_ns attach_ns", a line for each
// time.
//
//   open_load OBJECT [attach]
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

// 0 or -1. The links live as long as the process.
static int attach(struct bpf_object* object) {
  struct bpf_program* program;
  bpf_object__for_each_program(program, object) {
    if (bpf_program__attach(program) == NULL) return -1;
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  for (int i = 0; i < 2; i++) {
    const int64_t start = now_ns();
    struct bpf_object* object = bpf_object__open_file(argv[1], NULL);
    const int64_t opened = now_ns();
    if (object == NULL || bpf_object__load(object) != 0) {
      fprintf(stderr, "open_load: %s\n", strerror(errno));
      return 1;
    }
    const int64_t loaded = now_ns();
    if (argc > 2 && attach(object) != 0) {
      fprintf(stderr, "open_load: %s\n", strerror(errno));
      return 1;
    }
    printf("%lld %lld %lld\n", (long long)(opened - start),
           (long long)(loaded - opened), (long long)(now_ns() - loaded));
    fflush(stdout);
    if (argc > 2) return 0;
    bpf_object__close(object);
  }
  return 0;
}
