// Sends Ethernet frames through an interface, or takes those that an XDP
// program gives to an AF_XDP socket. Node has sockets of neither family.
//
// Usage: frames send INTERFACE COUNT
//        frames take INTERFACE COMMAND...
//   send: frames of the type for experiments, 0x88b5
//   take: runs COMMAND with the socket, bound to the first queue, as descriptor
//   3,
//         until that ends; prints how many frames came by then
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  kFrames = 64,
  kFrameBytes = 4096,
  kForExperiments = 0x88b5,
  kPassed = 3
};

static void check(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "frames: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void send_frames(unsigned interface, int count) {
  struct sockaddr_ll to = {.sll_family = AF_PACKET,
                           .sll_ifindex = (int)interface};
  unsigned char frame[ETH_ZLEN];
  struct ethhdr *header = (struct ethhdr *)frame;
  int fd = socket(AF_PACKET, SOCK_RAW, 0);

  check(fd >= 0, "socket");
  memset(frame, 0xff, sizeof(frame));
  header->h_proto = htons(kForExperiments);
  while (count-- > 0)
    check(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to,
                 sizeof(to)) == sizeof(frame),
          "sendto");
}

/* Makes the ring that a socket option is for, with all rings as large. */
static void *map_ring(int fd, int option, off_t at,
                      const struct xdp_ring_offset *offset) {
  int count = kFrames;
  void *ring;

  check(setsockopt(fd, SOL_XDP, option, &count, sizeof(count)) == 0, "a ring");
  if (!offset) return NULL;
  ring = mmap(NULL, offset->desc + kFrames * sizeof(struct xdp_desc),
              PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, at);
  check(ring != MAP_FAILED, "mmap of a ring");
  return ring;
}

static void take_frames(unsigned interface, char **command) {
  struct sockaddr_xdp address = {
      .sxdp_family = AF_XDP,
      .sxdp_flags = XDP_COPY,
      .sxdp_ifindex = interface,
  };
  struct xdp_mmap_offsets offsets;
  socklen_t size = sizeof(offsets);
  struct xdp_umem_reg memory = {.len = kFrames * kFrameBytes,
                                .chunk_size = kFrameBytes};
  void *frames = mmap(NULL, memory.len, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int fd = socket(AF_XDP, SOCK_RAW, 0);
  uint32_t *received;
  void *fill, *taken;
  int status;
  pid_t child;

  check(frames != MAP_FAILED, "mmap");
  check(fd >= 0, "socket");
  memory.addr = (uintptr_t)frames;
  check(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof(memory)) == 0,
        "its memory");
  check(getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) == 0,
        "its rings");
  map_ring(fd, XDP_UMEM_COMPLETION_RING, 0, NULL);
  fill =
      map_ring(fd, XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, &offsets.fr);
  taken = map_ring(fd, XDP_RX_RING, XDP_PGOFF_RX_RING, &offsets.rx);
  received = (uint32_t *)((char *)taken + offsets.rx.producer);
  for (int i = 0; i < kFrames; i++)
    ((uint64_t *)((char *)fill + offsets.fr.desc))[i] =
        (uint64_t)i * kFrameBytes;
  __atomic_store_n((uint32_t *)((char *)fill + offsets.fr.producer), kFrames,
                   __ATOMIC_RELEASE);
  check(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");

  child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    if (fd != kPassed) check(dup2(fd, kPassed) == kPassed, "dup2");
    execvp(command[0], command);
    check(0, command[0]);
  }
  check(waitpid(child, &status, 0) == child, "waitpid");
  printf("%u\n", __atomic_load_n(received, __ATOMIC_ACQUIRE));
  exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(int argc, char **argv) {
  unsigned interface = argc < 4 ? 0 : if_nametoindex(argv[2]);

  check(interface > 0,
        "Usage: frames send INTERFACE COUNT | take INTERFACE COMMAND...");
  if (strcmp(argv[1], "send") == 0)
    send_frames(interface, atoi(argv[3]));
  else
    take_frames(interface, argv + 3);
  return 0;
}
