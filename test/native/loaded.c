// Prints what the kernel has loaded, by its own lists: "program ID", "map ID"
// and "link ID", a line each.
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int list(const char *kind, enum bpf_cmd next_id) {
  union bpf_attr attr = {0};

  while (syscall(SYS_bpf, next_id, &attr, sizeof(attr)) == 0) {
    printf("%s %u\n", kind, attr.next_id);
    attr.start_id = attr.next_id;
  }
  if (errno == ENOENT) return 0;
  perror(kind);
  return 1;
}

int main(void) {
  return list("program", BPF_PROG_GET_NEXT_ID) |
         list("map", BPF_MAP_GET_NEXT_ID) | list("link", BPF_LINK_GET_NEXT_ID);
}
